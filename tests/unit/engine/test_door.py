"""The door: an event from outside is decided at once; where an application is too busy, it gets its turn in `work`."""

from dataclasses import replace

import pytest

from slipway.domain.events import EVENT
from slipway.domain.queues import Queue
from slipway.engine.door import Door, deferred
from slipway.engine.handle import UnknownTarget
from slipway.testing import Installation
from tests.unit.engine.test_run_step import busy_like


@pytest.fixture
def busy(installation: Installation) -> Door:
    """A door behind which every decision loses to other writers."""
    return replace(installation.app.door, handler=busy_like(installation.app.handler))


def test_an_event_is_decided_at_once(installation: Installation) -> None:
    (receipt,) = installation.app.door.take(installation.pushed("1.0"))
    assert receipt.actions
    assert [message for message in installation.bus.sent if message.queue is Queue.WORK] == []


def test_an_event_that_meets_a_crowd_waits_for_the_applications_turn_and_is_decided_there(
    installation: Installation, busy: Door
) -> None:
    event = installation.pushed("1.0")
    assert busy.take(event) == ()
    (message,) = [message for message in installation.bus.sent if message.queue is Queue.WORK]
    assert message.session == "shop"
    receipt = installation.app.door.take_turn(message.session, EVENT.validate_python(message.body))
    assert receipt.actions


def test_an_event_that_is_forwarded_twice_is_one_message(installation: Installation, busy: Door) -> None:
    event = installation.pushed("1.0")
    busy.take(event)
    busy.take(event)
    assert len([message for message in installation.bus.sent if message.queue is Queue.WORK]) == 1


def test_a_turn_of_an_application_that_the_event_does_not_concern_is_refused(installation: Installation) -> None:
    event = installation.pushed("1.0")
    with pytest.raises(UnknownTarget, match="nobodys"):
        installation.app.door.take_turn("nobodys", event)


def test_an_event_of_no_application_is_refused(installation: Installation) -> None:
    event = installation.pushed("1.0").evolve(repository="team/nobodys")
    with pytest.raises(UnknownTarget, match="team/nobodys"):
        installation.app.door.take(event)


def test_what_is_deferred_keeps_the_event_whole(installation: Installation) -> None:
    event = installation.pushed("1.0")
    assert EVENT.validate_python(deferred("shop", event).body) == event
