"""Custom resources: what their definitions say of their shape. Fields that a schema does not have are pruned.

The keywords that stand here are all that is known. A definition with another one is refused by its name (501): a double
that ignored a rule would take objects that no cluster takes.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any

from .errors import ApiError, FieldFault, not_implemented
from .resources import BUILT_IN_KINDS, Json, Resource

KEEPS = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
_KEYWORDS = frozenset(
    {"type", "properties", "additionalProperties", "items", "required", "enum", "default", "nullable", KEEPS}
    | {"description", "title", "example", INT_OR_STRING}
)
_TYPES = {"integer": int, "number": int | float, "string": str, "boolean": bool, "object": dict, "array": list}
_MERGED = {
    "integer": "numeric (int or float)",
    "number": "numeric (int or float)",
    "object": "map",
    "array": "list",
}
_OF_EVERY_OBJECT = frozenset({"apiVersion", "kind", "metadata"})
ESTABLISHED = "Established"


def check_known(definition: Json) -> None:
    """Refuse what the double does not act on. Raises ApiError."""
    spec = definition.get("spec") or {}
    versions = spec.get("versions") or []
    if len(versions) > 1:
        raise not_implemented("a definition of several versions")
    kind = (spec.get("names") or {}).get("kind")
    if kind in BUILT_IN_KINDS:
        raise not_implemented(f"a definition of a kind that Kubernetes has too: {kind}")
    for version in versions:
        for keyword in _unknown((version.get("schema") or {}).get("openAPIV3Schema")):
            raise not_implemented(f"the keyword {keyword} of a definition's schema")


def _unknown(schema: Any) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    yield from (keyword for keyword in schema if keyword not in _KEYWORDS)
    for inner in (*(schema.get("properties") or {}).values(), schema.get("items"), schema.get("additionalProperties")):
        yield from _unknown(inner)


def definition_faults(definition: Json) -> Iterator[FieldFault]:
    """The problems for which an API server refuses a definition, as far as the double knows its keywords."""
    spec = definition["spec"]
    name, wanted = definition["metadata"]["name"], f"{spec['names']['plural']}.{spec['group']}"
    if name != wanted:
        yield FieldFault("metadata.name", f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group')
    for number, version in enumerate(spec["versions"]):
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is None:
            field = f"spec.versions[{number}].schema.openAPIV3Schema"
            yield FieldFault(field, "Required value", "FieldValueRequired")
        else:
            yield from _type_faults(schema, "spec.validation.openAPIV3Schema", root=True)


def _type_faults(schema: Json, path: str, *, root: bool = False) -> Iterator[FieldFault]:
    if not schema.get("type") and not schema.get(KEEPS) and not schema.get(INT_OR_STRING):
        where = "at the root" if root else "for specified object fields"
        yield FieldFault(f"{path}.type", f"Required value: must not be empty {where}", "FieldValueRequired")
    for name, inner in (schema.get("properties") or {}).items():
        yield from _type_faults(inner, f"{path}.properties[{name}]")


def defined(definition: Json) -> Resource | None:
    """The kind that a definition adds; None as long as the server does not serve it."""
    conditions = (definition.get("status") or {}).get("conditions") or []
    if not any(each["type"] == ESTABLISHED and each["status"] == "True" for each in conditions):
        return None
    spec = definition["spec"]
    names, (version,) = spec["names"], spec["versions"]
    if not version.get("served"):
        return None
    return Resource(
        api_version=f"{spec['group']}/{version['name']}",
        plural=names["plural"],
        kind=names["kind"],
        singular=names["singular"],
        namespaced=spec["scope"] == "Namespaced",
        short=tuple(names.get("shortNames") or ()),
        subresources=("status",) if (version.get("subresources") or {}).get("status") is not None else (),
        structural=version["schema"]["openAPIV3Schema"],
    )


def fill_definition(definition: Json) -> None:
    """Fill in a server's defaults, in place."""
    spec = definition["spec"]
    names = spec["names"]
    names.setdefault("listKind", f"{names['kind']}List")
    names.setdefault("singular", names["kind"].lower())
    spec.setdefault("conversion", {"strategy": "None"})


def pruned(schema: Json, value: Any, path: str, unknown: list[str], untyped: list[str]) -> Any:
    """The value without fields that the schema does not have; what it lacks and mistypes is noted with its path."""
    wanted = schema.get("type")
    if wanted and not _is(value, wanted) and not (value is None and schema.get("nullable")):
        shown = json.dumps(value) if isinstance(value, bool | int | float) else _typed(value)
        untyped.append(f"{path}: expected {_MERGED.get(wanted, wanted)}, got {shown}")
        return value
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        items = schema["items"]
        return [pruned(items, item, f"{path}[{n}]", unknown, untyped) for n, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    properties, others = schema.get("properties") or {}, schema.get("additionalProperties")
    kept: Json = {}
    for name, inner in value.items():
        of_name = properties.get(name, others if isinstance(others, dict) else None)
        if of_name is not None:
            kept[name] = pruned(of_name, inner, f"{path}.{name}", unknown, untyped)
        elif schema.get(KEEPS) or others is True or (not path and name in _OF_EVERY_OBJECT):
            kept[name] = inner
        else:
            unknown.append(f"{path}.{name}")
    return kept


def _typed(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return "string"
    return "map" if isinstance(value, dict) else "list"


def with_defaults(schema: Json, value: Any) -> Any:
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [with_defaults(schema["items"], item) for item in value]
    if not isinstance(value, dict):
        return value
    filled = dict(value)
    for name, inner in (schema.get("properties") or {}).items():
        if "default" in inner and filled.get(name) is None:
            filled[name] = copy.deepcopy(inner["default"])
        if name in filled:
            filled[name] = with_defaults(inner, filled[name])
    return filled


def faults(schema: Json, value: Any, path: str = "") -> Iterator[FieldFault]:
    """The problems for which an API server refuses a custom resource, in its words."""
    wanted = schema.get("type")
    if wanted and not _is(value, wanted) and not (value is None and schema.get("nullable")):
        called = "null" if value is None else "number" if isinstance(value, float) else _named(value)
        yield FieldFault(
            path,
            f'Invalid value: "{called}": {path} in body must be of type {wanted}: "{called}"',
            "FieldValueTypeInvalid",
        )
        return
    if "enum" in schema and value not in schema["enum"]:
        listed = ", ".join(json.dumps(each) for each in schema["enum"])
        text = f"Unsupported value: {json.dumps(value)}: supported values: {listed}"
        yield FieldFault(path, text, "FieldValueNotSupported")
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for number, item in enumerate(value):
            yield from faults(schema["items"], item, f"{path}[{number}]")
    if isinstance(value, dict):
        below = f"{path}." if path else ""
        for name in schema.get("required") or ():
            if name not in value:
                yield FieldFault(f"{below}{name}", "Required value", "FieldValueRequired")
        others = schema.get("additionalProperties")
        for name, inner in value.items():
            of_name = (schema.get("properties") or {}).get(name, others if isinstance(others, dict) else None)
            if of_name is not None and (path or name not in _OF_EVERY_OBJECT):
                yield from faults(of_name, inner, f"{below}{name}")


def _named(value: Any) -> str:
    names = {bool: "boolean", int: "integer", str: "string", dict: "object", list: "array"}
    return names[type(value)]


def _is(value: Any, wanted: str) -> bool:
    known = _TYPES.get(wanted)
    if known is None:
        raise ApiError(501, "NotImplemented", f"the double of Kubernetes does not know the type {wanted}")
    return isinstance(value, known) and not (isinstance(value, bool) and wanted in ("integer", "number"))
