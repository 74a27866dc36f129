"""Objects that left the manifests: those that a plan deletes, and the outcome for each.

Only objects in the plan that people voted on are deleted.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field

from .model import Record

MOST_DELETIONS = 100
"""The most objects that one plan deletes. The next plan names those that are left."""
_SHOWN = 3
"""The objects that a sentence names."""
KINDS_KEPT = 500
"""The most kinds that an environment remembers; one plan has no more objects than that."""

type _Text = Annotated[str, Field(max_length=253)]


class Deletion(Record):
    """One object that a rollout deletes: this very one, not one that somebody makes later under its name."""

    api_version: _Text
    kind: _Text
    name: _Text
    uid: _Text

    @property
    def label(self) -> str:
        return f"{self.kind}/{self.name}"


class Ending(StrEnum):
    """The outcome for an object that a plan deletes."""

    meaning: str

    def __new__(cls, name: str, meaning: str) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        return member

    DELETED = "deleted", "deleted"
    GONE = "gone", "was already gone"
    LEFT = "left", "left as it is"


class Deleted(Record):
    """The outcome for one object that the plan deletes."""

    object: Annotated[str, Field(max_length=520)]
    """`ConfigMap/settings`."""
    ending: Ending
    why: Annotated[str, Field(max_length=300)] = ""
    """Why it was left, or what holds it after it was deleted."""

    def __str__(self) -> str:
        return f"{self.object}: {self.ending.meaning}{f', {self.why}' if self.why else ''}"


def pruned_phrase(deleted: tuple[Deleted, ...]) -> str:
    """Part of a sentence for `explain`: `2 objects that left the manifests are gone`; empty if there are none.

    For an object that is still there it gives the reason.
    """
    if not deleted:
        return ""
    left = [each for each in deleted if each.ending is Ending.LEFT]
    count = len(deleted) - len(left)
    lingering = [each for each in deleted if each.ending is not Ending.LEFT and each.why]
    parts = [f"{count} {'object' if count == 1 else 'objects'} that left the manifests deleted"] if count else []
    if lingering:
        parts.append(f"of which {len(lingering)} still there ({_listed(lingering)})")
    if left:
        parts.append(f"{len(left)} not deleted ({_listed(left)})")
    return ", ".join(parts)


def _listed(deleted: Sequence[Deleted]) -> str:
    more = f"; and {len(deleted) - _SHOWN} more" if len(deleted) > _SHOWN else ""
    return "; ".join(map(str, deleted[:_SHOWN])) + more
