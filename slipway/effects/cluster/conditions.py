"""Reads a status: its conditions, counts, and whether it describes the newest spec. Any field may be absent; in a
custom resource it may also have any type."""

from collections.abc import Mapping
from typing import Any


def spec_of(live: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(live.get("spec"))


def status_of(live: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(live.get("status"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def count(values: Mapping[str, Any], name: str, *, default: int = 0) -> int:
    """A number of pods or similar; the default if the field is absent or null."""
    value = values.get(name)
    return default if value is None else int(value)


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The condition of this type, with any status; None if the status does not list it."""
    listed = status.get("conditions")
    conditions = listed if isinstance(listed, list | tuple) else ()
    return next((each for each in conditions if isinstance(each, Mapping) and each.get("type") == kind), None)


def condition_that_holds(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The condition of this type if its status is True; None otherwise."""
    listed = condition(status, kind)
    return listed if listed is not None and listed.get("status") == "True" else None


def generation_of(live: Mapping[str, Any]) -> int:
    return count(live.get("metadata") or {}, "generation", default=1)


def status_is_current(live: Mapping[str, Any]) -> bool:
    """Whether the controller has seen the newest spec, so that the status is about it."""
    return count(status_of(live), "observedGeneration") >= generation_of(live)


def reason_of(condition: Mapping[str, Any]) -> str:
    """A condition's reason and message, for people; empty if it has neither."""
    return ": ".join(str(condition[name]) for name in ("reason", "message") if condition.get(name))
