"""Whose act something is on record.

What a person did themselves has their name. What a message in `approvals` says is the act of that queue, on behalf of
a person; what came with a proof that does not hold is nobody's, and only names whom it was said for.
"""

from dataclasses import dataclass
from typing import Any

from .queues import Queue

SYSTEM = "slipway"


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """Who is on record."""

    actor: str
    on_behalf_of: str | None = None

    @property
    def spoken(self) -> str:
        return self.actor if self.on_behalf_of is None else f"{self.actor}, on behalf of {self.on_behalf_of}"


NOBODY = Attribution(actor=SYSTEM)
"""What nobody ordered."""


def attributed(person: str, *, channel: str, unproved: str) -> Attribution:
    """How it is recorded what a person said by a channel."""
    if unproved:
        return Attribution(actor=SYSTEM, on_behalf_of=person)
    if channel == Queue.APPROVALS:
        return Attribution(actor=str(Queue.APPROVALS), on_behalf_of=person)
    return Attribution(actor=person)


def on_record_as(actor: str, details: dict[str, Any]) -> Attribution:
    """The same, as a record tells it."""
    behalf = details.get("on_behalf_of")
    return Attribution(actor=actor, on_behalf_of=behalf if isinstance(behalf, str) else None)
