"""When and how each part is struck: drawn from a seed before anything runs. Pure, so that a seed always stands for the
same blows.

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
    """SIGKILL, without a chance to clean up; the part is restarted later."""
    ENDED = "ended"
    """SIGTERM, for doubles that keep their data in a file: killed, they would lose what they had just confirmed, which
    no Azure service does. The part is restarted later."""
    CUT = "cut off"
    """The part drops every connection and accepts none for a while, but keeps its data: what a failover looks like."""
    FROZEN = "frozen"
    """SIGSTOP, and SIGCONT later: the process hangs, then continues with what it believed before."""
    LOST = "lost its worker process"
    """SIGKILL for the process that runs the app's code; its host starts another one."""


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
"""The parts that the app needs, and how each can be struck."""
CALM: Final = (2.0, 14.0)
"""Seconds between two blows of one series."""
SHORT: Final = (1.0, 15.0)
"""Seconds that a blow lasts."""
LONG: Final = (50.0, 70.0)
"""Seconds of a long blow, which outlasts a step's lease: the worker wakes up after another has taken over."""
LONG_ONES: Final = 0.15
"""The share of long blows."""


@dataclass(frozen=True, kw_only=True)
class Blow:
    """One blow."""

    at: float
    """Seconds from the beginning."""
    part: str
    kind: Kind
    lasts: float
    """Seconds until the part continues or is restarted."""


def rows(seed: int, minutes: float) -> tuple[Sequence[Blow], Sequence[Blow]]:
    """Two concurrent series of blows: one on the app's instances, one on what the app needs. Within a series, a blow is
    over before the next one falls."""
    first, second = (random.Random(f"{seed} {name}") for name in ("instances", "services"))
    return _row(first, INSTANCES, minutes * 60), _row(second, SERVICES, minutes * 60)


def _row(dice: random.Random, parts: Mapping[str, tuple[Kind, ...]], seconds: float) -> Sequence[Blow]:
    blows, moment = list[Blow](), dice.uniform(*CALM)
    while moment < seconds:
        part = dice.choice(sorted(parts))
        kind = dice.choice(parts[part])
        lasts = dice.uniform(*(LONG if dice.random() < LONG_ONES else SHORT))
        blows.append(Blow(at=moment, part=part, kind=kind, lasts=lasts))
        moment += lasts + dice.uniform(*CALM)
    return blows
