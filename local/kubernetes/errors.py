"""Refusals in the form of the Kubernetes API: an HTTP code, a reason, and a Status as body."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .resources import Json, Resource


class ApiError(Exception):
    """A refused request; `status()` is the body that is sent."""

    def __init__(self, code: int, reason: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def status(self) -> Json:
        body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }
        return {k: v for k, v in body.items() if v is not None and (k != "reason" or v)}


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One wrong field of an object."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


def _details(resource: Resource, name: str) -> Json:
    return {"name": name, **_group(resource), "kind": resource.plural}


def _group(resource: Resource) -> Json:
    """The core group has no name, and is left out."""
    return {"group": resource.group} if resource.group else {}


def not_found(resource: Resource, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{resource.qualified} "{name}" not found', _details(resource, name))


def already_exists(resource: Resource, name: str) -> ApiError:
    return ApiError(409, "AlreadyExists", f'{resource.qualified} "{name}" already exists', _details(resource, name))


def modified(resource: Resource, name: str) -> ApiError:
    text = (
        f'Operation cannot be fulfilled on {resource.qualified} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    return ApiError(409, "Conflict", text, _details(resource, name))


def uid_mismatch(resource: Resource, name: str, uid: str) -> ApiError:
    text = (
        f'Operation cannot be fulfilled on {resource.qualified} "{name}": uid mismatch: the provided object specified '
        f"uid {uid}, and no existing object was found"
    )
    return ApiError(409, "Conflict", text, _details(resource, name))


def apply_conflict(conflicts: Sequence[tuple[str, str]]) -> ApiError:
    """Server-side apply ran into fields of others: (owner, field)."""
    count = f"{len(conflicts)} conflict{'s' if len(conflicts) > 1 else ''}"
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {owner}", "field": field}
        for owner, field in conflicts
    ]
    if len(conflicts) == 1:
        text = f"conflict with {conflicts[0][0]}: {conflicts[0][1]}"
    else:
        by_owner: dict[str, list[str]] = {}
        for owner, field in conflicts:
            by_owner.setdefault(owner, []).append(field)
        text = "\n".join(
            f"conflicts with {owner}:\n" + "\n".join(f"- {field}" for field in fields)
            for owner, fields in by_owner.items()
        )
    return ApiError(409, "Conflict", f"Apply failed with {count}: {text}", {"causes": causes})


def invalid(resource: Resource, name: str, faults: Iterable[FieldFault], *, of: str = "") -> ApiError:
    faults = list(faults)
    kind = of or resource.qualified_kind
    messages = [f"{f.field}: {f.message}" for f in faults]
    text = messages[0] if len(messages) == 1 else "[" + ", ".join(messages) + "]"
    causes = [{"reason": f.reason, "message": f.message, "field": f.field} for f in faults]
    details = {"name": name, **_group(resource), "kind": resource.kind, "causes": causes}
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {text}', details)


def invalid_options(kind: str, field: str, message: str, reason: str = "FieldValueNotSupported") -> ApiError:
    """An invalid query parameter, which the API reports like an invalid object."""
    causes = [{"reason": reason, "message": message, "field": field}]
    details = {"group": "meta.k8s.io", "kind": kind, "causes": causes}
    return ApiError(422, "Invalid", f'{kind}.meta.k8s.io "" is invalid: {field}: {message}', details)


def not_implemented(what: str) -> ApiError:
    """A real API server may know it; this double does not, and must not pretend to."""
    return ApiError(501, "NotImplemented", f"the double of Kubernetes does not know {what}")


def path_not_found() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def unavailable(message: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", message)


def expired(version: str, oldest: int) -> ApiError:
    return ApiError(410, "Expired", f"too old resource version: {version} ({oldest})")
