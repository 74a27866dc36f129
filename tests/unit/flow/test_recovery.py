"""What docs/how-to/restore-after-region-loss.md says: all messages are gone, and the ledger brings them back."""

from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.release import Phase
from tests.unit.flow.deliveries import ADA
from tests.unit.flow.house import House

ENOUGH = timedelta(hours=2)
"""Longer than any step may take before it is asked for again."""


def lose_all_messages(house: House) -> None:
    """Service Bus is another one: what was in it is gone, scheduled messages too."""
    house.bus.sent.clear()


def go_on(house: House) -> None:
    """What the timers do in two hours, and what follows."""
    house.time.wait(ENOUGH)
    house.sweep.run()
    house.settle()


def steps_of_a_delivery(folder: Path) -> int:
    """How many messages a delivery takes when nothing is lost."""
    house, taken = House(folder), 0

    def counted() -> bool:
        nonlocal taken
        taken += 1
        return False

    house.push("1.0")
    house.settle(until=counted)
    house.intake.take(house.vote(1, ADA))
    house.settle(until=counted)
    assert house.phase(1) is Phase.COMPLETED
    return taken


def test_a_delivery_completes_wherever_all_messages_are_lost(deliveries: Path) -> None:
    whole = steps_of_a_delivery(deliveries)
    assert whole > 10, "there is something to lose"
    for after in range(whole):
        house, taken = House(deliveries), 0

        def there(*, after: int = after) -> bool:
            nonlocal taken
            taken += 1
            return taken > after

        house.push("1.0")
        house.settle(until=there)
        if house.phase(1) is Phase.AWAITING_APPROVAL:
            house.intake.take(house.vote(1, ADA))
            house.settle(until=there)
        lose_all_messages(house)
        go_on(house)
        if house.phase(1) is Phase.AWAITING_APPROVAL:
            house.intake.take(house.vote(1, ADA))
            house.settle()
        assert house.phase(1) is Phase.COMPLETED, f"all messages were lost after {after}"
        assert house.production.digest("shop") == house.release(1).digest
        assert house.reader.verify("shop").intact


def test_the_trail_says_that_a_lost_step_was_sent_again(house: House) -> None:
    house.push("1.0")
    lose_all_messages(house)
    go_on(house)
    assert "step.resent" in house.actions()


def test_an_open_gate_closes_and_reminds_without_its_messages(house: House) -> None:
    house.push("1.0")
    house.settle()
    lose_all_messages(house)
    before = len(house.inbox.messages)
    house.time.wait(timedelta(hours=3))
    assert house.sweep.run(look_for_pushes=False).reminders == 1
    house.settle()
    assert len(house.inbox.messages) > before
    house.time.wait(timedelta(hours=24))
    house.sweep.run(look_for_pushes=False)
    assert house.phase(1) is Phase.EXPIRED


@pytest.mark.parametrize(("age", "found"), [(timedelta(hours=2), True), (timedelta(hours=25), False)])
def test_a_push_that_nobody_heard_of_is_found_for_a_day(house: House, age: timedelta, found: bool) -> None:
    house.build("1.0")
    house.time.wait(age)
    assert (house.sweep.run().missed_pushes == 1) is found


def test_a_vote_whose_message_was_lost_can_be_cast_again(house: House) -> None:
    house.push("1.0")
    house.settle()
    house.vote(1, ADA)  # it was sent, and never came
    lose_all_messages(house)
    house.intake.take(house.vote(1, ADA, submission="once again"))
    house.settle()
    assert house.phase(1) is Phase.COMPLETED
