"""A step is begun in the invocation that asked for it, and its queue is the net."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.queues import Queue
from slipway.domain.release import Phase
from slipway.domain.steps import Step, StepKind
from slipway.engine.beginning import BESIDE, Beginning
from slipway.engine.outcome import Outcome, Requeue, Retry
from slipway.engine.run_step import Work
from slipway.ledger import LedgerUnavailable
from slipway.ledger.standing import Nearby
from slipway.testing import Installation, write_application
from tests.unit.engine.test_requests import Watched


@pytest.fixture
def table() -> Watched:
    return Watched()


@pytest.fixture
def home(table: Watched, tmp_path: Path) -> Installation:
    write_application(tmp_path)
    return Installation(tmp_path, table=table)


def asked_of_queues(home: Installation) -> list[StepKind]:
    return [step.kind for step in home.steps() if step.kind.is_awaited]


def asked_in_outbox(home: Installation) -> list[str]:
    return [entry.message.body["kind"] for entry in home.app.ledger.outbox("shop")]


def pushed(home: Installation, queue: Queue) -> None:
    event = home.pushed("1.0")
    with home.app.beginning.room(queue):
        home.app.door.take(event)


def test_a_push_is_planned_and_deployed_without_a_queue(home: Installation) -> None:
    pushed(home, Queue.EVENTS)
    assert home.phase(1) is Phase.CHECKING
    assert asked_of_queues(home) == [StepKind.CHECK], "what is looked at later has to wait for it anyway"
    assert asked_in_outbox(home) == ["check"]


def test_what_was_just_committed_is_not_read_again(home: Installation, table: Watched) -> None:
    event = home.pushed("1.0")
    table.asked.clear()
    with home.app.beginning.room(Queue.EVENTS):
        home.app.door.take(event)
    assert "rows head..release" not in table.asked


def test_whoever_holds_a_session_begins_nothing_in_it(home: Installation) -> None:
    pushed(home, Queue.WORK)
    assert asked_of_queues(home) == [StepKind.PLAN]


def test_what_people_say_and_what_is_pushed_does_not_wait_for_slow_steps_of_others(home: Installation) -> None:
    with ExitStack() as others:
        for _ in range(BESIDE):
            assert home.app.beginning.beside.acquire(blocking=False)
            others.callback(home.app.beginning.beside.release)
        pushed(home, Queue.EVENTS)
        assert asked_of_queues(home) == [StepKind.PLAN]
    home.push("2.0")
    home.settle()
    assert home.app.beginning.beside.acquire(blocking=False), "nothing is held for ever"


def beginning(home: Installation, run: Callable[[Step, Nearby], None]) -> Beginning:
    return Beginning(run=lambda: run, outbox=home.app.outbox)


def test_a_step_that_cannot_be_begun_goes_to_its_queue(home: Installation) -> None:
    def away(step: Step, nearby: Nearby) -> None:
        raise LedgerUnavailable("switched off")

    event = home.pushed("1.0")
    with beginning(home, away).room(Queue.EVENTS):
        home.app.door.take(event)
    assert asked_of_queues(home) == [StepKind.PLAN]
    home.settle()
    assert home.phase(1) is Phase.AWAITING_APPROVAL


def test_where_the_process_ends_the_reconcile_timer_sends_what_was_begun(home: Installation) -> None:
    """The lease of the dead is waited for, as ever."""

    def dies(work: Work) -> Outcome:
        raise KeyboardInterrupt

    runner = replace(home.app.step_runner, effects={**home.app.step_runner.effects, StepKind.DEPLOY: dies})
    event = home.pushed("1.0")
    with pytest.raises(KeyboardInterrupt), beginning(home, runner.run).room(Queue.EVENTS):
        home.app.door.take(event)
    assert asked_of_queues(home) == []
    assert asked_in_outbox(home) == ["deploy"]
    home.wait(timedelta(minutes=2))
    assert home.reconcile().sent == 1
    home.settle()
    assert home.phase(1) is Phase.AWAITING_APPROVAL


@pytest.mark.parametrize(
    "outcome", [Requeue(after=timedelta(seconds=9), reason="it takes longer"), Retry(reason="it is away")]
)
def test_a_step_that_goes_on_by_a_message_is_not_sent_by_the_timer_too(home: Installation, outcome: Outcome) -> None:
    runner = replace(home.app.step_runner, effects={**home.app.step_runner.effects, StepKind.DEPLOY: lambda _: outcome})
    event = home.pushed("1.0")
    with beginning(home, runner.run).room(Queue.EVENTS):
        home.app.door.take(event)
    assert asked_of_queues(home) == [StepKind.DEPLOY]
    assert asked_in_outbox(home) == []
