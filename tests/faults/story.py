"""Two releases: the first goes all the way, and deletes leftovers of earlier ones; the second fails in production,
and is rolled back to the first."""

from functools import cache
from pathlib import Path
from typing import Any

from slipway.effects.cluster import Owner
from tests.faults.harness import Faults, Run
from tests.faults.mortal import is_read, is_service

NO_FAULTS = Faults()
LEFT_OVER, NAMESPACE = ("report", "settings-of-old"), "shop"


def play(folder: Path, faults: Faults = NO_FAULTS) -> Run:
    """Play the story under these faults, until everything is quiet and even late messages have arrived."""
    run = Run.new(folder, faults)
    for environment, cluster in (("staging", run.installation.staging), ("production", run.installation.production)):
        for name in LEFT_OVER:
            labels = dict(Owner.of("shop", environment).labels)
            metadata = {"name": name, "labels": labels}
            cluster.hold({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}, NAMESPACE)
    run.push("1.0")
    run.until_quiet()
    run.installation.production.broken.add(run.installation.build("2.0"))
    run.push("2.0")
    run.until_quiet()
    run.late_messages()
    return run


@cache
def expected(folder: Path) -> dict[str, Any]:
    """The outcome if nothing goes wrong."""
    return play(folder).outcome()


@cache
def points(folder: Path) -> tuple[str, ...]:
    """The points of the story without faults, in order."""
    return tuple(play(folder).life.points)


def deaths(folder: Path) -> tuple[int, ...]:
    """The points at which to die. A death right after a write, or at a read, is the same as one before the next
    write."""
    return tuple(number for number, point in enumerate(points(folder)) if " after " not in point and not is_read(point))


def services(folder: Path) -> tuple[int, ...]:
    """The points at which a service can be away."""
    return tuple(number for number, point in enumerate(points(folder)) if is_service(point))


def differences(folder: Path, faults: Faults) -> dict[str, Any]:
    """The differences between the outcomes with and without faults: none, if the promises hold."""
    actual, baseline = play(folder, faults).outcome(), expected(folder)
    return {name: (baseline[name], actual[name]) for name in baseline if baseline[name] != actual[name]}
