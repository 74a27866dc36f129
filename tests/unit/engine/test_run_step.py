"""Running a step: one effect under a lease; its outcome becomes an event, a later poll or another try."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.events import EVENT, StepFinished
from slipway.domain.queues import Queue
from slipway.domain.release import Phase
from slipway.domain.steps import GRACE, STEP_TIME, Step, StepKind
from slipway.engine.handle import Contended, Handler, UnknownTarget
from slipway.engine.outcome import Finished, Outcome, Requeue, Retry, passed
from slipway.engine.run_step import BUSY, LEASE, LONGEST_PAUSE, TRIES, StepRunner, Work
from slipway.ledger import LedgerUnavailable
from slipway.ledger.table import Act, Write
from slipway.testing import Installation, MemoryTable
from tests.beginnings import about_to, begun

DONE = Finished(passed=True, result={"objects": []})


ABOUT_TO_DEPLOY = partial(about_to, StepKind.DEPLOY, "staging")


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return begun(ABOUT_TO_DEPLOY, tmp_path)


@pytest.fixture
def step(installation: Installation) -> Step:
    """The deploy step of the first release in staging, taken from the queue."""
    return installation.settle_at(StepKind.DEPLOY, "staging")


def step_runner(installation: Installation, effect: Callable[[Work], Outcome], **parts: Any) -> StepRunner:
    return replace(installation.app.step_runner, effects={StepKind.DEPLOY: effect}, **parts)


def scheduled_steps(installation: Installation) -> list[tuple[Step, timedelta]]:
    """The scheduled steps, with the time until each is delivered."""
    return [
        (Step.model_validate(message.body), message.not_before - installation.now)
        for message in installation.bus.sent
        if message.queue is Queue.STEPS and message.not_before is not None
    ]


def test_a_step_is_performed_and_its_outcome_taken_in(installation: Installation, step: Step) -> None:
    step_runner(installation, lambda work: DONE).run(step)
    assert installation.phase(1) is Phase.CHECKING
    assert installation.app.leases.take("shop", step.id, owner="next", now=installation.now, length=LEASE)


def test_the_reason_that_a_step_waits_for_is_noted_once_while_it_waits(installation: Installation, step: Step) -> None:
    retry = Retry(reason="the cluster does not answer")
    step_runner(installation, lambda work: retry).run(step)
    ((next_try, _),) = scheduled_steps(installation)
    state = installation.app.ledger.under_way.read("shop", 1, "staging")
    assert state is not None
    assert (state.step, state.waits, next_try.waits) == (step.id, retry.reason, retry.reason)

    installation.app.ledger.under_way.forget("shop", 1, "staging")
    step_runner(installation, lambda work: retry).run(next_try)
    assert installation.app.ledger.under_way.read("shop", 1, "staging") is None, "the reason has not changed"
    step_runner(installation, lambda work: Requeue(after=BUSY, reason="1 of 2 pods is up")).run(next_try)
    assert installation.explain(1).headline.endswith("; it waits: 1 of 2 pods is up.")
    step_runner(installation, lambda work: DONE).run(next_try)
    assert installation.app.ledger.under_way.read("shop", 1, "staging") is None
    assert "it waits" not in installation.explain(1).headline


def test_a_quick_rollout_notes_nothing(installation: Installation, step: Step) -> None:
    step_runner(installation, lambda work: Requeue(after=BUSY, reason="1 of 2 pods is up")).run(step)
    assert installation.app.ledger.under_way.read("shop", 1, "staging") is None


def test_a_note_of_another_attempt_is_not_shown(installation: Installation, step: Step) -> None:
    installation.app.ledger.under_way.note(step.evolve(attempt=9), "something long over")
    assert "it waits" not in installation.explain(1).headline
    assert installation.app.reader.under_way(installation.release(1)) is None


def test_a_stale_step_is_dropped(installation: Installation, step: Step) -> None:
    performed: list[Work] = []

    def perform(work: Work) -> Outcome:
        performed.append(work)
        return DONE

    installation.finish(step)
    step_runner(installation, perform).run(step)
    step_runner(installation, perform).run(step.evolve(attempt=9))
    assert performed == []
    assert installation.phase(1) is Phase.CHECKING


@pytest.mark.parametrize("changes", [{"application": "gone"}, {"release": 99}])
def test_a_step_of_an_unknown_application_or_release_has_an_unknown_target(
    installation: Installation, step: Step, changes: dict[str, Any]
) -> None:
    with pytest.raises(UnknownTarget, match="there is no such"):
        installation.run_step(step.evolve(**changes))


def test_a_step_that_another_worker_holds_is_put_off_unchanged(installation: Installation, step: Step) -> None:
    assert installation.app.leases.take("shop", step.id, owner="other", now=installation.now, length=LEASE)
    step_runner(installation, lambda work: DONE).run(step)
    assert scheduled_steps(installation) == [(step, BUSY)]
    assert installation.phase(1) is Phase.DEPLOYING


def test_each_message_that_is_put_off_has_an_id_of_its_own(installation: Installation, step: Step) -> None:
    assert installation.app.leases.take("shop", step.id, owner="other", now=installation.now, length=LEASE)
    for _ in range(3):
        step_runner(installation, lambda work: DONE).run(step)
        installation.wait(BUSY)
    ids = [message.id for message in installation.bus.sent]
    assert len(set(ids)) == 3
    assert step.message_id not in ids


def test_a_lease_that_ran_out_is_taken_over(installation: Installation, step: Step) -> None:
    assert installation.app.leases.take("shop", step.id, owner="dead", now=installation.now, length=LEASE)
    installation.wait(LEASE)
    step_runner(installation, lambda work: DONE).run(step)
    assert installation.phase(1) is Phase.CHECKING


def test_an_effect_may_renew_its_lease_and_sees_when_it_has_lost_it(installation: Installation, step: Step) -> None:
    renewals: list[bool] = []

    def take_long(work: Work) -> Outcome:
        for _ in range(3):
            installation.wait(LEASE - timedelta(seconds=1))
            renewals.append(work.renew())
        assert not installation.app.leases.take("shop", step.id, owner="other", now=installation.now, length=LEASE)
        installation.wait(LEASE)
        assert installation.app.leases.take("shop", step.id, owner="other", now=installation.now, length=LEASE)
        renewals.append(work.renew())
        return DONE

    step_runner(installation, take_long).run(step)
    assert renewals == [True, True, True, False]
    assert not installation.app.leases.take("shop", step.id, owner="third", now=installation.now, length=LEASE)


def test_another_poll_is_a_message_of_its_own_and_resets_the_tries(installation: Installation, step: Step) -> None:
    runner = step_runner(installation, lambda work: Requeue(after=timedelta(seconds=3), reason="0 of 1"))
    runner.run(step.evolve(poll=4, tries=2))
    assert scheduled_steps(installation) == [(step.evolve(poll=5, tries=0, waits="0 of 1"), timedelta(seconds=3))]
    assert installation.phase(1) is Phase.DEPLOYING


def try_until_it_ends(installation: Installation, step: Step, outcome: Retry) -> tuple[list[float], Step]:
    """Run the step until it is no longer tried again: the pauses between tries in seconds, and the last try's step."""
    flaky, pauses, current = step_runner(installation, lambda work: outcome), list[float](), step
    while True:
        flaky.run(current)
        if not scheduled_steps(installation):
            return pauses, current
        ((current, pause),) = scheduled_steps(installation)
        pauses.append(pause.total_seconds())
        installation.bus.sent.clear()
        installation.wait(pause)


def test_a_part_that_is_away_is_waited_for_until_the_steps_own_time_is_over(
    installation: Installation, step: Step
) -> None:
    pauses, last = try_until_it_ends(installation, step, Retry(reason="no answer"))
    assert pauses[:6] == [2, 4, 8, 16, 32, 60]
    assert set(pauses[6:]) == {60}
    assert timedelta() <= installation.now - step.asked_at - STEP_TIME < LONGEST_PAUSE
    assert installation.phase(1) is Phase.FAILED
    assert f"no answer (tried {last.tries + 1} times)" in installation.release(1).reason


def test_a_refusal_that_may_be_permanent_is_retried_a_few_times(installation: Installation, step: Step) -> None:
    pauses, _ = try_until_it_ends(installation, step, Retry(reason="403", briefly=True))
    assert pauses == [2, 4, 8, 16, 32]
    assert installation.phase(1) is Phase.FAILED


def test_a_step_that_is_begun_after_its_time_is_still_tried_a_few_times(installation: Installation, step: Step) -> None:
    installation.wait(2 * STEP_TIME)
    pauses, _ = try_until_it_ends(installation, step, Retry(reason="no answer"))
    assert len(pauses) == TRIES - 1


def test_earlier_messages_of_a_step_that_was_sent_again_are_dropped(installation: Installation, step: Step) -> None:
    performed = list[Work]()

    def perform(work: Work) -> Outcome:
        performed.append(work)
        return Requeue(after=BUSY)

    installation.wait(STEP_TIME + GRACE)
    installation.bus.sent.clear()
    installation.reconcile()
    assert installation.release(1).resent == 1
    step_runner(installation, perform).run(step)
    assert performed == []
    step_runner(installation, perform).run(step.evolve(resent=1))
    assert len(performed) == 1


def test_an_unexpected_error_gives_the_lease_back(installation: Installation, step: Step) -> None:
    def fail(work: Work) -> Outcome:
        raise ZeroDivisionError("a mistake")

    with pytest.raises(ZeroDivisionError):
        step_runner(installation, fail).run(step)
    assert installation.app.leases.take("shop", step.id, owner="next", now=installation.now, length=LEASE)
    assert installation.phase(1) is Phase.DEPLOYING


def test_an_outcome_stands_though_its_lease_cannot_be_given_back(
    installation: Installation, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    transact = MemoryTable.transact

    def refuse_deletes(table: MemoryTable, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        if all(write.act is Act.DELETE for write in writes):
            raise LedgerUnavailable("switched off")
        return transact(table, partition, writes)

    monkeypatch.setattr(MemoryTable, "transact", refuse_deletes)
    step_runner(installation, lambda work: Requeue(after=timedelta(seconds=1), reason="not yet")).run(step)
    assert [(next_poll.poll, next_poll.id) for next_poll, _ in scheduled_steps(installation)] == [
        (step.poll + 1, step.id)
    ]
    assert installation.app.leases.take("shop", step.id, owner="next", now=installation.now, length=LEASE) is None


class BusyHandler(Handler):
    """A handler that always loses to other writers."""

    def handle_for(self, entry: Any, event: Any, **_: Any) -> Any:
        raise Contended("shop: others were faster")


def busy_like(handler: Handler) -> BusyHandler:
    return BusyHandler(**{attribute.name: getattr(handler, attribute.name) for attribute in fields(Handler)})


def test_an_outcome_that_loses_to_other_writers_goes_through_the_queue_without_a_second_effect(
    installation: Installation, step: Step
) -> None:
    performed: list[Work] = []

    def effect(work: Work) -> Outcome:
        performed.append(work)
        return DONE

    busy = busy_like(installation.app.handler)
    step_runner(installation, effect, handler=busy).run(step)
    (message,) = [outgoing for outgoing in installation.bus.sent if outgoing.queue is Queue.WORK]
    event = EVENT.validate_python(message.body)
    assert isinstance(event, StepFinished)
    assert (message.session, message.id) == ("shop", f"{event.mark}-shop")
    installation.take(event)
    assert installation.phase(1) is Phase.CHECKING
    assert len(performed) == 1


def test_a_reason_of_any_length_is_reported(installation: Installation, step: Step) -> None:
    step_runner(installation, lambda work: passed(reason="ready " * 2000)).run(step)
    assert installation.phase(1) is Phase.CHECKING
