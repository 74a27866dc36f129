"""The person or queue that the trail names for an act.

A person's own act is recorded under their name. A message in `approvals` is the act of that queue, on behalf of a
person. A statement whose proof does not hold is nobody's act: the record only names the person that the statement
claims.
"""

from dataclasses import dataclass, field
from typing import Any

from .queues import Queue

SYSTEM = "slipway"


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """The person or queue that the trail names for an act."""

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
    """A person's name from their sign-in, with their identity; the identity alone if the sign-in gave no name."""
    return f"{name} ({identity})" if name else identity


NOBODY = Attribution(actor=SYSTEM)
"""For acts that no person ordered."""


def attributed(person: str, *, channel: str, unproved: str) -> Attribution:
    """The attribution of a person's statement on a channel."""
    if unproved:
        return Attribution(actor=SYSTEM, on_behalf_of=person)
    if channel == Queue.APPROVALS:
        return Attribution(actor=str(Queue.APPROVALS), on_behalf_of=person)
    return Attribution(actor=person)


def on_record_as(actor: str, details: dict[str, Any]) -> Attribution:
    """The attribution that a record shows."""
    behalf, name = (details.get(field) for field in ("on_behalf_of", "name"))
    return Attribution(
        actor=actor,
        on_behalf_of=behalf if isinstance(behalf, str) else None,
        name=name if isinstance(name, str) else "",
    )
