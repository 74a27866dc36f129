"""The person or queue that the trail names for an act.

A person's own act is recorded under their name. A message in `approvals` is the act of that queue, on behalf of a
person. A statement whose proof does not hold is nobody's act: the record only names the person that the statement
claims.
"""

from dataclasses import dataclass, field

from pydantic import Field

from .model import Record
from .queues import Queue

SYSTEM = "slipway"
NAME_LIMIT = 254


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
    def person(self) -> str:
        """Whose act it is, on any channel."""
        return self.on_behalf_of or self.actor

    @property
    def spoken(self) -> str:
        return self.actor if self.on_behalf_of is None else f"{self.actor}, on behalf of {self.on_behalf_of}"


def with_name(identity: str, name: str) -> str:
    """A person's name from their sign-in, with their identity; the identity alone if the sign-in gave no name."""
    return f"{name} ({identity})" if name else identity


class ByPerson(Record):
    """Something that a person gave or ordered, kept until it takes effect."""

    by: str = Field(max_length=NAME_LIMIT)
    name: str = Field(default="", max_length=NAME_LIMIT)
    """Their name as their sign-in said it, for display."""

    @property
    def who(self) -> str:
        """The person as people read it."""
        return with_name(self.by, self.name)


NOBODY = Attribution(actor=SYSTEM)
"""For acts that no person ordered."""


def attributed(person: str, *, channel: str, unproved: str, name: str) -> Attribution:
    """The attribution of a person's statement on a channel."""
    if unproved:
        return Attribution(actor=SYSTEM, on_behalf_of=person, name=name)
    if channel == Queue.APPROVALS:
        return Attribution(actor=str(Queue.APPROVALS), on_behalf_of=person, name=name)
    return Attribution(actor=person, name=name)
