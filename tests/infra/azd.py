"""How azd finds a value for each parameter of the template, and for which it asks.

After azd 1.31's `bicep_provider.go` (`loadParameters`, `ensureParameters`): a `${NAME}` that is not set leaves the
parameter out; what is then left without a value and without a default in the template is asked for, before any hook
runs. An empty text counts as a value only where the template has another default. What azd can do besides, and our
file does not use, is refused here by name.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<more>[^}]*)\}")
KNOWN_TO_AZD = frozenset({"AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_SUBSCRIPTION_ID"})
"""Chosen with `azd env new`, or asked for by azd itself, whatever the template says."""


class NotModelledError(Exception):
    """The parameters file uses something of azd's that this double does not know."""


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """The parameters that azd hands to the deployment, and those for which it would ask a person."""

    values: dict[str, Any]
    missing: list[str]


def resolve(
    declared: Mapping[str, Mapping[str, Any]], file: Mapping[str, Mapping[str, Any]], environment: Mapping[str, str]
) -> Resolved:
    """`declared` are the parameters of the ARM template, `file` those of the parameters file."""
    values: dict[str, Any] = {}
    missing: list[str] = []
    for name in sorted(declared):
        definition = declared[name]
        value = _value(definition["type"], file[name], environment) if name in file else None
        if isinstance(value, str):
            value = _as_template_type(definition, value)
        if value is not None:
            values[name] = value
        elif "defaultValue" not in definition:
            missing.append(name)
    return Resolved(values=values, missing=missing)


def _value(kind: str, item: Mapping[str, Any], environment: Mapping[str, str]) -> Any:
    if set(item) != {"value"} or not isinstance(item["value"], str):
        raise NotModelledError(f"expected a text as value, got {item}")
    is_structured = kind in ("object", "array")
    text = item["value"] if is_structured else json.dumps(item)
    unset = False

    def put(match: re.Match[str]) -> str:
        nonlocal unset
        if match["more"]:
            raise NotModelledError(f"expected a plain ${{NAME}}, got {match[0]}")
        unset = unset or match["name"] not in environment
        return environment.get(match["name"], "")

    replaced = _VARIABLE.sub(put, text)
    if is_structured:
        return None if unset and not replaced else json.loads(replaced)
    value = json.loads(replaced)["value"]
    return None if unset and not value else value


def _as_template_type(definition: Mapping[str, Any], value: str) -> Any:
    """A text as the template's type. A text that does not fit the type is dropped silently, and the default counts."""
    kind = definition["type"]
    if kind == "bool":
        return {"true": True, "false": False}.get(value.lower())
    if kind == "int":
        return int(value) if re.fullmatch(r"[+-]?\d+", value) else None
    if kind == "string":
        default = definition.get("defaultValue")
        return value if value or (isinstance(default, str) and default) else None
    return value
