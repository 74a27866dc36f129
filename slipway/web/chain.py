"""The chain of environments as steps: where the release was, is, and has not been yet."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ..domain.release import Release, Visit
from . import times, words
from .words import Sign


@dataclass(frozen=True, kw_only=True)
class Stop:
    """One environment of the chain."""

    name: str
    sign: Sign
    current: bool
    took: str
    """Time between arriving and leaving, or since arriving; empty where it has not been."""
    left_at: datetime | None


def stops(release: Release, environments: Iterable[str], now: datetime) -> tuple[Stop, ...]:
    """The environments in order; those that a release visited but that are gone come first."""
    names = list(environments)
    gone = [visit.environment for visit in release.visits if visit.environment not in names]
    return tuple(_stop(release, name, now) for name in (*dict.fromkeys(gone), *names))


def _stop(release: Release, name: str, now: datetime) -> Stop:
    visit = release.visit(name)
    here = release.environment == name and not release.phase.final
    if visit is None:
        return Stop(name=name, sign=words.PENDING, current=False, took="", left_at=None)
    return Stop(
        name=name,
        sign=words.phase(release.phase) if here else words.outcome(visit.outcome),
        current=here,
        took=times.duration((visit.left_at or now) - visit.arrived_at) if _known(visit) or here else "",
        left_at=visit.left_at,
    )


def _known(visit: Visit) -> bool:
    return visit.left_at is not None
