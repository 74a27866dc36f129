"""Waiting until something that was said is decided on."""

import itertools

import pytest

from slipway.api.inbox import SaidOutcome
from slipway.cli.errors import CliError, Exit
from slipway.cli.waiting import REMIND_OF_WORKER, WaitClock, until_decided
from slipway.domain.inbox import inbox_id
from slipway.testing.clock import MORNING
from tests.unit.cli.passing import PassingClock

RECEIVED = SaidOutcome(application="shop", id=inbox_id(MORNING, b"12345678"), state="received")


@pytest.mark.parametrize(
    ("waits_for", "message"),
    [
        ("", "nobody has decided on it for 60 seconds"),
        ("the vote cannot be verified yet", "it was received and waits: the vote cannot be verified yet"),
        ("away \x1b[31m", r"waits: away \x1b[31m"),
    ],
)
def test_a_wait_that_takes_too_long_ends_and_says_what_it_waited_for(waits_for: str, message: str) -> None:
    seconds = itertools.count(step=30.0)
    content = RECEIVED.model_copy(update={"waits_for": waits_for}).model_dump(mode="json")
    clock = WaitClock(pause=lambda _: None, elapsed=lambda: next(seconds))
    with pytest.raises(CliError) as failed:
        until_decided(lambda: content, clock=clock, longest=60)
    assert message in failed.value.message
    assert failed.value.exit_code == Exit.UNREACHABLE


def test_the_reason_for_a_wait_is_printed_at_once_and_only_once(capsys: pytest.CaptureFixture[str]) -> None:
    waits = RECEIVED.model_copy(update={"waits_for": "the row head of the partition shop cannot be read"})
    replies = iter((RECEIVED, waits, waits, RECEIVED.model_copy(update={"state": "counted"})))
    messages = list[str]()

    def pause(_: float) -> None:
        messages.append(capsys.readouterr().err)

    until_decided(lambda: next(replies).model_dump(mode="json"), clock=WaitClock(pause=pause))
    assert messages == ["", "it waits: the row head of the partition shop cannot be read\n", ""]


def test_a_wait_for_the_worker_prints_a_reminder_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    clock = PassingClock()
    with pytest.raises(CliError):
        until_decided(lambda: RECEIVED.model_dump(mode="json"), clock=clock.waits, longest=60)
    reminders = capsys.readouterr().err.splitlines()
    assert len(reminders) == 60 // REMIND_OF_WORKER - 1
    assert all(line.startswith("nobody has decided on it yet; waiting for another ") for line in reminders)
