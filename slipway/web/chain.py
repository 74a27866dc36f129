"""The chain of environments as steps: those the release has passed, the current one, and those still ahead."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ..domain.release import Release, Rollout
from ..text import duration
from . import words
from .words import Badge


@dataclass(frozen=True, kw_only=True)
class Stop:
    """One environment of the chain."""

    name: str
    badge: Badge
    current: bool
    took: str
    """Time between arriving and leaving, or since arriving; empty if it never arrived."""
    left_at: datetime | None


def stops(release: Release, environments: Iterable[str], now: datetime) -> tuple[Stop, ...]:
    """The environments in order. Those that the release visited but that no longer exist come first."""
    names = list(environments)
    gone = [rollout.environment for rollout in release.rollouts if rollout.environment not in names]
    return tuple(_stop(release, name, now) for name in (*dict.fromkeys(gone), *names))


def _stop(release: Release, name: str, now: datetime) -> Stop:
    rollout = release.rollout_in(name)
    current = release.environment == name and not release.phase.final
    if rollout is None:
        return Stop(name=name, badge=words.PENDING, current=False, took="", left_at=None)
    return Stop(
        name=name,
        badge=words.phase_badge(release.phase) if current else words.outcome_badge(rollout.outcome),
        current=current,
        took=duration((rollout.left_at or now) - rollout.arrived_at) if _has_left(rollout) or current else "",
        left_at=rollout.left_at,
    )


def _has_left(rollout: Rollout) -> bool:
    return rollout.left_at is not None
