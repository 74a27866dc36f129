"""The details of an audit record in one line, for people who read a list; the record itself has all of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from .actions import Action

DIGITS = 12
"""The number of digits of a hash that are shown."""
_SHOWN_DETAILS = (
    *("verb", "tag", "run", "source", "target", "approvers", "to", "replaces", "subject", "until", "channel"),
    *("rule", "rules", "voters", "reason"),
)
"""Details that are shown for every action, in this order."""
_BY_THEMSELVES = ("reason",)
"""Details that are shown without their name."""


def briefly(action: str, details: Mapping[str, Any]) -> str:
    """The part of the details that people want to see at once, on one line."""
    return " ".join("; ".join(_parts(action, details)).split())


def _parts(action: str, details: Mapping[str, Any]) -> Iterator[str]:
    member = Action.of_text(action)
    if member is Action.PLAN_MADE:
        counts = [f"{details[name]} {name}" for name in ("created", "changed", "unchanged") if details.get(name)]
        if counts:
            yield ", ".join(counts)
    if member is Action.COPY_DONE:
        yield f"{details.get('blobs_copied', 0)} blobs copied, digests equal on both sides"
    names_its_plan = member is not None and (member.about_a_vote or member is Action.PLAN_MADE)
    if names_its_plan and (plan := str(details.get("plan_hash", ""))):
        yield f"plan {plan.removeprefix('sha256:')[:DIGITS]}"
    for name in _SHOWN_DETAILS:
        if text := _text(details.get(name)):
            yield text if name in _BY_THEMSELVES else f"{name} {text}"


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case list() | tuple():
            return ", ".join(filter(None, map(_text, value)))
        case dict():
            return str(value.get("name", ""))
        case None | bool():
            return ""
        case _:
            return str(value)
