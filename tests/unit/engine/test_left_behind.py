"""The reconcile timer decides messages left in a session of `work` that nobody reads."""

import pytest
from azure.functions.timer import TimerRequest

from functions import timers
from slipway.domain.phases import Phase
from slipway.domain.queues import Queue
from slipway.domain.steps import StepKind
from slipway.effects.messaging import WaitingMessage
from slipway.engine.door import deferred
from slipway.testing import Installation
from tests.unit.api.in_process import use


def leave_in_session(installation: Installation, body: bytes, session: str = "shop") -> None:
    installation.bus.in_free_sessions.append(
        WaitingMessage(queue=Queue.WORK, body=body, message_id="m-1", session=session, enqueued_at=installation.now)
    )


def event_of(installation: Installation) -> bytes:
    message = deferred("shop", installation.pushed("1.0"))
    return installation.app.envelopes.seal(message, now=installation.now)


def test_a_left_message_that_is_no_envelope_of_the_worker_is_parked_with_the_reason(installation: Installation) -> None:
    leave_in_session(installation, installation.pushed("1.0").model_dump_json().encode())
    assert installation.app.session_worker.take_left_behind() == 1
    (parked,) = installation.app.parking.all()
    assert "expected an envelope of the worker" in parked.reason
    assert installation.trail() == []


def test_an_event_that_was_left_in_a_session_is_decided(installation: Installation) -> None:
    assert deferred("shop", installation.pushed("1.0")).queue is Queue.WORK
    leave_in_session(installation, event_of(installation))
    assert installation.app.session_worker.take_left_behind() == 1
    assert installation.phase(1) is Phase.PLANNING
    assert [step.kind for step in installation.steps()] == [StepKind.PLAN]
    assert installation.bus.in_free_sessions == []


def test_the_timer_of_every_five_minutes_decides_an_event_left_in_a_session(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, installation, timers)
    leave_in_session(installation, event_of(installation))
    timers.reconcile_sources(TimerRequest())
    assert installation.bus.in_free_sessions == []
    assert installation.app.ledger.release("shop", 1) is not None


def test_an_unreadable_message_is_parked_with_its_session_and_replayed_into_it(installation: Installation) -> None:
    leave_in_session(installation, b"{")
    assert installation.app.session_worker.take_left_behind() == 1
    (parked,) = installation.app.parking.all()
    assert (parked.source, parked.session) == (Queue.WORK, "shop")
    installation.app.parking.replay(parked.id, actor="olu")
    (replayed,) = installation.bus.raw
    assert (replayed.queue, replayed.session, replayed.body) == (Queue.WORK, "shop", b"{")


def test_an_event_that_was_decided_already_changes_nothing(installation: Installation) -> None:
    body = event_of(installation)
    leave_in_session(installation, body)
    installation.app.session_worker.take_left_behind()
    sequence = installation.app.ledger.head("shop").sequence
    leave_in_session(installation, body)
    installation.app.session_worker.take_left_behind()
    assert installation.app.ledger.head("shop").sequence == sequence
