"""Checks an object against the shape of its kind, taken from the models of the official client, at any depth.

A wrong type is always refused; an unknown field is refused, warned about or dropped, as `fieldValidation` says. The
client is imported at the first write, because that takes a third of a second.
"""

import functools
import json
import re
from dataclasses import dataclass, field
from typing import Any

from . import structural
from .merge import Key, identity, item_keys
from .resources import Json, Resource

_CONTAINER = re.compile(r"(?P<outer>List|Dict)\[(?:str, )?(?P<inner>.+)\]")
_QUANTITIES = frozenset({"limits", "requests", "hard", "capacity", "overhead", "allocatable"})
_GO_TYPES = {
    "str": "string",
    "int": "int32",
    "bool": "bool",
    "float": "float64",
    "datetime": "Time",
    "bytes": "[]uint8",
}
_MERGED = {"int": "numeric (int or float)", "float": "numeric (int or float)", "bool": "boolean"}
_ONE_QUANTITY = re.compile(r".*\.(sizeLimit|divisor|target\.(averageValue|value))")
_QUANTITY = re.compile(r"([+-]?[0-9.]*)([eEinumkKMGTP]*[-+]?[0-9]*)")
_NO_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_SPECIAL = {("v1", "Event"): "CoreV1Event"}


@dataclass(slots=True)
class Findings:
    """The faults of an object, each with the path of its field."""

    unknown: list[str] = field(default_factory=list)
    mistyped: list[str] = field(default_factory=list)
    """Fields of the wrong type, in the text of a create or an update."""
    untyped: list[str] = field(default_factory=list)
    """The same, in the text of an apply."""

    def add_type(self, value: Any, path: str, expected: str, *, merged: str) -> None:
        self.mistyped.append(f"cannot unmarshal {_json_type(value)} into field {path or '.'} of type {expected}")
        self.untyped.append(f"{path}: expected {merged}, got {_go_value(value, merged)}")


def check(resource: Resource, api_object: Json) -> tuple[Json, Findings]:
    """The object without unknown fields and nulls, and the faults."""
    findings = Findings()
    if resource.structural is not None:
        return _custom(resource.structural, api_object, findings), findings
    cleaned = _clean(_model_name(resource), api_object, "", findings)
    return cleaned if isinstance(cleaned, dict) else {}, findings


def _custom(of: Json, api_object: Json, findings: Findings) -> Json:
    """A custom resource: its metadata as for every object, the rest by its definition."""
    cleaned: Json = structural.prune(of, api_object, "", findings.unknown, findings.untyped)
    findings.unknown.sort()
    if "metadata" in cleaned:
        cleaned["metadata"] = _clean("V1ObjectMeta", cleaned["metadata"], ".metadata", findings)
    return cleaned


def _model_name(resource: Resource) -> str:
    special = _SPECIAL.get((resource.api_version, resource.kind))
    return special or resource.api_version.rpartition("/")[2].capitalize() + resource.kind


@functools.cache
def _fields(model: str) -> dict[str, str]:
    """{name in JSON: type} of a model."""
    from kubernetes.client import models  # noqa: PLC0415 - slow to import, see above

    model_class = getattr(models, model)
    return {wire: model_class.openapi_types[name] for name, wire in model_class.attribute_map.items()}


def _clean(kind: str, value: Any, path: str, findings: Findings) -> Any:
    if container := _CONTAINER.fullmatch(kind):
        return _clean_container(container["outer"], container["inner"], value, path, findings)
    if kind in _GO_TYPES:
        _check_scalar(kind, value, path, findings)
        return value
    if kind == "object":
        return value
    if not isinstance(value, dict):
        findings.add_type(value, path, kind, merged="map")
        return value
    field_types = _fields(kind)
    findings.unknown += [f"{path}.{name}" for name in value if name not in field_types]
    return {
        name: _clean(field_types[name], inner, f"{path}.{name}", findings)
        for name, inner in value.items()
        if name in field_types and inner is not None
    }


def _clean_container(outer: str, inner: str, value: Any, path: str, findings: Findings) -> Any:
    expected_type = list if outer == "List" else dict
    if not isinstance(value, expected_type):
        kind = "[]" + inner if outer == "List" else "map[string]" + inner
        findings.add_type(value, path, kind, merged="list" if outer == "List" else "map")
        return value
    if isinstance(value, list):
        return [_clean(inner, item, f"{path}[{n}]", findings) for n, item in enumerate(value)]
    if path.rpartition(".")[2] in _QUANTITIES:
        return {name: item if isinstance(item, str) else str(item) for name, item in value.items()}
    return {name: _clean(inner, item, f"{path}.{name}", findings) for name, item in value.items() if item is not None}


def _check_scalar(kind: str, value: Any, path: str, findings: Findings) -> None:
    match kind:
        case "int":
            fits = isinstance(value, int) and not isinstance(value, bool)
        case "float":
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        case "bool":
            fits = isinstance(value, bool)
        case _:
            fits = isinstance(value, str)
    if not fits and not (_ONE_QUANTITY.fullmatch(path) and isinstance(value, int | float)):
        findings.add_type(value, path, _GO_TYPES[kind], merged=_MERGED.get(kind, "string"))


def duplicate_keys(value: Any, path: str = "", name: str = "") -> list[str]:
    """Faults of keyed lists in which two items have the same key, so that an apply could not tell them apart."""
    if isinstance(value, dict):
        return [duplicate for key, inner in value.items() for duplicate in duplicate_keys(inner, f"{path}.{key}", key)]
    if not isinstance(value, list):
        return []
    keys = item_keys(name, value)
    duplicates: list[str] = []
    keys_seen: set[Key] = set()
    for number, item in enumerate(value):
        key = identity(item, keys) if keys else ()
        item_name = "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in key) + "]" if key else f"[{number}]"
        if key and key in keys_seen:
            duplicates.append(f"{path}: duplicate entries for key {item_name}")
        keys_seen.add(key)
        duplicates += duplicate_keys(item, f"{path}{item_name}")
    return duplicates


def unconvertible(resource: Resource, api_object: Json) -> str:
    """Why a value of the right type cannot be converted to what its field holds; empty if all can."""
    if resource.kind == "Secret":
        for value in (api_object.get("data") or {}).values():
            text = str(value).replace("\n", "")  # like Go's decoder
            if not _BASE64.fullmatch(text) or len(text) % 4:
                good = re.match(r"[A-Za-z0-9+/]*", text)
                return f"error decoding from json: illegal base64 data at input byte {good.end() if good else 0}"
    return _NO_QUANTITY if any(not _QUANTITY.fullmatch(text) or not text for text in _quantities(api_object)) else ""


def _quantities(value: Any, name: str = "") -> list[str]:
    if isinstance(value, dict):
        if name in _QUANTITIES:
            return [str(inner) for inner in value.values()]
        return [text for key, inner in value.items() for text in _quantities(inner, key)]
    return [text for item in value for text in _quantities(item)] if isinstance(value, list) else []


def _go_value(value: Any, expected: str) -> str:
    if expected in ("map", "list"):
        return "&{" + ("[" + " ".join(map(str, value)) + "]" if isinstance(value, list) else str(value)) + "}"
    return "&value.valueUnstructured{Value:" + str(value) + "}" if expected == "string" else _json_type(value)


def _json_type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            return "null"
