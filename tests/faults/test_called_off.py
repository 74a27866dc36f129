"""A release is cancelled right before its first object, and the process dies at each single point from then on: nothing
is written to the cluster, and the release ends once.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, override

import pytest

from slipway.domain.commands import Verb
from slipway.domain.steps import Step, StepKind
from slipway.inbound.reading import read_as, read_json
from slipway.testing.commands import proved_command
from slipway.testing.installation import OLGA
from tests.faults.harness import Faults, QueuedMessage, Run

NO_FAULTS = Faults()
SHARES = 2


@dataclass(kw_only=True)
class CancelledAtTheDoor(Run):
    """The cancel is read when the message of the first step that writes to production is about to be delivered."""

    began_at: int = 0
    """The point at which the cancel was read for the first time."""
    said: list[str] = field(default_factory=list)

    @override
    def _deliver(self, held: QueuedMessage) -> None:
        if held.queue == "steps" and not self.said and self._is_first_to_write(held):
            self.began_at = len(self.life.points)
            self._cancel()
            while any(each.id in self.said for each in self.queues):
                super()._deliver(next(each for each in self.queues if each.id in self.said))
        super()._deliver(held)

    def _is_first_to_write(self, held: QueuedMessage) -> bool:
        step = read_as(Step, read_json(held.body))
        return step.kind is StepKind.DEPLOY and step.environment == "production"

    def _cancel(self) -> None:
        event = proved_command(
            received_at=self.installation.now,
            verb=Verb.CANCEL,
            application="shop",
            release=1,
            actor=f"oid:{OLGA.oid}",
            reason="the wrong branch",
            channel="cli",
            submission="the-cancel",
        )
        event = self.installation.with_proof(event)
        self.said.append(event.mark)
        self._enqueue("work", event.model_dump_json().encode(), event.mark)


def told(folder: Path, faults: Faults = NO_FAULTS) -> CancelledAtTheDoor:
    run = CancelledAtTheDoor.new(folder, faults)
    assert isinstance(run, CancelledAtTheDoor)
    run.push("1.0")
    run.until_quiet()
    run.late_messages()
    return run


def outcome(run: Run) -> dict[str, Any]:
    installation = run.installation
    lane = installation.lane("production")
    leases = [name for _, name in installation.production.leases if name.endswith("-production")]
    return run.outcome() | {"applied": installation.production.applied, "leases": leases, "called off": lane.called_off}


@cache
def without_faults(folder: Path) -> tuple[dict[str, Any], tuple[int, ...]]:
    """How it ends, and the points at which the process may die from the cancel on."""
    run = told(folder)
    points = enumerate(run.life.points)
    deaths = tuple(number for number, point in points if number >= run.began_at and " after " not in point)
    return outcome(run), deaths


def test_without_faults_it_ends_before_its_first_object(deliveries: Path) -> None:
    found, deaths = without_faults(deliveries)
    assert found["phases"] == {"1.0": "cancelled"}
    assert (found["applied"], found["leases"], found["called off"]) == (0, [], None)
    assert found["lanes are free"]
    assert found["intact"] == (True, None)
    assert found["actions"]["rollout.called-off"] == found["actions"]["release.cancelled"] == 1
    assert len(deaths) > SHARES


@pytest.mark.parametrize("share", range(SHARES))
def test_the_process_may_die_at_any_point_from_the_cancel_on(deliveries: Path, share: int) -> None:
    expected, deaths = without_faults(deliveries)
    for number in deaths[share::SHARES]:
        run = told(deliveries, Faults(crash_at=frozenset({number})))
        assert run.crashes == 1
        assert outcome(run) == expected, f"died at point {number}, {run.life.points[number]}"


@pytest.mark.parametrize("seed", range(3))
def test_messages_may_come_twice_and_in_any_order(deliveries: Path, seed: int) -> None:
    expected, _ = without_faults(deliveries)
    assert outcome(told(deliveries, Faults(seed=seed))) == expected
