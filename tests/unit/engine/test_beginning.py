"""A step begins in the invocation that requested it; if that fails, the invocation's message is delivered again."""

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
def installation(life: Life, tmp_path: Path) -> Installation:
    write_application(tmp_path)
    return Installation(tmp_path, wrap=lambda ports: mortal_ports(ports, life))


def queued_steps(installation: Installation) -> list[StepKind]:
    return [step.kind for step in installation.steps() if step.kind.is_awaited]


def kinds_in_outbox(installation: Installation) -> list[str]:
    return [entry.message.body["kind"] for entry in installation.app.ledger.outbox("shop")]


def delivery_of_a_push(
    installation: Installation, queue: Queue = Queue.EVENTS, *, body: bytes = BODY
) -> Callable[[], None]:
    """Returns a function that delivers the message of one push, the first time and then again."""
    event, deliveries = installation.pushed("1.0"), list[bool]()

    def deliver() -> None:
        with installation.app.beginning.room(queue, body, again=bool(deliveries)):
            deliveries.append(True)
            installation.app.door.take(event)

    return deliver


def with_effect(installation: Installation, kind: StepKind, effect: Callable[[Work], Outcome]) -> None:
    """Let the app run this effect for steps of this kind from now on."""
    runner = replace(installation.app.step_runner, effects={**installation.app.step_runner.effects, kind: effect})
    installation.app.__dict__["beginning"] = replace(installation.app.beginning, run=lambda: runner.run)


def die_during(installation: Installation, life: Life, kind: StepKind, deliver: Callable[[], None]) -> None:
    """The process dies during the effect of this step, and another process starts."""

    def effect(_: Work) -> Outcome:
        life.dead = True
        raise Crash

    usual = installation.app.beginning
    with_effect(installation, kind, effect)
    with pytest.raises(Crash):
        deliver()
    life.restart()
    installation.app.__dict__["beginning"] = usual


def test_a_push_is_planned_and_deployed_without_a_queue(installation: Installation) -> None:
    delivery_of_a_push(installation)()
    assert installation.phase(1) is Phase.CHECKING
    assert [(step.kind, step.poll) for step in installation.steps() if step.kind.is_awaited] == [(StepKind.CHECK, 1)]
    assert kinds_in_outbox(installation) == []


def test_a_vote_is_followed_by_copy_and_deployment_without_a_queue(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle(until=lambda: installation.phase(1) is Phase.AWAITING_APPROVAL)
    installation.bus.sent.clear()
    with installation.app.beginning.room(Queue.HINTS, BODY, again=False):
        concerns("shop")
        installation.vote(1)
    assert installation.phase(1) is Phase.CHECKING
    assert queued_steps(installation) == [StepKind.CHECK]


def test_a_rejection_since_the_decision_stops_a_step_that_is_about_to_begin(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle(until=lambda: installation.phase(1) is Phase.AWAITING_APPROVAL)

    def run(step: Step, within: str) -> None:
        if step.kind is StepKind.DEPLOY:
            installation.vote(1, decision=VoteDecision.REJECT, reason="the wrong branch")
        installation.app.step_runner.run(step, within)

    installation.app.__dict__["beginning"] = replace(installation.app.beginning, run=lambda: run)
    with installation.app.beginning.room(Queue.HINTS, BODY, again=False):
        concerns("shop")
        installation.vote(1)
    assert installation.phase(1) is Phase.REJECTED
    assert installation.production.applied == 0
    assert queued_steps(installation) == []


def test_a_step_requested_in_a_session_is_queued_and_not_begun(installation: Installation) -> None:
    delivery_of_a_push(installation, Queue.WORK)()
    assert queued_steps(installation) == [StepKind.PLAN]


def test_a_step_of_an_application_that_the_message_does_not_concern_is_queued(installation: Installation) -> None:
    with installation.app.beginning.room(Queue.HINTS, BODY, again=False):
        concerns("another")
        installation.push("1.0")
    assert queued_steps(installation) == [StepKind.PLAN]


def test_a_push_does_not_wait_for_slow_steps_of_others(installation: Installation) -> None:
    with ExitStack() as slow_steps:
        for _ in range(BESIDE):
            assert installation.app.beginning.beside.acquire(blocking=False)
            slow_steps.callback(installation.app.beginning.beside.release)
        delivery_of_a_push(installation)()
        assert queued_steps(installation) == [StepKind.PLAN]
    installation.settle()
    for _ in range(BESIDE):
        assert installation.app.beginning.beside.acquire(blocking=False), "every slot was released"


def test_an_invocation_that_has_taken_long_begins_nothing_more(installation: Installation) -> None:
    usual = installation.app.step_runner.effects[StepKind.PLAN]

    def slow(work: Work) -> Outcome:
        installation.wait(BEGUN_WITHIN + timedelta(seconds=1))
        return usual(work)

    with_effect(installation, StepKind.PLAN, slow)
    delivery_of_a_push(installation)()
    assert queued_steps(installation) == [StepKind.DEPLOY]


def test_a_step_that_cannot_be_begun_goes_to_its_queue(installation: Installation) -> None:
    def fail(work: Work) -> Outcome:
        raise LedgerUnavailable("switched off")

    with_effect(installation, StepKind.DEPLOY, fail)
    delivery_of_a_push(installation)()
    assert queued_steps(installation) == [StepKind.DEPLOY]
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


@pytest.mark.parametrize("kind", [StepKind.PLAN, StepKind.DEPLOY])
def test_a_step_begun_by_a_process_that_died_is_queued_when_its_message_comes_again(
    installation: Installation, life: Life, kind: StepKind
) -> None:
    deliver = delivery_of_a_push(installation)
    die_during(installation, life, kind, deliver)
    assert queued_steps(installation) == []
    deliver()
    assert queued_steps(installation) == [kind]
    installation.wait(LEASE)
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    assert kinds_in_outbox(installation) == []


def test_a_step_begun_by_the_message_of_another_step_is_queued_when_that_comes_again(
    installation: Installation, life: Life
) -> None:
    installation.push("1.0")
    installation.settle(until=lambda: installation.phase(1) is Phase.AWAITING_APPROVAL)
    installation.vote(1)
    copying = installation.settle_at(StepKind.COPY, "production")

    def deliver(*, again: bool = False) -> None:
        with installation.app.beginning.room(Queue.STEPS, BODY, again=again):
            installation.app.step_runner.run(copying)

    die_during(installation, life, StepKind.DEPLOY, deliver)
    assert queued_steps(installation) == []
    deliver(again=True)
    assert queued_steps(installation) == [StepKind.DEPLOY]
    installation.wait(LEASE)
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED


def test_a_hint_that_comes_again_queues_the_begun_step_though_its_row_is_gone(
    installation: Installation, life: Life
) -> None:
    die_during(installation, life, StepKind.DEPLOY, delivery_of_a_push(installation))
    with installation.app.beginning.room(Queue.HINTS, BODY, again=True):
        installation.app.inbox_reader.take("shop", "gone")
    assert queued_steps(installation) == [StepKind.DEPLOY]


def test_a_step_begun_by_one_message_is_not_queued_by_another(installation: Installation, life: Life) -> None:
    die_during(installation, life, StepKind.DEPLOY, delivery_of_a_push(installation))
    with installation.app.beginning.room(Queue.EVENTS, b"another message", again=True):
        concerns("shop")
    assert queued_steps(installation) == []


def test_the_timer_leaves_a_begun_step_to_its_message_for_a_limited_time(
    installation: Installation, life: Life
) -> None:
    die_during(installation, life, StepKind.DEPLOY, delivery_of_a_push(installation))
    installation.wait(timedelta(minutes=2))
    assert installation.reconcile().sent == 0
    installation.wait(LEFT_TO_ITS_MESSAGE)
    assert installation.reconcile().sent == 1
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


def test_a_step_that_runs_from_its_queue_is_no_longer_in_the_outbox(installation: Installation, life: Life) -> None:
    """The step may take longer than its lease, and its message stays in the queue until it has ended."""
    deliver = delivery_of_a_push(installation)
    die_during(installation, life, StepKind.DEPLOY, deliver)
    deliver()
    installation.wait(LEASE)
    (message,) = [message for message in installation.bus.sent if message.body["kind"] == "deploy"]
    outbox_during_step: list[str] = []

    def take_long(work: Work) -> Outcome:
        outbox_during_step.extend(kinds_in_outbox(installation))
        return Requeue(after=timedelta(seconds=9), reason="it takes longer")

    effects = {**installation.app.step_runner.effects, StepKind.DEPLOY: take_long}
    replace(installation.app.step_runner, effects=effects).run(Step.model_validate(message.body))
    assert outbox_during_step == []


def test_a_begun_step_stays_in_the_outbox_while_it_cannot_be_queued(installation: Installation, life: Life) -> None:
    deliver = delivery_of_a_push(installation)
    die_during(installation, life, StepKind.DEPLOY, deliver)
    installation.bus.broken = True
    with pytest.raises(QueueUnavailable):
        deliver()
    assert kinds_in_outbox(installation) == ["deploy"]


@pytest.mark.parametrize("kind", [StepKind.PLAN, StepKind.DEPLOY])
@pytest.mark.parametrize(
    "outcome", [Requeue(after=timedelta(seconds=9), reason="it takes longer"), Retry(reason="it is away")]
)
def test_a_step_that_goes_on_by_a_message_leaves_nothing_in_the_outbox(
    installation: Installation, kind: StepKind, outcome: Outcome
) -> None:
    with_effect(installation, kind, lambda _: outcome)
    delivery_of_a_push(installation)()
    assert queued_steps(installation) == [kind]
    assert kinds_in_outbox(installation) == []
