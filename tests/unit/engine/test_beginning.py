"""A step is begun in the invocation that asked for it; its net is the message of that invocation."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.queues import Queue
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.steps import Step, StepKind
from slipway.effects.messaging import QueueUnavailable
from slipway.engine.beginning import BEGUN_WITHIN, BESIDE, LEFT_TO_ITS_MESSAGE, concerns
from slipway.engine.outcome import Outcome, Requeue, Retry
from slipway.engine.run_step import LEASE, Work
from slipway.ledger import LedgerUnavailable
from slipway.testing import Installation, write_application
from tests.faults.mortal import Crash, Life, mortal_ports

BODY = b"what the queue delivered"


@pytest.fixture
def life() -> Life:
    return Life()


@pytest.fixture
def home(life: Life, tmp_path: Path) -> Installation:
    write_application(tmp_path)
    return Installation(tmp_path, wrap=lambda ports: mortal_ports(ports, life))


def asked_of_queues(home: Installation) -> list[StepKind]:
    return [step.kind for step in home.steps() if step.kind.is_awaited]


def asked_in_outbox(home: Installation) -> list[str]:
    return [entry.message.body["kind"] for entry in home.app.ledger.outbox("shop")]


def pushed(home: Installation, queue: Queue = Queue.EVENTS, *, body: bytes = BODY) -> Callable[[], None]:
    """Delivers the message of one push, for the first time or again."""
    event, delivered = home.pushed("1.0"), list[bool]()

    def deliver() -> None:
        with home.app.beginning.room(queue, body, again=bool(delivered)):
            delivered.append(True)
            home.app.door.take(event)

    return deliver


def with_effect(home: Installation, kind: StepKind, effect: Callable[[Work], Outcome]) -> None:
    """From now on the app does this instead."""
    runner = replace(home.app.step_runner, effects={**home.app.step_runner.effects, kind: effect})
    home.app.__dict__["beginning"] = replace(home.app.beginning, run=lambda: runner.run)


def dies(home: Installation, life: Life, kind: StepKind, deliver: Callable[[], None]) -> None:
    """The process ends in the effect of this step; another one begins."""

    def effect(_: Work) -> Outcome:
        life.dead = True
        raise Crash

    usual = home.app.beginning
    with_effect(home, kind, effect)
    with pytest.raises(Crash):
        deliver()
    life.restart()
    home.app.__dict__["beginning"] = usual


def test_a_push_is_planned_and_deployed_without_a_queue(home: Installation) -> None:
    pushed(home)()
    assert home.phase(1) is Phase.CHECKING
    assert [(step.kind, step.poll) for step in home.steps() if step.kind.is_awaited] == [(StepKind.CHECK, 1)]
    assert asked_in_outbox(home) == []


def test_a_vote_is_followed_by_copy_and_deployment_without_a_queue(home: Installation) -> None:
    home.push("1.0")
    home.settle(until=lambda: home.phase(1) is Phase.AWAITING_APPROVAL)
    home.bus.sent.clear()
    with home.app.beginning.room(Queue.HINTS, BODY, again=False):
        concerns("shop")
        home.vote(1)
    assert home.phase(1) is Phase.CHECKING
    assert asked_of_queues(home) == [StepKind.CHECK]


def test_what_was_read_since_the_decision_stops_a_step_that_is_about_to_be_begun(home: Installation) -> None:
    home.push("1.0")
    home.settle(until=lambda: home.phase(1) is Phase.AWAITING_APPROVAL)

    def run(step: Step, within: str) -> None:
        if step.kind is StepKind.DEPLOY:
            home.vote(1, decision=VoteDecision.REJECT, reason="the wrong branch")
        home.app.step_runner.run(step, within)

    home.app.__dict__["beginning"] = replace(home.app.beginning, run=lambda: run)
    with home.app.beginning.room(Queue.HINTS, BODY, again=False):
        concerns("shop")
        home.vote(1)
    assert home.phase(1) is Phase.REJECTED
    assert home.production.applied == 0
    assert asked_of_queues(home) == []


def test_whoever_holds_a_session_begins_nothing_in_it(home: Installation) -> None:
    pushed(home, Queue.WORK)()
    assert asked_of_queues(home) == [StepKind.PLAN]


def test_nothing_is_begun_for_which_nobody_would_look_where_the_message_comes_again(home: Installation) -> None:
    with home.app.beginning.room(Queue.HINTS, BODY, again=False):
        concerns("another")
        home.push("1.0")
    assert asked_of_queues(home) == [StepKind.PLAN]


def test_what_people_say_and_what_is_pushed_does_not_wait_for_slow_steps_of_others(home: Installation) -> None:
    with ExitStack() as others:
        for _ in range(BESIDE):
            assert home.app.beginning.beside.acquire(blocking=False)
            others.callback(home.app.beginning.beside.release)
        pushed(home)()
        assert asked_of_queues(home) == [StepKind.PLAN]
    home.settle()
    for _ in range(BESIDE):
        assert home.app.beginning.beside.acquire(blocking=False), "nothing is held for ever"


def test_an_invocation_that_has_taken_long_begins_nothing_more(home: Installation) -> None:
    usual = home.app.step_runner.effects[StepKind.PLAN]

    def slow(work: Work) -> Outcome:
        home.wait(BEGUN_WITHIN + timedelta(seconds=1))
        return usual(work)

    with_effect(home, StepKind.PLAN, slow)
    pushed(home)()
    assert asked_of_queues(home) == [StepKind.DEPLOY]


def test_a_step_that_cannot_be_begun_goes_to_its_queue(home: Installation) -> None:
    def away(work: Work) -> Outcome:
        raise LedgerUnavailable("switched off")

    with_effect(home, StepKind.DEPLOY, away)
    pushed(home)()
    assert asked_of_queues(home) == [StepKind.DEPLOY]
    home.settle()
    assert home.phase(1) is Phase.AWAITING_APPROVAL


@pytest.mark.parametrize("kind", [StepKind.PLAN, StepKind.DEPLOY])
def test_where_the_process_ends_whoever_gets_its_message_again_sends_what_it_had_begun(
    home: Installation, life: Life, kind: StepKind
) -> None:
    deliver = pushed(home)
    dies(home, life, kind, deliver)
    assert asked_of_queues(home) == []
    deliver()
    assert asked_of_queues(home) == [kind]
    home.wait(LEASE)
    home.settle()
    assert home.phase(1) is Phase.AWAITING_APPROVAL
    assert asked_in_outbox(home) == []


def test_what_was_begun_in_the_message_of_a_step_is_sent_where_that_comes_again(home: Installation, life: Life) -> None:
    home.push("1.0")
    home.settle(until=lambda: home.phase(1) is Phase.AWAITING_APPROVAL)
    home.vote(1)
    copying = home.settle_at(StepKind.COPY, "production")

    def deliver(*, again: bool = False) -> None:
        with home.app.beginning.room(Queue.STEPS, BODY, again=again):
            home.app.step_runner.run(copying)

    dies(home, life, StepKind.DEPLOY, deliver)
    assert asked_of_queues(home) == []
    deliver(again=True)
    assert asked_of_queues(home) == [StepKind.DEPLOY]
    home.wait(LEASE)
    home.settle()
    assert home.phase(1) is Phase.COMPLETED


def test_a_hint_that_comes_again_sends_what_was_begun_though_its_row_is_gone(home: Installation, life: Life) -> None:
    dies(home, life, StepKind.DEPLOY, pushed(home))
    with home.app.beginning.room(Queue.HINTS, BODY, again=True):
        home.app.inbox_reader.take("shop", "gone")
    assert asked_of_queues(home) == [StepKind.DEPLOY]


def test_what_somebody_else_has_begun_is_left_to_the_message_of_theirs(home: Installation, life: Life) -> None:
    dies(home, life, StepKind.DEPLOY, pushed(home))
    with home.app.beginning.room(Queue.EVENTS, b"another message", again=True):
        concerns("shop")
    assert asked_of_queues(home) == []


def test_the_timer_leaves_what_was_begun_to_its_message_but_not_for_ever(home: Installation, life: Life) -> None:
    dies(home, life, StepKind.DEPLOY, pushed(home))
    home.wait(timedelta(minutes=2))
    assert home.reconcile().sent == 0
    home.wait(LEFT_TO_ITS_MESSAGE)
    assert home.reconcile().sent == 1
    home.settle()
    assert home.phase(1) is Phase.AWAITING_APPROVAL


def test_a_step_taken_over_by_its_queue_is_the_queues_alone(home: Installation, life: Life) -> None:
    """The step may take longer than its lease, and its message stays in the queue until it has ended."""
    deliver = pushed(home)
    dies(home, life, StepKind.DEPLOY, deliver)
    deliver()
    home.wait(LEASE)
    (message,) = [message for message in home.bus.sent if message.body["kind"] == "deploy"]
    left: list[str] = []

    def long(work: Work) -> Outcome:
        left.extend(asked_in_outbox(home))
        return Requeue(after=timedelta(seconds=9), reason="it takes longer")

    effects = {**home.app.step_runner.effects, StepKind.DEPLOY: long}
    replace(home.app.step_runner, effects=effects).run(Step.model_validate(message.body))
    assert left == []


def test_what_was_begun_before_is_not_forgotten_where_it_cannot_be_sent(home: Installation, life: Life) -> None:
    deliver = pushed(home)
    dies(home, life, StepKind.DEPLOY, deliver)
    home.bus.broken = True
    with pytest.raises(QueueUnavailable):
        deliver()
    assert asked_in_outbox(home) == ["deploy"]


@pytest.mark.parametrize("kind", [StepKind.PLAN, StepKind.DEPLOY])
@pytest.mark.parametrize(
    "outcome", [Requeue(after=timedelta(seconds=9), reason="it takes longer"), Retry(reason="it is away")]
)
def test_a_step_that_goes_on_by_a_message_is_not_sent_by_the_timer_too(
    home: Installation, kind: StepKind, outcome: Outcome
) -> None:
    with_effect(home, kind, lambda _: outcome)
    pushed(home)()
    assert asked_of_queues(home) == [kind]
    assert asked_in_outbox(home) == []
