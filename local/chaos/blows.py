"""The times, targets and kinds of the blows: drawn from a seed before anything runs. Pure, so that a seed always names
the same blows.

Their consequences differ from run to run, since the machine decides what each process is doing at that moment.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """The ways to strike a part."""

    KILLED = "killed"
    """SIGKILL, without a farewell; it is started again later."""
    ENDED = "ended"
    """SIGTERM, since a double that keeps its data in a file loses what it answered in the last moment when it is
    killed, which no Azure service does; it is started again later."""
    CUT = "cut off"
    """It loses every connection and takes no new one for a while, and keeps what it holds: so a failover looks."""
    FROZEN = "frozen"
    """SIGSTOP, and SIGCONT later: the process hangs, and then continues with what it believed before."""
    LOST = "lost its worker process"
    """SIGKILL for the process that runs the app's code; its host starts another by itself."""


INSTANCES: Final[Mapping[str, tuple[Kind, ...]]] = {
    "front-0": (Kind.KILLED, Kind.FROZEN, Kind.LOST),
    "front-1": (Kind.KILLED, Kind.FROZEN),
    "worker-0": (Kind.KILLED, Kind.FROZEN, Kind.LOST),
    "worker-1": (Kind.KILLED, Kind.FROZEN, Kind.LOST),
}
"""The instances of the app, and how each can be struck."""
SERVICES: Final[Mapping[str, tuple[Kind, ...]]] = {
    "Azurite": (Kind.ENDED, Kind.FROZEN),
    "servicebus": (Kind.CUT, Kind.FROZEN),
    "registry-nonprod": (Kind.KILLED, Kind.FROZEN),
    "registry-prod": (Kind.KILLED, Kind.FROZEN),
    "cluster-staging": (Kind.ENDED, Kind.FROZEN),
    "cluster-production": (Kind.ENDED, Kind.FROZEN),
    "azuredevops": (Kind.FROZEN,),
    "inbox": (Kind.KILLED, Kind.FROZEN),
}
"""A part that the app needs, likewise."""
CALM: Final = (2.0, 14.0)
"""Seconds between two blows of one row."""
SHORT: Final = (1.0, 15.0)
"""Seconds that a blow lasts."""
LONG: Final = (50.0, 70.0)
"""The same for a long pause, which outlasts a step's lease: the worker wakes up when another has taken over."""
LONG_ONES: Final = 0.15
"""The share of long ones."""


@dataclass(frozen=True, kw_only=True)
class Blow:
    """One blow."""

    at: float
    """Seconds after the beginning."""
    part: str
    kind: Kind
    lasts: float
    """Seconds until the part continues or is started again."""


def rows(seed: int, minutes: float) -> tuple[Sequence[Blow], Sequence[Blow]]:
    """Two rows of blows, which fall beside each other: one on the app's instances, one on what it needs. In a row, a
    blow is over before the next one falls."""
    first, second = (random.Random(f"{seed} {name}") for name in ("instances", "services"))
    return _row(first, INSTANCES, minutes * 60), _row(second, SERVICES, minutes * 60)


def _row(dice: random.Random, parts: Mapping[str, tuple[Kind, ...]], seconds: float) -> Sequence[Blow]:
    found, now = list[Blow](), dice.uniform(*CALM)
    while now < seconds:
        part = dice.choice(sorted(parts))
        kind = dice.choice(parts[part])
        lasts = dice.uniform(*(LONG if dice.random() < LONG_ONES else SHORT))
        found.append(Blow(at=now, part=part, kind=kind, lasts=lasts))
        now += lasts + dice.uniform(*CALM)
    return found
