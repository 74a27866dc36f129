"""The gateway: what comes by HTTP is enqueued as an event under a name that repeats share; what is wrong is not."""

from datetime import timedelta

import pytest

from slipway.domain.events import TOLD
from slipway.domain.sources import Source
from slipway.effects.messaging import QueueUnavailable
from slipway.engine.gateway import Gateway
from slipway.inbound import BadInput, Ignored, registry_event
from slipway.testing import MemoryBus
from tests.unit.inbound.samples import BUILD, NOTHING, NOW, PUSH, RESOURCE_ID, SOURCES, as_bytes, changed

PUSHED = "Microsoft.ContainerRegistry.ImagePushed"
PUSH_EVENT = registry_event(type=PUSHED, source=RESOURCE_ID, time=NOW, data=PUSH)


def gateway(bus: MemoryBus, *organizations: str) -> Gateway:
    return Gateway(bus=bus, sources=SOURCES, organizations=frozenset(organizations), clock=lambda: NOW)


def test_a_push_is_enqueued_as_an_event_and_a_run_as_a_hint_that_can_be_read_again() -> None:
    bus = MemoryBus()
    gateway(bus).take(Source.EVENT_GRID, PUSH_EVENT)
    gateway(bus).take(Source.AZURE_DEVOPS, as_bytes(BUILD))
    events = [TOLD.validate_python(message.body) for message in bus.sent]
    assert [event.kind for event in events] == ["image-pushed", "run-told"]
    assert [message.queue for message in bus.sent] == ["events", "events"]
    assert [message.id for message in bus.sent] == [event.mark for event in events]


def test_repeats_carry_the_same_message_id_although_their_envelopes_differ() -> None:
    bus = MemoryBus()
    later = changed(PUSH, id="another", request__id="another", timestamp="2026-11-22T21:50:00Z")
    for data in (PUSH, later, PUSH):
        event = registry_event(type=PUSHED, source=RESOURCE_ID, time=NOW + timedelta(hours=1), data=data)
        gateway(bus).take(Source.EVENT_GRID, event)
    assert len(bus.sent) == 1


def test_what_is_wrong_or_not_ours_is_not_enqueued() -> None:
    bus = MemoryBus()
    with pytest.raises(BadInput):
        gateway(bus, "fabrikam").take(Source.AZURE_DEVOPS, as_bytes(BUILD))
    with pytest.raises(Ignored):
        gateway(bus).take(Source.AZURE_DEVOPS, as_bytes(changed(BUILD, eventType="git.push")))
    untagged = changed(PUSH, target__tag=NOTHING)
    with pytest.raises(Ignored):
        gateway(bus).take(Source.EVENT_GRID, registry_event(type=PUSHED, source=RESOURCE_ID, time=NOW, data=untagged))
    assert bus.sent == []


def test_that_the_queue_is_away_is_told() -> None:
    bus = MemoryBus()
    bus.broken = True
    with pytest.raises(QueueUnavailable):
        gateway(bus).take(Source.EVENT_GRID, PUSH_EVENT)
    with pytest.raises(QueueUnavailable):
        gateway(bus).take(Source.AZURE_DEVOPS, as_bytes(BUILD))
