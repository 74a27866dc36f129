"""Removes fields that kubectl or Helm set before and the manifest no longer has: an apply removes only fields that it
set itself.

Objects that were deployed before with `kubectl apply`, a pipeline task around it, or Helm have fields that those tools
own. An old variable or node selector would stay for ever, while the plan says "unchanged". Flux and kubectl take such
fields over by writing `managedFields`. Here they are removed by name, which writes none of the server's own fields, and
which a dry run can show. The server fills in its defaults again, so a default that counts as set by kubectl is not a
change.

Fields that people set with other commands (`kubectl edit`, `set`, `scale`) stay theirs. Replicas also stay, and so do
values that a server assigns once, such as a node port.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from .connection import ApiServerResponse
from .errors import ObjectConflict, ObjectRefused
from .fencing import CONFLICTS, FencedObjects
from .kinds import ManifestTarget
from .names import FIELD_MANAGER
from .objects import Objects
from .records import Json

FORMER = frozenset(
    {"kubectl", "kubectl-client-side-apply", "kubectl-create", "kubectl-replace", "before-first-apply", "helm", "Helm"}
)
"""Managers that set an object as a whole, from a file or a chart."""

type FieldPath = tuple[str, ...]
"""Keys of fieldsV1 down to one field: `f:spec`, `k:{"name":"web"}`."""
type Pointer = tuple[str | int, ...]

_NEVER = frozenset({"f:status", "f:apiVersion", "f:kind", "f:finalizers", "f:replicas"})
_GIVEN_OUT = frozenset({"f:clusterIP", "f:clusterIPs", "f:nodePort", "f:healthCheckNodePort", "f:volumeName"})
_OF_METADATA = tuple(("f:metadata", name) for name in ("f:labels", "f:annotations"))
_DEFAULTS = {"protocol": "TCP"}
"""Values of key fields that a manifest may leave out."""


def left_over_fields(live: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[FieldPath]:
    """The topmost fields that only former managers own and that the manifest does not have."""
    theirs, others = set[FieldPath](), set[FieldPath]()
    entries = (live.get("metadata") or {}).get("managedFields") or ()
    ours = max((str(entry.get("time")) for entry in entries if entry.get("manager") == FIELD_MANAGER), default="")
    for entry in entries:
        # A manager that applied the object server-side after Slipway shares it; an earlier one has handed it over.
        shares = entry.get("operation") == "Apply" and bool(ours) and str(entry.get("time")) > ours
        former = entry.get("manager") in FORMER and not entry.get("subresource") and not shares
        (theirs if former else others).update(paths(entry.get("fieldsV1") or {}))
    still_owned = {path[:length] for path in others for length in range(1, len(path) + 1)}
    stale = {path for path in theirs - still_owned if _may_be_removed(path) and pointer_to(path, manifest) is None}
    return sorted(path for path in stale if not any(path[:length] in stale for length in range(1, len(path))))


def pointer_to(path: FieldPath, value: Any) -> Pointer | None:
    """The field's place in the object; None if it is not there."""
    steps = list[str | int]()
    for key in path:
        step = _step(key, value)
        if step is None:
            return None
        steps.append(step)
        value = value[step]
    return tuple(steps)


def without_paths(live: Json, paths: Sequence[FieldPath]) -> Json:
    """A copy of the object without the fields."""
    copied: Json = json.loads(json.dumps(live))
    for pointer in _removal_order(copied, paths):
        holder: Any = copied
        for step in pointer[:-1]:
            holder = holder[step]
        del holder[pointer[-1]]
    return copied


def removed_fields(objects: Objects, target: ManifestTarget, live: Json) -> tuple[list[FieldPath], str]:
    """The fields that a release removes, by a dry run; and a message for fields that the server keeps."""
    paths = left_over_fields(live, target.manifest)
    if not paths:
        return [], ""
    try:
        cleaned = _remove(objects, target, live, paths, dry_run=True).body
    except ObjectRefused:
        return [], f"it has fields that were set before Slipway and that stay: {', '.join(map(field_name, paths[:5]))}"
    return [path for path in paths if pointer_to(path, cleaned) is None], ""


def remove_left_over(objects: FencedObjects, target: ManifestTarget, answer: ApiServerResponse) -> ApiServerResponse:
    """Remove the fields left over after an apply. Raises `ClusterError`."""
    live = answer.body if answer.status != HTTPStatus.CREATED else None
    last: ObjectRefused | None = None
    for _ in range(CONFLICTS):
        going = removed_fields(objects, target, live)[0] if live is not None else []
        if live is None or not going:
            return answer
        try:
            return _remove(objects, target, live, going)
        except ObjectRefused as refused:  # the dry run accepted it, so the object has changed since
            last, live = refused, objects.get(target.kind, target.name, target.namespace)
    raise ObjectConflict(f"{target.label}: somebody changes it all the time: {last}") from last


def field_name(path: FieldPath) -> str:
    """The field for people: `spec.template.spec.containers[name=web].env`."""
    text = ""
    for key in path:
        if key.startswith("f:"):
            text += f".{key[2:]}"
        else:
            text += f"[{','.join(f'{name}={value}' for name, value in _keys(key).items())}]"
    return text.lstrip(".")


def _remove(
    objects: Objects, target: ManifestTarget, live: Json, paths: Sequence[FieldPath], *, dry_run: bool = False
) -> ApiServerResponse:
    version = [] if dry_run else [_same_version(live)]
    removals = [{"op": "remove", "path": _text(pointer)} for pointer in _removal_order(live, paths)]
    return objects.patch(target, [*version, *removals], dry_run=dry_run)


def _same_version(live: Json) -> Json:
    return {"op": "test", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]}


def _removal_order(live: Json, paths: Sequence[FieldPath]) -> list[Pointer]:
    """The places of the fields, later items of a list first, so that removing one does not move the others."""
    pointers = filter(None, (pointer_to(path, live) for path in paths))
    return sorted(pointers, key=lambda pointer: [f"{s:09}" if isinstance(s, int) else s for s in pointer], reverse=True)


def _text(pointer: Pointer) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in pointer)


def _may_be_removed(path: FieldPath) -> bool:
    if path[0] == "f:metadata":
        return path[:2] in _OF_METADATA and path not in _OF_METADATA
    is_set_item = any(key.startswith("v:") for key in path)
    return not is_set_item and not _NEVER.intersection(path) and path[-1] not in _GIVEN_OUT


def paths(fields: Mapping[str, Any], path: FieldPath = ()) -> Iterator[FieldPath]:
    """Every field that a fieldsV1 names."""
    for key, inner in fields.items():
        if key == ".":
            yield path
        elif inner:
            yield from paths(inner, (*path, key))
        else:
            yield (*path, key)


def _step(key: str, value: Any) -> str | int | None:
    if key.startswith("f:"):
        return key[2:] if isinstance(value, Mapping) and key[2:] in value else None
    if key.startswith("k:") and isinstance(value, list):
        key_fields = _keys(key)
        return next(
            (n for n, item in enumerate(value) if isinstance(item, Mapping) and _item_matches(item, key_fields)), None
        )
    return None


def _item_matches(item: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(item.get(name, _DEFAULTS.get(name)) == value for name, value in wanted.items())


def _keys(key: str) -> dict[str, Any]:
    try:
        keys = json.loads(key[2:])
    except ValueError:
        return {}
    return keys if isinstance(keys, dict) else {}
