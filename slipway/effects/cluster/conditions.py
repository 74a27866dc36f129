"""Reading a status: its conditions, counts, and whether it describes the newest spec. Any field may be absent."""

from collections.abc import Mapping, Sequence
from typing import Any


def spec_of(live: Mapping[str, Any]) -> Mapping[str, Any]:
    return live.get("spec") or {}


def status_of(live: Mapping[str, Any]) -> Mapping[str, Any]:
    return live.get("status") or {}


def count(values: Mapping[str, Any], name: str, *, default: int = 0) -> int:
    value = values.get(name)
    return default if value is None else int(value)


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    listed: Sequence[Any] = status.get("conditions") or ()
    return next((c for c in listed if isinstance(c, Mapping) and c.get("type") == kind), None)


def true(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The condition if it holds."""
    one = condition(status, kind)
    return one if one is not None and one.get("status") == "True" else None


def generation_of(live: Mapping[str, Any]) -> int:
    return count(live.get("metadata") or {}, "generation", default=1)


def observed(live: Mapping[str, Any]) -> bool:
    return count(status_of(live), "observedGeneration") >= generation_of(live)


def why(found: Mapping[str, Any]) -> str:
    """A condition's reason and message, for people."""
    return ": ".join(str(found[name]) for name in ("reason", "message") if found.get(name))
