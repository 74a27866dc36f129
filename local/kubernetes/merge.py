"""How a patch changes an object: JSON merge patch, JSON patch, strategic merge patch, and the overlay of an
apply.

Lists whose items have a key (containers by name, ports by number) are merged item by item. The keys come from a fixed
table; a real API server has them in its schema.
"""

import copy
from typing import Any

from .errors import ApiError, bad_request
from .resources import BUILT_IN_VERSIONS, Json

type Key = tuple[tuple[str, Any], ...]
"""The key of one item of a keyed list: ((field, value), …)."""

_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "conditions": ("type",),
    "hostAliases": ("ip",),
    "ownerReferences": ("uid",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
_PORT_KEYS = ("containerPort", "port")
ATOMIC = frozenset(
    {"selector", "nodeSelector", "labelSelector", "secretKeyRef", "configMapKeyRef", "fieldRef", "resourceFieldRef"}
)
"""Maps that an apply replaces as a whole."""


def item_keys(field: str, items: Any) -> tuple[str, ...] | None:
    """The key fields of this list, or None if the list is replaced as a whole."""
    if not isinstance(items, list) or not items or not all(isinstance(i, dict) for i in items):
        return None
    if field == "ports":
        return next(((k, "protocol") for k in _PORT_KEYS if all(k in i for i in items)), None)
    keys = _KEYS.get(field)
    return keys if keys and all(k in i for i in items for k in keys) else None


def identity(item: Json, keys: tuple[str, ...]) -> Key:
    return tuple((k, item.get(k, "TCP" if k == "protocol" else None)) for k in keys)


def find_item(items: list[Any], key: Key) -> int | None:
    names = tuple(k for k, _ in key)
    return next((n for n, i in enumerate(items) if isinstance(i, dict) and identity(i, names) == key), None)


def json_merge(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, maps are merged, everything else is replaced."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = json_merge(merged.get(name), value)
    return merged


def strategic_merge(target: Any, patch: Any, field: str = "") -> Any:
    """A JSON merge patch with keyed lists and the directive `$patch: delete|replace`."""
    if isinstance(patch, dict):
        if patch.get("$patch") == "replace":
            return {k: copy.deepcopy(v) for k, v in patch.items() if k != "$patch"}
        merged = dict(target) if isinstance(target, dict) else {}
        for name, value in patch.items():
            if value is None:
                merged.pop(name, None)
            elif not name.startswith("$"):
                merged[name] = strategic_merge(merged.get(name), value, name)
        return merged
    if isinstance(patch, list):
        return _strategic_list(target, patch, field)
    return patch


def _strategic_list(target: Any, patch: list[Any], field: str) -> list[Any]:
    keys = item_keys(field, patch)
    if keys is None or not isinstance(target, list):
        return copy.deepcopy([i for i in patch if not (isinstance(i, dict) and i.get("$patch") == "delete")])
    merged = list(target)
    for item in patch:
        index = find_item(merged, identity(item, keys))
        if item.get("$patch") == "delete":
            merged = [i for n, i in enumerate(merged) if n != index]
        elif index is None:
            merged.append(strategic_merge({}, item))
        else:
            merged[index] = strategic_merge(merged[index], item)
    return merged


def is_keyed(api_object: Json) -> bool:
    """Whether the object's lists have keys: those of custom resources do not, since no definition can declare any
    here."""
    return api_object.get("apiVersion") in BUILT_IN_VERSIONS


def overlay(live: Any, applied: Any, field: str = "", *, keyed: bool = True) -> Any:
    """Lay an applied configuration over the live object; what it does not mention stays."""
    if isinstance(applied, dict) and isinstance(live, dict) and not (keyed and field in ATOMIC):
        return live | {
            name: overlay(live.get(name), value, name, keyed=keyed or name == "metadata")
            for name, value in applied.items()
        }
    keys = item_keys(field, applied) if keyed else None
    if keys is None or not isinstance(live, list):
        return copy.deepcopy(applied)
    merged = list(live)
    for item in applied:
        index = find_item(merged, identity(item, keys))
        if index is None:
            merged.append(copy.deepcopy(item))
        else:
            merged[index] = overlay(merged[index], item)
    return merged


def json_patch(document: Json, operations: Any) -> Json:
    """RFC 6902: add, remove, replace, test, copy, move."""
    if not isinstance(operations, list):
        raise bad_request(f"a JSON patch is a list of operations, got {type(operations).__name__}")
    patched = copy.deepcopy(document)
    for number, operation in enumerate(operations):
        try:
            _operate(patched, operation)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            text = f"the server rejected our request due to an error in our request: operation {number}: {error}"
            raise ApiError(422, "Invalid", text) from error
    return patched


def _operate(document: Json, operation: Json) -> None:
    kind, path = operation["op"], _steps(operation["path"])
    if kind == "test":
        if _value_at(document, path) != operation["value"]:
            raise ValueError(f"test failed at {operation['path']}")
    elif kind == "remove":
        _remove(document, path)
    elif kind == "replace":
        _value_at(document, path)
        _remove(document, path)
        _add(document, path, operation["value"])
    elif kind == "add":
        _add(document, path, operation["value"])
    elif kind in ("copy", "move"):
        source = _steps(operation["from"])
        value = copy.deepcopy(_value_at(document, source))
        if kind == "move":
            _remove(document, source)
        _add(document, path, value)
    else:
        raise ValueError(f"unknown operation {kind!r}")


def _steps(pointer: str) -> list[str]:
    if not pointer.startswith("/"):
        raise ValueError(f"expected a JSON pointer that starts with /, got {pointer!r}")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _value_at(document: Any, path: list[str]) -> Any:
    for step in path:
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def _remove(document: Json, path: list[str]) -> None:
    parent = _value_at(document, path[:-1])
    del parent[int(path[-1]) if isinstance(parent, list) else path[-1]]


def _add(document: Json, path: list[str], value: Any) -> None:
    parent, last = _value_at(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        index = len(parent) if last == "-" else int(last)
        if not 0 <= index <= len(parent):
            raise IndexError(f"index {index} is outside of the list")
        parent.insert(index, copy.deepcopy(value))
    else:
        parent[last] = copy.deepcopy(value)
