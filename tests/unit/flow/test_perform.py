"""Performing a step: one effect under a lease, and its outcome as a cause, a later look, or another try."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from slipway.domain.causes import CAUSE, StepFinished
from slipway.domain.release import Phase
from slipway.domain.steps import Step, StepKind
from slipway.flow.intake import Contended, Intake, UnknownTarget
from slipway.flow.outcome import Finished, LookAgain, Outcome, TryAgain, passed
from slipway.flow.perform import BUSY, LEASE, TRIES, Performer, Work
from slipway.ledger import LedgerUnavailable
from slipway.ledger.leases import Leases
from tests.unit.flow.house import House

DONE = Finished(passed=True, result={"objects": []})


@pytest.fixture
def step(house: House) -> Step:
    """The step that applies the first release in staging, taken from the queue."""
    house.push("1.0")
    return house.settle_at(StepKind.DEPLOY, "staging")


def performer(house: House, effect: Callable[[Work], Outcome], **parts: Any) -> Performer:
    return replace(house.performer, effects={StepKind.DEPLOY: effect}, **parts)


def sent(house: House) -> list[tuple[Step, timedelta]]:
    """The scheduled steps, with the time until they come."""
    return [
        (Step.model_validate(message.body), message.not_before - house.time())
        for message in house.bus.sent
        if message.queue == "steps" and message.not_before is not None
    ]


def test_a_step_is_performed_and_its_outcome_taken_in(house: House, step: Step) -> None:
    performer(house, lambda work: DONE).perform(step)
    assert house.phase(1) is Phase.CHECKING
    assert house.leases.take("shop", step.id, owner="next", now=house.time(), length=LEASE)


def test_a_stale_step_is_dropped(house: House, step: Step) -> None:
    looked: list[Work] = []
    house.finish(step)
    performer(house, lambda work: looked.append(work) or DONE).perform(step)  # type: ignore[func-returns-value]
    performer(house, lambda work: looked.append(work) or DONE).perform(step.evolve(attempt=9))  # type: ignore[func-returns-value]
    assert looked == []
    assert house.phase(1) is Phase.CHECKING


@pytest.mark.parametrize("changes", [{"application": "gone"}, {"release": 99}])
def test_a_step_of_what_is_not_there_is_said_to_have_no_target(
    house: House, step: Step, changes: dict[str, Any]
) -> None:
    with pytest.raises(UnknownTarget, match="there is no such"):
        house.performer.perform(step.evolve(**changes))


def test_a_step_that_somebody_else_holds_is_put_off_as_it_is(house: House, step: Step) -> None:
    assert house.leases.take("shop", step.id, owner="other", now=house.time(), length=LEASE)
    performer(house, lambda work: DONE).perform(step)
    assert sent(house) == [(step, BUSY)]
    assert house.phase(1) is Phase.DEPLOYING


def test_each_message_that_is_put_off_has_an_id_of_its_own(house: House, step: Step) -> None:
    assert house.leases.take("shop", step.id, owner="other", now=house.time(), length=LEASE)
    for _ in range(3):
        performer(house, lambda work: DONE).perform(step)
        house.time.wait(BUSY)
    ids = [message.id for message in house.bus.sent]
    assert len(set(ids)) == 3
    assert step.message_id not in ids


def test_a_lease_that_ran_out_is_taken_over(house: House, step: Step) -> None:
    assert house.leases.take("shop", step.id, owner="dead", now=house.time(), length=LEASE)
    house.time.wait(LEASE)
    performer(house, lambda work: DONE).perform(step)
    assert house.phase(1) is Phase.CHECKING


def test_an_effect_may_prolong_its_lease_and_is_told_when_it_lost_it(house: House, step: Step) -> None:
    renewed: list[bool] = []

    def long(work: Work) -> Outcome:
        for _ in range(3):
            house.time.wait(LEASE - timedelta(seconds=1))
            renewed.append(work.renew())
        assert not house.leases.take("shop", step.id, owner="other", now=house.time(), length=LEASE)
        house.time.wait(LEASE)
        assert house.leases.take("shop", step.id, owner="other", now=house.time(), length=LEASE)
        renewed.append(work.renew())
        return DONE

    performer(house, long).perform(step)
    assert renewed == [True, True, True, False]
    assert not house.leases.take("shop", step.id, owner="third", now=house.time(), length=LEASE)


def test_looking_again_comes_as_another_message_and_forgets_earlier_tries(house: House, step: Step) -> None:
    again = performer(house, lambda work: LookAgain(after=timedelta(seconds=3), reason="0 of 1"))
    again.perform(step.evolve(poll=4, tries=2))
    assert sent(house) == [(step.evolve(poll=5, tries=0), timedelta(seconds=3))]
    assert house.phase(1) is Phase.DEPLOYING


def test_tries_come_after_growing_pauses_and_end_in_a_failure(house: House, step: Step) -> None:
    flaky = performer(house, lambda work: TryAgain(reason="no answer"))
    pauses, current = [], step
    for _ in range(TRIES - 1):
        flaky.perform(current)
        ((current, pause),) = sent(house)
        pauses.append(pause.total_seconds())
        house.bus.sent.clear()
    assert pauses == [2, 4, 8, 16, 32]
    flaky.perform(current)
    assert house.phase(1) is Phase.FAILED
    assert f"no answer (tried {TRIES} times)" in house.release(1).reason


def test_an_unexpected_error_gives_the_lease_back(house: House, step: Step) -> None:
    def broken(work: Work) -> Outcome:
        raise ZeroDivisionError("a mistake")

    with pytest.raises(ZeroDivisionError):
        performer(house, broken).perform(step)
    assert house.leases.take("shop", step.id, owner="next", now=house.time(), length=LEASE)
    assert house.phase(1) is Phase.DEPLOYING


class StuckLeases(Leases):
    """Leases that cannot be given back."""

    def give_back(self, application: str, step: str, *, owner: str) -> None:
        raise LedgerUnavailable("switched off")


def test_an_outcome_stands_though_its_lease_cannot_be_given_back(house: House, step: Step) -> None:
    performer(house, lambda work: DONE, leases=StuckLeases(house.table)).perform(step)
    assert house.phase(1) is Phase.CHECKING


class BusyIntake(Intake):
    """An intake whose ledger others write to all the time."""

    def take(self, cause: Any) -> Any:
        raise Contended("shop: others were faster")


def test_a_report_that_meets_a_crowd_goes_through_the_queue_and_the_effect_is_had_once(
    house: House, step: Step
) -> None:
    had: list[Work] = []

    def effect(work: Work) -> Outcome:
        had.append(work)
        return DONE

    busy = BusyIntake(ledger=house.ledger, catalogue=house.catalogue, outbox=house.outbox, clock=house.time)
    performer(house, effect, intake=busy).perform(step)
    (message,) = [m for m in house.bus.sent if m.queue == "causes"]
    cause = CAUSE.validate_python(message.body)
    assert isinstance(cause, StepFinished)
    assert message.id == cause.mark
    house.intake.take(cause)
    assert house.phase(1) is Phase.CHECKING
    assert len(had) == 1


def test_a_reason_of_any_length_is_reported(house: House, step: Step) -> None:
    performer(house, lambda work: passed(reason="ready " * 2000)).perform(step)
    assert house.phase(1) is Phase.CHECKING
