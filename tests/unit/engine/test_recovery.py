"""What docs/how-to/restore-after-region-loss.md promises: all messages are lost, and the ledger sends them again."""

from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.release import Phase
from slipway.testing import ADA, Installation

ENOUGH = timedelta(hours=2)
"""Longer than any step may take before it is asked for again."""


SHARES = 5


def lose_all_messages(installation: Installation) -> None:
    """A new Service Bus namespace: all messages of the old one are lost, the scheduled ones included."""
    installation.bus.sent.clear()


def let_timers_run(installation: Installation) -> None:
    """Let the timers run for two hours, and then everything settle."""
    installation.wait(ENOUGH)
    installation.reconcile(look_for_pushes=True)
    installation.settle()


def messages_of_a_delivery(folder: Path) -> int:
    """How many messages a delivery takes when nothing is lost."""
    installation, messages = Installation(folder), 0

    def count_message() -> bool:
        nonlocal messages
        messages += 1
        return False

    installation.push("1.0")
    installation.settle(until=count_message)
    installation.vote(1, ADA)
    installation.settle(until=count_message)
    assert installation.phase(1) is Phase.COMPLETED
    return messages


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("share", range(SHARES))
def test_a_delivery_completes_wherever_all_messages_are_lost(deliveries: Path, share: int) -> None:
    all_messages = messages_of_a_delivery(deliveries)
    assert all_messages > 10, "there are messages to lose"
    for after in range(share, all_messages, SHARES):
        installation, messages = Installation(deliveries), 0

        def one_too_many(*, after: int = after) -> bool:
            nonlocal messages
            messages += 1
            return messages > after

        installation.push("1.0")
        installation.settle(until=one_too_many)
        if installation.phase(1) is Phase.AWAITING_APPROVAL:
            installation.vote(1, ADA)
            installation.settle(until=one_too_many)
        lose_all_messages(installation)
        let_timers_run(installation)
        if installation.phase(1) is Phase.AWAITING_APPROVAL:
            installation.vote(1, ADA)
            installation.settle()
        assert installation.phase(1) is Phase.COMPLETED, f"all messages were lost after {after}"
        assert installation.production.digest("shop") == installation.release(1).digest
        assert installation.verify().intact


def test_the_trail_says_that_a_lost_step_was_sent_again(installation: Installation) -> None:
    installation.push("1.0")
    lose_all_messages(installation)
    let_timers_run(installation)
    assert "step.resent" in installation.actions()


def test_an_open_gate_closes_and_reminds_without_its_messages(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle()
    lose_all_messages(installation)
    before = len(installation.inbox.messages)
    installation.wait(timedelta(hours=3))
    assert installation.reconcile().reminders == 1
    installation.settle()
    assert len(installation.inbox.messages) > before
    installation.wait(timedelta(hours=24))
    installation.reconcile()
    assert installation.phase(1) is Phase.EXPIRED


@pytest.mark.parametrize(("age", "is_found"), [(timedelta(hours=2), True), (timedelta(hours=25), False)])
def test_a_push_whose_event_was_lost_is_found_for_a_day(
    installation: Installation, age: timedelta, is_found: bool
) -> None:
    installation.build("1.0")
    installation.wait(age)
    assert (installation.reconcile(look_for_pushes=True).missed_pushes == 1) is is_found


def test_a_vote_whose_message_was_lost_can_be_cast_again(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle()
    installation.voted(1, ADA)  # it was sent and never arrived
    lose_all_messages(installation)
    installation.vote(1, ADA, submission="once again")
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED
