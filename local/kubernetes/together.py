"""Rules across fields of built-in kinds, which a server refuses although each field is valid (422), by the product's
own table.

The product and its double would share an error in that table. What the table gives is therefore compared with a real
API server: `tests/contract/cluster/test_variants.py`. The fields are the real ones; the texts only in part.
"""

from collections.abc import Iterable
from typing import Any

from slipway.manifests.problems import dotted_path, is_below
from slipway.manifests.together import faults

from .errors import FieldFault
from .resources import Json

_WORDS = {
    "at least 0": "must be greater than or equal to 0",
    "1 to 65535": "must be between 1 and 65535, inclusive",
}


def together_faults(api_object: Json, known: Iterable[str]) -> list[FieldFault]:
    """The faults in fields other than those `known` already. The object has its defaults, also those that only the
    server creates: a Job's selector."""
    spec = api_object.get("spec") or {}
    if "batch.kubernetes.io/controller-uid" in (spec.get("selector") or {}).get("matchLabels", {}):
        spec = {name: value for name, value in spec.items() if name != "selector"}
    by_field = {dotted_path(steps): (steps, expected) for steps, expected in faults({**api_object, "spec": spec})}
    return [
        _fault(api_object, field, steps, expected)
        for field, (steps, expected) in by_field.items()
        if not any(is_below(field, other) for other in known)
    ]


def _fault(api_object: Json, field: str, steps: tuple[str | int, ...], expected: str) -> FieldFault:
    value: Any = api_object
    for step in steps:
        if isinstance(value, list) and isinstance(step, int):
            value = value[step]
        else:
            value = value.get(step) if isinstance(value, dict) else None
    if value in (None, "", [], {}):
        return FieldFault(field, "Required value", "FieldValueRequired")
    value_text = f"{value}: " if isinstance(value, int) else ""
    return FieldFault(field, f"Invalid value: {value_text}{_WORDS.get(expected, f'expected {expected}')}")
