"""Requests to an API server, and the objects in them, for the situations in `questions.py`."""

import json
from dataclasses import dataclass, field
from typing import Any

type Json = dict[str, Any]

CORE, APPS, BATCH = "/api/v1/namespaces/rec", "/apis/apps/v1/namespaces/rec", "/apis/batch/v1/namespaces/rec"
RBAC, NETWORK = "/apis/rbac.authorization.k8s.io/v1/namespaces/rec", "/apis/networking.k8s.io/v1/namespaces/rec"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/rec/leases"
AUTH = "/apis/authorization.k8s.io/v1"
APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
STRATEGIC, JSON_PATCH = "application/strategic-merge-patch+json", "application/json-patch+json"
FORCE = "fieldManager=slipway&force=true"
STRICT = "fieldManager=slipway&force=true&fieldValidation=Strict"


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request."""

    method: str
    path: str
    body: Any = None
    media: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    until: int = 0
    """The request is repeated until it has this status; 0 to send it once."""

    @property
    def content(self) -> bytes:
        return b"" if self.body is None else json.dumps(self.body).encode()


def get(path: str, **headers: str) -> Request:
    return Request(method="GET", path=path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def until(status: int, path: str) -> Request:
    return Request(method="GET", path=path, until=status)


def post(path: str, body: Json) -> Request:
    return Request(method="POST", path=path, body=body)


def put(path: str, body: Json) -> Request:
    return Request(method="PUT", path=path, body=body)


def patch(path: str, body: Any, media: str = MERGE) -> Request:
    return Request(method="PATCH", path=path, body=body, media=media)


def delete(path: str, body: Json | None = None) -> Request:
    return Request(method="DELETE", path=path, body=body)


def apply(root: str, plural: str, manifest: Json, query: str = FORCE) -> Request:
    return Request(
        method="PATCH", path=f"{root}/{plural}/{manifest['metadata']['name']}?{query}", body=manifest, media=APPLY
    )


# ---- objects


def manifest(api_version: str, kind: str, name: str, **fields: Any) -> Json:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **fields}


def config(name: str = "settings", **data: Any) -> Json:
    return manifest("v1", "ConfigMap", name, data=data)


def secret(**fields: Any) -> Json:
    return manifest("v1", "Secret", "login", **fields)


def container(**fields: Any) -> Json:
    return {"name": "main", "image": "registry.example/web:1", **fields}


def template(**fields: Any) -> Json:
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container(**fields)]}}


def deployment(spec: Json | None = None, **of_container: Any) -> Json:
    defaults = {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template(**of_container)}
    return manifest("apps/v1", "Deployment", "web", spec=defaults | (spec or {}))


def stateful_set(**spec: Any) -> Json:
    defaults = {"replicas": 0, "serviceName": "db", "selector": {"matchLabels": {"app": "web"}}, "template": template()}
    return manifest("apps/v1", "StatefulSet", "db", spec=defaults | spec)


def job(image: str = "registry.example/web:1", **spec: Any) -> Json:
    pod = {"restartPolicy": "Never", "containers": [container(image=image)]}
    return manifest("batch/v1", "Job", "migrate", spec={"suspend": True, "template": {"spec": pod}, **spec})


def service(**spec: Any) -> Json:
    return manifest("v1", "Service", "web", spec={"selector": {"app": "web"}, "ports": [{"port": 80}], **spec})


def binding(role: str) -> Json:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role}
    return manifest("rbac.authorization.k8s.io/v1", "RoleBinding", "b", roleRef=reference, subjects=[])


def ingress(**path: Any) -> Json:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rule = {"host": "a.example", "http": {"paths": [{"path": "/", "backend": backend, **path}]}}
    return manifest("networking.k8s.io/v1", "Ingress", "web", spec={"rules": [rule]})


def lease(holder: str, **metadata: Any) -> Json:
    base = manifest("coordination.k8s.io/v1", "Lease", "order", spec={"holderIdentity": holder})
    return {**base, "metadata": {**base["metadata"], **metadata}}


def with_metadata(manifest: Json, **metadata: Any) -> Json:
    return {**manifest, "metadata": {**manifest["metadata"], **metadata}}


DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_SPEC: Json = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer"},
        "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "crew": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def definition(group: str, schema: Json | None = None, *, name: str = "", status: bool = True) -> Json:
    """The definition of a kind `Boat`, whose objects have a size."""
    status_too: Json = {"subresources": {"status": {}}} if status else {}
    states = {"status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    usual = {"type": "object", "properties": {"spec": _SPEC, **states}}
    version = {"name": "v1", "served": True, "storage": True, **status_too}
    version |= {"schema": {"openAPIV3Schema": usual if schema is None else schema}} if schema != {} else {}
    spec = {"group": group, "scope": "Namespaced", "names": {"kind": "Boat", "plural": "boats"}, "versions": [version]}
    return manifest("apiextensions.k8s.io/v1", "CustomResourceDefinition", name or f"boats.{group}", spec=spec)


def boats(group: str) -> str:
    return f"/apis/{group}/v1/namespaces/rec"


def boat(group: str, spec: Any = None, **fields: Any) -> Json:
    return manifest(f"{group}/v1", "Boat", "ada", spec={"size": 1} if spec is None else spec, **fields)


def served_kind(group: str, **options: Any) -> tuple[Request, ...]:
    """Create a definition, and wait until its kind is served."""
    return post(DEFINITIONS, definition(group, **options)), until(200, f"{boats(group)}/boats")


EMPTY = {"a": {"k": "1"}, "b": {"k": "1", "l": "2"}}
NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
