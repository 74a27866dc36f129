"""The state at the end of a run, as seen from outside the app. The judge decides from it alone.

What could not be checked is None, and never counts as good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from slipway.domain.order import Order
from slipway.domain.phases import Phase

FINAL: Final = frozenset(phase for phase in Phase if phase.final)


class Intent(StrEnum):
    """What CI and people intend for a version."""

    may_end: frozenset[Phase]

    def __new__(cls, name: str, *may_end: Phase) -> "Intent":
        member = str.__new__(cls, name)
        member._value_ = name
        member.may_end = frozenset(may_end)
        return member

    APPROVED = "approved", Phase.COMPLETED
    REJECTED = "rejected", Phase.REJECTED
    OVERTAKEN = "overtaken", Phase.SUPERSEDED
    """The next version follows before people are asked, and nobody ever votes on this one. If its push is reported
    after that of the next version, it is ignored."""


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """A version that CI has pushed, as the registry confirmed."""

    application: str
    tag: str
    digest: str
    intent: Intent


@dataclass(frozen=True, kw_only=True)
class Live:
    """The live release of an environment, according to the ledger."""

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
    """Tags of the versions whose own objects exist."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that the judge looks at."""

    pushed: Sequence[Pushed]
    votes: frozenset[tuple[str, str]]
    """Release and voter of each vote that the page reported as counted."""
    notices: frozenset[tuple[str, str, str]]
    """Notice, release and recipient of everything that was ever in the inbox."""
    went_back: Sequence[str]
    """Objects whose order was seen to go back to an older one."""
    releases: Sequence[Mapping[str, Any]] | None
    records: Mapping[str, Sequence[Mapping[str, Any]]] | None
    """The whole trail of each application."""
    live: Mapping[tuple[str, str], Live | None] | None
    """What is live, by application and environment."""
    namespaces: Mapping[tuple[str, str], NamespaceContent] | None
    trail_faults: Mapping[str, str] | None
    """The fault of each chain; empty if it has none."""
    waiting: Mapping[str, int] | None
    """How many messages and rows are left, by place."""
    doctor: Sequence[str] | None
    """The doctor's complaints."""
    parked: Sequence[str] | None


NOTHING: Final = Evidence(
    pushed=(),
    votes=frozenset(),
    notices=frozenset(),
    went_back=(),
    releases=None,
    records=None,
    live=None,
    namespaces=None,
    trail_faults=None,
    waiting=None,
    doctor=None,
    parked=None,
)
