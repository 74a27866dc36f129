"""A message that its queue will never accept is parked where people see it, and holds up nothing else."""

from datetime import timedelta
from typing import Any

import pytest

from slipway.domain.release import Phase
from slipway.domain.steps import Outgoing, StepKind
from slipway.effects.messaging import MessageTooLarge, RawMessage
from slipway.engine.handle import Contended
from slipway.engine.outcome import Finished
from slipway.engine.parking import NotReplayable, Parking
from slipway.engine.receiving import QueueMessage
from slipway.ledger import LedgerUnavailable, OutboxEntry
from slipway.testing import Installation, MemoryBus
from tests.unit.engine.test_run_step import busy_like, step_runner

TOO_LARGE = 300_000


def entry(installation: Installation, number: int, size: int, queue: Any = "steps") -> OutboxEntry:
    session = "shop" if queue == "work" else ""
    body = {"number": number, "filled": "x" * size}
    message = Outgoing(queue=queue, session=session, id=f"m-{number}", body=body)
    return OutboxEntry(application="shop", row=f"outbox!{number}", message=message, written_at=installation.now)


def sent_ids(installation: Installation) -> list[str]:
    return [message.id for message in installation.bus.sent if message.id.startswith("m-")]


class RefusesRaw(MemoryBus):
    """A bus whose queues refuse every raw message as too large."""

    def send_raw(self, message: RawMessage) -> None:
        raise MessageTooLarge(message.queue, ["m-1-copy"])


def refuse_raw_messages(installation: Installation) -> None:
    installation.bus = RefusesRaw()
    installation.restart()


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(("queue", "other_queue"), [("work", "steps"), ("steps", "work")])
def test_a_message_that_is_too_large_is_parked_and_all_others_are_sent(
    installation: Installation, place: int, queue: str, other_queue: str
) -> None:
    entries = [entry(installation, number, TOO_LARGE if number == place else 10, queue) for number in range(3)]
    assert installation.app.outbox.send([*entries, entry(installation, 3, 10, other_queue)])
    assert sorted(sent_ids(installation)) == sorted(f"m-{number}" for number in (0, 1, 2, 3) if number != place)
    (parked,) = installation.app.parking.all()
    assert (parked.source, parked.message_id) == (queue, f"m-{place}")
    assert parked.reason == f"queue {queue}: messages too large: m-{place}"
    assert installation.actions("_installation") == ["input.parked"]


def test_messages_that_are_too_large_for_two_queues_are_both_parked(installation: Installation) -> None:
    assert installation.app.outbox.send(
        [entry(installation, 1, TOO_LARGE, "work"), entry(installation, 2, TOO_LARGE, "steps")]
    )
    assert {parked.message_id for parked in installation.app.parking.all()} == {"m-1", "m-2"}


def test_a_message_that_is_too_large_stays_in_the_outbox_until_it_can_be_parked(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise LedgerUnavailable("switched off")

    with monkeypatch.context() as patched:
        patched.setattr(type(installation.app.installation), "park", lambda self, **values: fail())
        assert not installation.app.outbox.send([entry(installation, 1, TOO_LARGE)])
    assert list(installation.app.parking.all()) == []
    assert installation.app.outbox.send([entry(installation, 1, TOO_LARGE)])
    assert [parked.message_id for parked in installation.app.parking.all()] == ["m-1"]


def test_the_reconcile_timer_does_not_meet_a_parked_message_again(installation: Installation) -> None:
    """Otherwise such a row is tried every minute, and the rows behind it never are."""
    installation.bus.broken = True
    installation.push("1.0")
    installation.bus.broken = False
    (entry_left,) = installation.app.ledger.outbox("shop")
    limit = len(str(entry_left.message.body)) // 2

    class LimitedBus(MemoryBus):
        def send(self, messages: Any) -> None:
            too_large = [message.id for message in messages if len(str(message.body)) > limit]
            if too_large:
                raise MessageTooLarge("steps", too_large)

    installation.bus = LimitedBus()
    installation.restart()
    installation.wait(timedelta(minutes=1))
    installation.reconcile(look_for_pushes=True)
    assert list(installation.app.ledger.outbox("shop")) == []
    assert [parked.message_id for parked in installation.app.parking.all()] == [entry_left.message.id]


def test_parked_input_that_is_too_large_for_its_queue_is_said_not_to_be_replayable(installation: Installation) -> None:
    parked = installation.app.parking.park(source="runs", reason="bad", body=b"{}")
    refuse_raw_messages(installation)
    with pytest.raises(NotReplayable, match=f"{parked.id} is too large for the queue runs"):
        installation.app.parking.replay(parked.id, actor="ada")


@pytest.mark.parametrize("error", [LedgerUnavailable("away"), ZeroDivisionError("a mistake")])
def test_a_message_whose_copy_is_too_large_is_parked_instead_of_put_off(
    installation: Installation, error: Exception
) -> None:
    def work(body: bytes) -> None:
        raise error

    refuse_raw_messages(installation)
    installation.app.receiver.receive(work, QueueMessage(queue="events", body=b"{}", id="m-1"))
    (parked,) = installation.app.parking.all()
    assert ("unexpected ZeroDivisionError" if isinstance(error, ZeroDivisionError) else "away") in parked.reason
    assert parked.reason.endswith("queue events: messages too large: m-1-copy")


def test_a_message_that_can_be_neither_put_off_nor_parked_is_left_to_its_queue(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise LedgerUnavailable("switched off")

    def work(body: bytes) -> None:
        raise LedgerUnavailable("switched off")

    refuse_raw_messages(installation)
    monkeypatch.setattr(Parking, "park", away)
    with pytest.raises(LedgerUnavailable):
        installation.app.receiver.receive(work, QueueMessage(queue="events", body=b"{}", id="m-1"))


def test_a_report_that_fits_no_queue_leaves_its_step_to_be_performed_again(installation: Installation) -> None:
    """The outcome must not be lost: the step's message is delivered again, and then its report goes to the ledger."""
    installation.push("1.0")
    step = installation.settle_at(StepKind.DEPLOY, "staging")
    report = Finished(passed=True, result={"filled": "x" * TOO_LARGE})
    busy = busy_like(installation.app.handler)
    with pytest.raises(Contended):
        step_runner(installation, lambda work: report, handler=busy).run(step)
    assert installation.phase(1) is Phase.DEPLOYING
    step_runner(installation, lambda work: Finished(passed=True, result={"objects": []})).run(step)
    assert installation.phase(1) is Phase.CHECKING
