"""Custom resources: the schema in their definitions. Fields that the schema does not have are pruned.

Only the keywords below are supported. A definition with another one is refused by name (501), because a double that
ignored a rule would accept objects that no cluster accepts.
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
        for keyword in _unknown_keywords((version.get("schema") or {}).get("openAPIV3Schema")):
            raise not_implemented(f"the keyword {keyword} of a definition's schema")


def _unknown_keywords(schema: Any) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    yield from (keyword for keyword in schema if keyword not in _KEYWORDS)
    for inner in (*(schema.get("properties") or {}).values(), schema.get("items"), schema.get("additionalProperties")):
        yield from _unknown_keywords(inner)


def definition_faults(definition: Json) -> Iterator[FieldFault]:
    """Why an API server refuses a definition, as far as the double knows its keywords."""
    spec = definition["spec"]
    name, expected = definition["metadata"]["name"], f"{spec['names']['plural']}.{spec['group']}"
    if name != expected:
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


def resource_of(definition: Json) -> Resource | None:
    """The kind that a definition adds; None as long as the server does not serve it."""
    conditions = (definition.get("status") or {}).get("conditions") or []
    if not any(condition["type"] == ESTABLISHED and condition["status"] == "True" for condition in conditions):
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


def prune(schema: Json, value: Any, path: str, unknown: list[str], untyped: list[str]) -> Any:
    """The value without fields that the schema does not have; unknown and mistyped fields are added to the lists."""
    type_name = schema.get("type")
    if type_name and not _is_of_type(value, type_name) and not (value is None and schema.get("nullable")):
        value_text = json.dumps(value) if isinstance(value, bool | int | float) else _kind_of(value)
        untyped.append(f"{path}: expected {_MERGED.get(type_name, type_name)}, got {value_text}")
        return value
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        item_schema = schema["items"]
        return [prune(item_schema, item, f"{path}[{n}]", unknown, untyped) for n, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    properties, additional = schema.get("properties") or {}, schema.get("additionalProperties")
    result: Json = {}
    for name, inner in value.items():
        of_name = properties.get(name, additional if isinstance(additional, dict) else None)
        if of_name is not None:
            result[name] = prune(of_name, inner, f"{path}.{name}", unknown, untyped)
        elif schema.get(KEEPS) or additional is True or (not path and name in _OF_EVERY_OBJECT):
            result[name] = inner
        else:
            unknown.append(f"{path}.{name}")
    return result


def _kind_of(value: Any) -> str:
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
    """Why an API server refuses a custom resource, in its own words."""
    type_name = schema.get("type")
    if type_name and not _is_of_type(value, type_name) and not (value is None and schema.get("nullable")):
        actual = "null" if value is None else "number" if isinstance(value, float) else _json_type(value)
        yield FieldFault(
            path,
            f'Invalid value: "{actual}": {path} in body must be of type {type_name}: "{actual}"',
            "FieldValueTypeInvalid",
        )
        return
    if "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(json.dumps(value_allowed) for value_allowed in schema["enum"])
        text = f"Unsupported value: {json.dumps(value)}: supported values: {allowed}"
        yield FieldFault(path, text, "FieldValueNotSupported")
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for number, item in enumerate(value):
            yield from faults(schema["items"], item, f"{path}[{number}]")
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        for name in schema.get("required") or ():
            if name not in value:
                yield FieldFault(f"{prefix}{name}", "Required value", "FieldValueRequired")
        additional = schema.get("additionalProperties")
        for name, inner in value.items():
            of_name = (schema.get("properties") or {}).get(name, additional if isinstance(additional, dict) else None)
            if of_name is not None and (path or name not in _OF_EVERY_OBJECT):
                yield from faults(of_name, inner, f"{prefix}{name}")


def _json_type(value: Any) -> str:
    names = {bool: "boolean", int: "integer", str: "string", dict: "object", list: "array"}
    return names[type(value)]


def _is_of_type(value: Any, type_name: str) -> bool:
    python_type = _TYPES.get(type_name)
    if python_type is None:
        raise ApiError(501, "NotImplemented", f"the double of Kubernetes does not know the type {type_name}")
    return isinstance(value, python_type) and not (isinstance(value, bool) and type_name in ("integer", "number"))
