"""The rights that a rollout needs, verb by verb, and which of them the API server does not grant.

Uses SelfSubjectAccessReview, which the server does not store.
"""

from collections.abc import Sequence

from slipway.domain.model import Record

from .connection import Connection
from .kinds import Kind, ManifestTarget
from .pruning import may_be_pruned

REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
APPLIED = ("get", "list", "create", "patch", "delete")
"""Server-side apply needs `create` for a new object; `list` and `delete` are for objects that left the manifests, and
`delete` for a Job that runs again."""


class Right(Record):
    """One verb on one kind of resource in a namespace."""

    verb: str
    group: str
    resource: str
    subresource: str = ""

    def __str__(self) -> str:
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {resource}" + (f".{self.group}" if self.group else "")


ALWAYS: tuple[Right, ...] = (
    Right(verb="list", group="", resource="pods"),
    Right(verb="list", group="", resource="events"),
    Right(verb="get", group="", resource="pods", subresource="log"),
    Right(verb="get", group="", resource="services", subresource="proxy"),
    Right(verb="list", group="apps", resource="replicasets"),
    Right(verb="list", group="apps", resource="controllerrevisions"),
)
"""The rights for reading the state of a rollout and for probes."""
FENCE: tuple[Right, ...] = tuple(
    Right(verb=verb, group="coordination.k8s.io", resource="leases") for verb in ("get", "create", "update")
)
"""The rights to the Lease that says which rollout may write."""
AUTOSCALERS = Right(verb="list", group="autoscaling", resource="horizontalpodautoscalers")
"""The right to see which workloads an autoscaler scales."""

STUCK_PODS = Right(verb="delete", group="", resource="pods")
"""The right to delete a pod that a StatefulSet does not replace."""


def rights_for_kind(kind: Kind, verbs: Sequence[str] = APPLIED) -> tuple[Right, ...]:
    """The rights for applying objects of a kind."""
    group = kind.api_version.partition("/")[0] if "/" in kind.api_version else ""
    return tuple(Right(verb=verb, group=group, resource=kind.plural) for verb in verbs)


def needed(targets: Sequence[ManifestTarget]) -> tuple[Right, ...]:
    """The rights for applying the targets, without duplicates."""
    rights = dict.fromkeys((*ALWAYS, *FENCE))
    for target in targets:
        rights.update(dict.fromkeys(rights_for_kind(target.kind, _verbs(target))))
        if target.kind.kind == "StatefulSet":
            rights[STUCK_PODS] = None
        if "replicas" in (target.manifest.get("spec") or {}):
            rights[AUTOSCALERS] = None
    return tuple(rights)


def _verbs(target: ManifestTarget) -> tuple[str, ...]:
    return APPLIED if may_be_pruned(target.kind) else tuple(verb for verb in APPLIED if verb != "delete")


def missing(connection: Connection, rights: Sequence[Right], namespace: str) -> tuple[Right, ...]:
    """The rights that the server does not grant. Raises `ClusterError`."""
    return tuple(right for right in rights if not _is_granted(connection, right, namespace))


def _is_granted(connection: Connection, right: Right, namespace: str) -> bool:
    attributes = {"namespace": namespace, "verb": right.verb, "group": right.group, "resource": right.resource}
    if right.subresource:
        attributes["subresource"] = right.subresource
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = connection.send("POST", REVIEW, what=f"ask for the right to {right}", body=body)
    return bool((answer.body.get("status") or {}).get("allowed"))
