"""What happens to a message whose handling fails: the queue always moves on, and nothing is lost."""

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest

from slipway.domain.events import EVENT
from slipway.domain.queues import Queue
from slipway.domain.reports import Parked
from slipway.effects.messaging import MessageTooLarge, QueueUnavailable, RawMessage
from slipway.engine.handle import Contended, UnknownTarget
from slipway.engine.receiving import TRIES, QueueMessage, pause_after
from slipway.inbound import BadInput, Ignored, read_json
from slipway.ledger import Conflict, LedgerRefused, LedgerUnavailable
from slipway.telemetry import logs
from slipway.testing import Installation, MemoryTable

BODY = '{"kind": "ж 🚢"}'.encode()


def receive(
    installation: Installation, error: BaseException | None, *, tries: int = 0, message_id: str = "m-1"
) -> None:
    def work(body: bytes) -> None:
        assert body == BODY
        if error is not None:
            raise error

    installation.app.receiver.receive(work, QueueMessage(queue="events", body=BODY, id=message_id, tries=tries))


def parked(installation: Installation) -> list[Parked]:
    return list(installation.app.parking.all())


def raw_messages(installation: Installation) -> list[RawMessage]:
    messages: list[RawMessage] = installation.bus.raw
    return messages


def nothing_is_left(installation: Installation) -> bool:
    return not parked(installation) and not raw_messages(installation)


def test_a_message_that_is_handled_leaves_nothing_behind(installation: Installation) -> None:
    receive(installation, None)
    assert nothing_is_left(installation)


def test_an_ignored_message_leaves_nothing_behind(installation: Installation) -> None:
    receive(installation, Ignored("it starts nothing"))
    assert nothing_is_left(installation)


@pytest.mark.parametrize(
    "error",
    [
        BadInput("digest", "sha256:…", "'x'"),
        UnknownTarget("no application delivers team/other"),
        MessageTooLarge("steps", ["m-2"]),
        LedgerRefused("a key that no table takes"),
    ],
)
def test_bad_input_is_parked_at_once_with_its_reason(installation: Installation, error: Exception) -> None:
    receive(installation, error)
    (item,) = parked(installation)
    assert (item.source, item.reason, item.body, item.message_id) == ("events", str(error), BODY.decode(), "m-1")
    assert raw_messages(installation) == []


@pytest.mark.parametrize(
    "error", [LedgerUnavailable("away"), QueueUnavailable("away"), Contended("busy"), Conflict("busy")]
)
@pytest.mark.parametrize("tries", [0, 3, TRIES, 500])
def test_while_a_service_is_away_a_message_is_put_off_as_often_as_it_takes(
    installation: Installation, error: Exception, tries: int
) -> None:
    receive(installation, error, tries=tries)
    (postponed,) = raw_messages(installation)
    assert (postponed.queue, postponed.body, postponed.tries) == ("events", BODY, tries + 1)
    assert postponed.not_before == installation.now + pause_after(tries)
    assert parked(installation) == []


def test_pauses_grow_to_a_minute_and_no_further() -> None:
    assert [pause_after(tries).total_seconds() for tries in (0, 1, 2, 5, 6, 7, 10**6)] == [1, 2, 4, 32, 60, 60, 60]


def test_each_copy_for_later_has_an_id_of_its_own(installation: Installation) -> None:
    message_id = "m-1"
    for tries in range(5):
        receive(installation, LedgerUnavailable("away"), tries=tries, message_id=message_id)
        message_id = raw_messages(installation)[-1].message_id
    receive(installation, LedgerUnavailable("away"), message_id="m-2")
    assert len({copy.message_id for copy in raw_messages(installation)}) == 6
    assert all(len(copy.message_id) <= 128 for copy in raw_messages(installation))


def test_the_same_delivery_put_off_twice_is_one_copy_for_the_queue(installation: Installation) -> None:
    receive(installation, LedgerUnavailable("away"))
    receive(installation, LedgerUnavailable("away"))
    first, second = raw_messages(installation)
    assert first.message_id == second.message_id


def test_an_unexpected_error_is_tried_a_few_times_and_then_parked(installation: Installation) -> None:
    for tries in range(TRIES - 1):
        receive(installation, KeyError("a mistake"), tries=tries)
        assert len(raw_messages(installation)) == tries + 1
        assert parked(installation) == []
    receive(installation, KeyError("a mistake"), tries=TRIES - 1)
    assert len(raw_messages(installation)) == TRIES - 1
    (item,) = parked(installation)
    assert item.reason.startswith("unexpected KeyError")
    assert item.reason.endswith(f"the log has the traceback (tried {TRIES} times)")


def test_the_text_of_an_exception_that_is_not_ours_reaches_no_log_and_no_reason(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    """A library's error may repeat a value: a failed conversion of a password to a number repeats the password."""
    logs.guard()

    def work(body: bytes) -> None:
        int(body)

    message = QueueMessage(queue=Queue.STEPS, body=b"hunter2hunter2", id="m-1", tries=TRIES - 1)
    installation.app.receiver.receive(work, message)
    (item,) = parked(installation)
    log = "".join(map(logging.Formatter().format, caplog.records))
    assert "ValueError" in log
    assert "test_receiving.py" in log, "the place of the error stays"
    assert "hunter2hunter2" not in item.reason + log


@pytest.mark.parametrize("error", [LedgerUnavailable("away"), KeyError("a mistake")])
def test_a_message_that_cannot_even_be_put_off_is_left_to_the_queue(
    installation: Installation, error: Exception
) -> None:
    installation.bus.broken = True
    with pytest.raises(QueueUnavailable):
        receive(installation, error)


class AwayTable(MemoryTable):
    """A table that takes no writes."""

    def transact(self, partition: str, writes: object) -> tuple[str, ...]:
        raise LedgerUnavailable("switched off")


@pytest.mark.parametrize("error", [BadInput("digest", "sha256:…", "'x'"), KeyError("a mistake")])
def test_a_message_that_cannot_be_parked_is_put_off(installation: Installation, error: Exception) -> None:
    installation.table = AwayTable()
    installation.restart()
    receive(installation, error, tries=TRIES)
    (postponed,) = raw_messages(installation)
    assert postponed.tries == TRIES + 1
    assert postponed.not_before == installation.now + timedelta(minutes=1)


@pytest.mark.parametrize(
    "work",
    [
        lambda body: EVENT.validate_python(read_json(body)),
        lambda body: read_json(b"[" * 100_000),
    ],
)
def test_garbage_never_leaves_the_receiver_as_an_error(
    installation: Installation, work: Callable[[bytes], None]
) -> None:
    for tries in range(TRIES):
        installation.app.receiver.receive(work, QueueMessage(queue="events", body=b'{"kind": 7}', id="m", tries=tries))
    assert len(parked(installation)) == 1
