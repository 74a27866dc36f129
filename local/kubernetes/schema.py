"""The shape of every kind, taken from the models of the official client, to all depths.

A wrong type is always refused; an unknown field is refused, warned of or dropped, as `fieldValidation` asks.
The client is imported at the first write: it takes a third of a second.
"""

import functools
import re
from dataclasses import dataclass, field
from typing import Any

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
_SPECIAL = {("v1", "Event"): "CoreV1Event"}


@dataclass(slots=True)
class Findings:
    """What is wrong with an object, each with the path of its field."""

    unknown: list[str] = field(default_factory=list)
    mistyped: list[str] = field(default_factory=list)


def check(resource: Resource, thing: Json) -> tuple[Json, Findings]:
    """The object without unknown fields and nulls, and what was found."""
    findings = Findings()
    cleaned = _clean(_model_name(resource), thing, "", findings)
    return cleaned if isinstance(cleaned, dict) else {}, findings


def _model_name(resource: Resource) -> str:
    special = _SPECIAL.get((resource.api_version, resource.kind))
    return special or resource.api_version.rpartition("/")[2].capitalize() + resource.kind


@functools.cache
def _fields(model: str) -> dict[str, str]:
    """{name on the wire: type} of a model."""
    from kubernetes.client import models  # noqa: PLC0415 - slow to import, see above

    found = getattr(models, model)
    return {wire: found.openapi_types[name] for name, wire in found.attribute_map.items()}


def _clean(kind: str, value: Any, path: str, findings: Findings) -> Any:
    if container := _CONTAINER.fullmatch(kind):
        return _clean_container(container["outer"], container["inner"], value, path, findings)
    if kind in _GO_TYPES:
        _check_scalar(kind, value, path, findings)
        return value
    if kind == "object":
        return value
    if not isinstance(value, dict):
        findings.mistyped.append(f"cannot unmarshal {_json_type(value)} into field {path or '.'} of type {kind}")
        return value
    known = _fields(kind)
    findings.unknown += [f"{path}.{name}" for name in value if name not in known]
    return {
        name: _clean(known[name], inner, f"{path}.{name}", findings)
        for name, inner in value.items()
        if name in known and inner is not None
    }


def _clean_container(outer: str, inner: str, value: Any, path: str, findings: Findings) -> Any:
    wanted = list if outer == "List" else dict
    if not isinstance(value, wanted):
        kind = "[]" + inner if outer == "List" else "map[string]" + inner
        findings.mistyped.append(f"cannot unmarshal {_json_type(value)} into field {path} of type {kind}")
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
    if not fits:
        findings.mistyped.append(f"cannot unmarshal {_json_type(value)} into field {path} of type {_GO_TYPES[kind]}")


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
