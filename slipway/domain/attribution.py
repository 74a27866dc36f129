"""Whose act something is on record.

What a person did themselves has their name. What a message in `approvals` says is the act of that queue, on behalf of
a person; what came with a proof that does not hold is nobody's, and only names whom it was said for.
"""

from dataclasses import dataclass, field
from typing import Any

from .queues import Queue

SYSTEM = "slipway"


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """Who is on record."""

    actor: str
    on_behalf_of: str | None = None
    name: str = field(default="", compare=False)
    """Their name, from the sign-in. For display only: names are neither unique nor verified."""

    @property
    def shown(self) -> str:
        """As people read it."""
        return with_name(self.spoken, self.name)

    @property
    def spoken(self) -> str:
        return self.actor if self.on_behalf_of is None else f"{self.actor}, on behalf of {self.on_behalf_of}"


def with_name(identity: str, name: str) -> str:
    """Somebody by the name that their sign-in said, with who they are; by that alone where it said none."""
    return f"{name} ({identity})" if name else identity


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
    behalf, name = (details.get(field) for field in ("on_behalf_of", "name"))
    return Attribution(
        actor=actor,
        on_behalf_of=behalf if isinstance(behalf, str) else None,
        name=name if isinstance(name, str) else "",
    )
