"""The parts of a request that the double supports. It refuses every other part with 501, by name.

A real API server ignores parameters and headers that it does not know. If the double did so, a test could pass although
a feature was ignored. The tables are complete: what is not in them is not supported.
"""

import re
from collections.abc import Iterator
from typing import Any

from .errors import ApiError, not_implemented
from .exchange import Request
from .resources import DEFINITIONS, Json, Resource
from .structural import check_known

HEADERS = frozenset(
    {
        *("accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host"),
        *("user-agent", "kubectl-command", "kubectl-session", "traceparent", "tracestate"),
    }
)
_WRITE = frozenset({"fieldManager", "fieldValidation", "dryRun", "pretty"})
_LIST = frozenset(
    {"labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "timeoutSeconds", "pretty"}
)
_WATCH = _LIST | {"watch", "allowWatchBookmarks", "sendInitialEvents", "resourceVersionMatch"}
_DELETE = frozenset({"propagationPolicy", "gracePeriodSeconds", "dryRun", "labelSelector", "fieldSelector", "pretty"})
_LOG = frozenset({"container", "previous", "tailLines", "limitBytes", "pretty"})
QUERIES = {
    "GET": _WATCH,
    "HEAD": _WATCH,
    "POST": _WRITE,
    "PUT": _WRITE,
    "PATCH": _WRITE | {"force"},
    "DELETE": _DELETE,
}
"""The supported parameters, by method; logs have others."""

JSON = "application/json"
AGGREGATED = "APIGroupDiscoveryList"
"""The form of discovery that lists all kinds at once."""
NAMES_ONLY = ("PartialObjectMetadata", "PartialObjectMetadataList")
_OTHER_FORMS = ("application/yaml", "application/vnd.kubernetes.protobuf", "application/cbor")
_AVAILABLE = (
    "application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, "
    "application/vnd.kubernetes.protobuf;stream=watch"
)

_POD_FIELDS = {
    "ephemeralContainers": None,
    "activeDeadlineSeconds": None,
    "initContainers[].restartPolicy": None,
    "containers[].livenessProbe.exec": None,
    "containers[].readinessProbe.exec": None,
    "containers[].startupProbe.exec": None,
    "containers[].livenessProbe.grpc": None,
    "containers[].readinessProbe.grpc": None,
    "containers[].startupProbe.grpc": None,
}
_JOB_FIELDS = {
    "spec.completionMode": "NonIndexed",
    "spec.backoffLimitPerIndex": None,
    "spec.maxFailedIndexes": None,
    "spec.podFailurePolicy": None,
    "spec.successPolicy": None,
    "spec.managedBy": None,
}
FIELDS: dict[str, dict[str, Any]] = {
    DEFINITIONS.kind: {
        "spec.conversion.strategy": "None",
        "spec.preserveUnknownFields": False,
        "spec.names.categories": None,
        "spec.versions[].subresources.scale": None,
        "spec.versions[].selectableFields": None,
    },
    "Pod": {f"spec.{path}": value for path, value in _POD_FIELDS.items()},
    "Job": {**_JOB_FIELDS, **{f"spec.template.spec.{path}": value for path, value in _POD_FIELDS.items()}},
    **{
        kind: {f"spec.template.spec.{path}": value for path, value in _POD_FIELDS.items()}
        for kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")
    },
}
"""Fields that the schema has but the double does not act on, by kind, with the one harmless value of each."""


def check_request(request: Request, *, log: bool) -> None:
    """Check every request except those to the proxy, whose headers and parameters are meant for the pod."""
    for name in request.headers:
        if name not in HEADERS:
            raise not_implemented(f"the header {name}")
    if any(form in request.content_type for form in ("protobuf", "cbor")):
        raise not_implemented(f"the media type {request.content_type}")
    for name in request.query:
        if name not in (_LOG if log else QUERIES.get(request.method, frozenset())):
            raise not_implemented(f"the parameter {name} of {request.method}")


def check_fields(resource: Resource, body: Json) -> None:
    if resource is DEFINITIONS:
        check_known(body)
    for path, harmless in FIELDS.get(resource.kind, {}).items():
        if any(value != harmless for value in _values(body, re.split(r"\.", path))):
            raise not_implemented(f"the field {path} of {resource.kind}")


def _values(value: Any, path: list[str]) -> Iterator[Any]:
    if not path:
        yield value
        return
    step, remaining = path[0], path[1:]
    inner = value.get(step.removesuffix("[]")) if isinstance(value, dict) else None
    if step.endswith("[]"):
        for item in inner if isinstance(inner, list) else []:
            yield from _values(item, remaining)
    elif inner is not None:
        yield from _values(inner, remaining)


def wants_aggregated(request: Request) -> bool:
    """Whether the client requests the discovery document of all kinds at once."""
    first, _, _ = (request.headers.get("accept") or "*/*").partition(",")
    media, _, parameter_text = first.strip().partition(";")
    parameters = dict(parameter.strip().partition("=")[::2] for parameter in parameter_text.split(";"))
    if media != JSON or parameters.get("as") is None:
        return False
    if parameters == {"g": "apidiscovery.k8s.io", "v": "v2", "as": AGGREGATED} and request.path in ("/api", "/apis"):
        return True
    raise not_implemented(f"the media type {first} of {request.path}")


def names_only(request: Request) -> bool:
    """Whether only metadata is requested: the first media type in Accept that the double supports decides.

    Raises ApiError: 406 if no server supports one, 501 if only a real one does.
    """
    accept = request.headers.get("accept") or "*/*"
    unsupported: list[str] = []
    for form in (part.strip() for part in accept.split(",")):
        media, _, parameter_text = form.partition(";")
        parameters = dict(parameter.strip().partition("=")[::2] for parameter in parameter_text.split(";"))
        kind = parameters.get("as")
        if media in (JSON, "*/*", "application/*"):
            if kind is None:
                return False
            if kind in NAMES_ONLY and parameters.get("g") == "meta.k8s.io" and parameters.get("v") == "v1":
                return True
            unsupported.append(form)
        elif media in _OTHER_FORMS:
            unsupported.append(form)
    if unsupported:
        raise not_implemented(f"the media type {unsupported[0]}")
    text = f"406: Not Acceptable\n\nAvailable representations: {_AVAILABLE}"
    raise ApiError(406, "NotAcceptable", text, {})


def without_all_but_metadata(document: Json) -> Json:
    """An object, or a list of them, in the short form that the API offers."""
    if "items" not in document:
        return {"kind": NAMES_ONLY[0], "apiVersion": "meta.k8s.io/v1", "metadata": document["metadata"]}
    return {
        "kind": NAMES_ONLY[1],
        "apiVersion": "meta.k8s.io/v1",
        "metadata": document["metadata"],
        "items": [without_all_but_metadata(item) for item in document["items"]],
    }
