"""The rules that a Kubernetes object must meet before any cluster sees it, and its identity.

The checks catch mistakes that would otherwise fail in the middle of a rollout. They do not validate against a schema:
the API server does that, in a dry run, when a plan is made.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .documents import Document
from .images import containers
from .problems import Problem, Steps, look_up, short_value

_TEXT_MAPS: dict[str, tuple[Steps, ...]] = {"ConfigMap": (("data",),), "Secret": (("stringData",),)}
_METADATA_MAPS: tuple[Steps, ...] = (("metadata", "labels"), ("metadata", "annotations"))

MOST_OBJECTS = 500
"""Per application and environment. Drift and pruning find that many in one list of a kind, and an apply takes
seconds."""

CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "ClusterRole",
        "ClusterRoleBinding",
        "CSIDriver",
        "CustomResourceDefinition",
        "FlowSchema",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    }
)
"""Kubernetes' own cluster-scoped kinds. Any other object gets a namespace, which the API server drops for
cluster-scoped custom resources."""


_SERVER_METADATA = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
_SERVER_ANNOTATIONS = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",  # repeats the object, including a Secret's values
        "deployment.kubernetes.io/revision",
        "deprecated.daemonset.template.generation",
        "slipway.dev/order",  # from the rollout that applied it, and its plan: the next rollout writes its own
        "slipway.dev/plan",
        "slipway.dev/made",
    }
)


def without_server_fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """The object without its status and without the metadata that only a server, or `kubectl apply`, sets.

    Exported manifests have them. An API server refuses some of them, and looks for the object with that uid.
    """
    metadata = {k: v for k, v in (value.get("metadata") or {}).items() if k not in _SERVER_METADATA}
    annotations = {k: v for k, v in (metadata.pop("annotations", None) or {}).items() if k not in _SERVER_ANNOTATIONS}
    if annotations:
        metadata["annotations"] = annotations
    fields = {k: v for k, v in value.items() if k not in ("status", "metadata")}
    return {**fields, "metadata": metadata}


def check_object(document: Document, value: Any, *, namespace: str) -> Iterator[Problem]:
    """The problems of one object; `value` is the document's value with its names replaced."""
    if not isinstance(value, dict):
        yield document.problem((), expected="a mapping with apiVersion, kind and metadata", got=short_value(value))
        return
    for steps, text in document.ambiguous.items():
        yield document.problem(
            steps, expected="true, false, or text in quotes", got=f"{text}, which some readers take for a boolean"
        )
    for steps in (("apiVersion",), ("kind",), ("metadata", "name")):
        field_value = look_up(value, steps)
        if not isinstance(field_value, str) or not field_value:
            yield document.problem(steps, expected="text", got=short_value(field_value))
    if str(value.get("kind", "")).endswith("List") and isinstance(value.get("items"), list):
        expected = "one object in each document, divided by ---"
        yield document.problem(("kind",), expected=expected, got=short_value(value["kind"]))
    namespace_given = look_up(value, ("metadata", "namespace"))
    if str(value.get("kind")) not in CLUSTER_SCOPED and namespace_given not in (None, namespace):
        expected = f"none, or {namespace!r} as the environment says"
        yield document.problem(("metadata", "namespace"), expected=expected, got=short_value(namespace_given))
    if owners := look_up(value, ("metadata", "ownerReferences")):
        expected = "none: an owner is named by its uid, and a cluster that has no such owner deletes the object"
        yield document.problem(("metadata", "ownerReferences"), expected=expected, got=short_value(owners))
    yield from _check_text(document, value)


def check_job(document: Document, value: Any) -> Iterator[Problem]:
    """The problems of an acceptance Job that `check_object` does not find."""
    if not isinstance(value, dict):
        return
    type_of_object = (value.get("apiVersion"), value.get("kind"))
    if type_of_object != ("batch/v1", "Job"):
        yield document.problem(
            ("kind",), expected="a Job of batch/v1", got=f"{type_of_object[1]} of {type_of_object[0]}"
        )
    elif not any(True for _ in containers(value)):
        yield document.problem(("spec",), expected="spec.template.spec.containers with a container", got="none")


def identity(value: Any) -> tuple[str, str, str, str]:
    """(API group, kind, namespace, name), which is unique in a cluster."""
    group, slash, _ = str(value["apiVersion"]).rpartition("/")
    metadata = value["metadata"]
    return (group if slash else "", value["kind"], metadata.get("namespace", ""), metadata["name"])


def _check_text(document: Document, value: dict[str, Any]) -> Iterator[Problem]:
    """The problems of maps with text values, in which every cluster refuses unquoted numbers and booleans."""
    for steps in (*_METADATA_MAPS, *_TEXT_MAPS.get(str(value.get("kind")), ())):
        entries = look_up(value, steps)
        if entries is not None and not isinstance(entries, dict):
            yield document.problem(steps, expected="a mapping", got=short_value(entries))
            continue
        for key, item in (entries or {}).items():
            if not isinstance(item, str) and item is not None:
                yield document.problem((*steps, key), "put it in quotes", expected="text", got=short_value(item))
    for at, container in containers(value):
        variables = container.get("env")
        for index, variable in enumerate(variables if isinstance(variables, list) else []):
            item = variable.get("value") if isinstance(variable, dict) else None
            if not isinstance(item, str) and item is not None:
                steps = (*at, "env", index, "value")
                yield document.problem(steps, "put it in quotes", expected="text", got=short_value(item))
