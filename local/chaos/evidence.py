"""The state at the end of a run, as seen from outside the app. The judge decides by it alone.

A part that could not be looked at is None, and never counts as good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from slipway.domain.order import Order
from slipway.domain.phases import Phase

FINAL: Final = frozenset(phase for phase in Phase if phase.final)


class Intent(StrEnum):
    """The outcome of a version that CI and people intended."""

    may_end: frozenset[Phase]

    def __new__(cls, name: str, *may_end: Phase) -> "Intent":
        member = str.__new__(cls, name)
        member._value_ = name
        member.may_end = frozenset(may_end)
        return member

    APPROVED = "approved", Phase.COMPLETED
    REJECTED = "rejected", Phase.REJECTED
    OVERTAKEN = "overtaken", Phase.SUPERSEDED
    """The next version follows before people are asked, and nobody ever votes on this one. If it is told of later than
    the next one, it is ignored."""


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """A version that CI has pushed: the registry has answered that it has it."""

    application: str
    tag: str
    digest: str
    intent: Intent


@dataclass(frozen=True, kw_only=True)
class Live:
    """The live release of an environment, by the ledger."""

    release: str
    tag: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class NamespaceContent:
    """The content of an application's namespace in a cluster."""

    images: frozenset[str]
    """Digests of the Deployments' images."""
    orders: Mapping[str, Order]
    """The order on each object that Slipway applied."""
    lease: Order | None
    own_to_versions: frozenset[str]
    """Tags of the versions whose own objects are there."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All of it."""

    pushed: Sequence[Pushed]
    votes: frozenset[tuple[str, str]]
    """Release and voter: the page told the voter that the vote was counted."""
    told: frozenset[tuple[str, str, str]]
    """Notice, release and recipient of everything that the inbox has ever held."""
    went_back: Sequence[str]
    """Objects that were seen to take an older order after a newer one."""
    releases: Sequence[Mapping[str, Any]] | None
    records: Mapping[str, Sequence[Mapping[str, Any]]] | None
    """The whole trail of each application."""
    live: Mapping[tuple[str, str], Live | None] | None
    """What is live, by application and environment."""
    held: Mapping[tuple[str, str], NamespaceContent] | None
    verified: Mapping[str, str] | None
    """What is wrong with each chain; empty if nothing is."""
    waiting: Mapping[str, int] | None
    """Messages and rows that are left, by their places."""
    doctor: Sequence[str] | None
    """The doctor's complaints."""
    parked: Sequence[str] | None


NOTHING: Final = Evidence(
    pushed=(),
    votes=frozenset(),
    told=frozenset(),
    went_back=(),
    releases=None,
    records=None,
    live=None,
    held=None,
    verified=None,
    waiting=None,
    doctor=None,
    parked=None,
)
