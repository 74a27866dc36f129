"""A release is cancelled or rejected right before its first object, and the process dies at each single point from then
on: nothing is written to the cluster, and the release ends once.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, override

import pytest

from slipway.domain.commands import Verb
from slipway.domain.events import CommandGiven, VoteCast
from slipway.domain.release import VoteDecision
from slipway.domain.steps import Step, StepKind
from slipway.inbound.reading import read_as, read_json
from slipway.testing import ADA
from slipway.testing.commands import proved_command
from slipway.testing.installation import OLGA
from tests.faults.harness import Faults, QueuedMessage, Run

NO_FAULTS = Faults()
SHARES = 8


@dataclass(kw_only=True)
class StoppedAtTheDoor(Run):
    """The event that stops the release is handled just before the first step that writes to production is delivered."""

    at_once: bool = False
    began_at: int = 0
    """The point at which that event is first handled."""
    marks: list[str] = field(default_factory=list)

    @override
    def _deliver(self, queued: QueuedMessage) -> None:
        if queued.queue == "steps" and not self.marks and self._is_first_to_write(queued):
            self.began_at = len(self.life.points)
            event = self.stopping_event()
            self.marks.append(event.mark)
            self._enqueue("work", event.model_dump_json().encode(), event.mark)
            while any(waiting.id in self.marks for waiting in self.queues):
                super()._deliver(next(waiting for waiting in self.queues if waiting.id in self.marks))
        super()._deliver(queued)

    def _is_first_to_write(self, queued: QueuedMessage) -> bool:
        step = read_as(Step, read_json(queued.body))
        return step.kind is StepKind.DEPLOY and step.environment == "production"

    def stopping_event(self) -> CommandGiven | VoteCast:
        """A cancel or a rejection."""
        raise NotImplementedError


class CancelledAtTheDoor(StoppedAtTheDoor):
    @override
    def stopping_event(self) -> CommandGiven:
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
        return self.installation.with_proof(event)


class RejectedAtTheDoor(StoppedAtTheDoor):
    """A person who had approved the release rejects it."""

    @override
    def stopping_event(self) -> VoteCast:
        return VoteCast(
            received_at=self.installation.now,
            application="shop",
            release=1,
            environment="production",
            plan_hash=None,
            voter=ADA,
            decision=VoteDecision.REJECT,
            reason="the wrong branch",
            channel="page",
            submission="the-rejection",
        )


STOPPED = {"cancelled": CancelledAtTheDoor, "rejected": RejectedAtTheDoor}
"""The ways to stop a release, by how it then ends."""
HOW = pytest.mark.parametrize("how", list(STOPPED))


def play(how: str, folder: Path, faults: Faults = NO_FAULTS) -> StoppedAtTheDoor:
    run = STOPPED[how].new(folder, faults)
    assert isinstance(run, StoppedAtTheDoor)
    run.push("1.0")
    run.until_quiet()
    run.late_messages()
    return run


def outcome(run: Run) -> dict[str, Any]:
    installation = run.installation
    lane = installation.lane("production")
    leases = [name for _, name in installation.production.leases if name.endswith("-production")]
    release = installation.release(1)
    votes = [str(vote.decision) for vote in release.gate.votes] if release.gate else []
    return run.outcome() | {
        "applied": installation.production.applied,
        "leases": leases,
        "called off": lane.called_off,
        "votes": votes,
    }


@cache
def without_faults(how: str, folder: Path) -> tuple[dict[str, Any], tuple[int, ...]]:
    """The outcome, and the points from the stopping event on at which the process may die."""
    run = play(how, folder)
    points = enumerate(run.life.points)
    deaths = tuple(number for number, point in points if number >= run.began_at and " after " not in point)
    return outcome(run), deaths


@HOW
def test_without_faults_the_release_ends_before_its_first_object(how: str, deliveries: Path) -> None:
    ending, deaths = without_faults(how, deliveries)
    assert ending["phases"] == {"1.0": how}
    assert (ending["applied"], ending["leases"], ending["called off"]) == (0, [], None)
    assert ending["lanes are free"]
    assert ending["intact"] == (True, None)
    assert ending["actions"]["rollout.called-off"] == ending["actions"][f"release.{how}"] == 1
    assert ending["votes"] == (["reject"] if how == "rejected" else ["approve"])
    assert len(deaths) > SHARES


@pytest.mark.sweep(keep=2)
@HOW
@pytest.mark.parametrize("share", range(SHARES))
def test_the_process_may_die_at_any_point_after_the_cancel_or_rejection(how: str, deliveries: Path, share: int) -> None:
    expected, deaths = without_faults(how, deliveries)
    for number in deaths[share::SHARES]:
        run = play(how, deliveries, Faults(crash_at=frozenset({number})))
        assert run.crashes == 1
        assert outcome(run) == expected, f"died at point {number}, {run.life.points[number]}"


@pytest.mark.sweep(keep=2)
@HOW
@pytest.mark.parametrize("seed", range(3))
def test_messages_may_come_twice_and_in_any_order(how: str, deliveries: Path, seed: int) -> None:
    expected, _ = without_faults(how, deliveries)
    assert outcome(play(how, deliveries, Faults(seed=seed))) == expected
