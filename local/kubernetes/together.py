"""What a server refuses of its own kinds though each field keeps its schema (422), by the product's own table.

The product and its double would share an error of that table. Its answers are therefore compared with those of a real
API server: `tests/contract/cluster/test_variants.py`. The places are the real ones; the words only here and there.
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


def together_faults(thing: Json, known: Iterable[str]) -> list[FieldFault]:
    """Those that are not known already, by their fields. The object has its defaults, also those that only the server
    makes: a Job's selector."""
    spec = thing.get("spec") or {}
    if "batch.kubernetes.io/controller-uid" in (spec.get("selector") or {}).get("matchLabels", {}):
        spec = {name: value for name, value in spec.items() if name != "selector"}
    found = {dotted_path(steps): (steps, expected) for steps, expected in faults({**thing, "spec": spec})}
    return [
        _fault(thing, field, steps, expected)
        for field, (steps, expected) in found.items()
        if not any(is_below(field, other) for other in known)
    ]


def _fault(thing: Json, field: str, steps: tuple[str | int, ...], expected: str) -> FieldFault:
    value: Any = thing
    for step in steps:
        if isinstance(value, list) and isinstance(step, int):
            value = value[step]
        else:
            value = value.get(step) if isinstance(value, dict) else None
    if value in (None, "", [], {}):
        return FieldFault(field, "Required value", "FieldValueRequired")
    shown = f"{value}: " if isinstance(value, int) else ""
    return FieldFault(field, f"Invalid value: {shown}{_WORDS.get(expected, f'expected {expected}')}")
