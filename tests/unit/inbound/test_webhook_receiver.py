"""The webhook receiver sends a hook on under an id that its repeats share, and does not send a wrong one on."""

import json

import pytest

from slipway.domain.hints import HINT, RunHint
from slipway.domain.sources import Source
from slipway.effects.messaging import QueueUnavailable
from slipway.engine.webhook_receiver import WebhookReceiver
from slipway.inbound import BadInput, Ignored, registry_event
from slipway.testing import MemoryBus
from tests.unit.inbound.samples import BUILD, NOW, PUSH, RESOURCE_ID, as_bytes, changed

PUSHED = "Microsoft.ContainerRegistry.ImagePushed"
PUSH_EVENT = registry_event(type=PUSHED, source=RESOURCE_ID, time=NOW, data=PUSH)


def webhooks(bus: MemoryBus, *organizations: str) -> WebhookReceiver:
    return WebhookReceiver(bus=bus, organizations=frozenset(organizations), clock=lambda: NOW)


def test_a_registrys_event_goes_on_as_it_is() -> None:
    bus = MemoryBus()
    webhooks(bus).take(Source.EVENT_GRID, PUSH_EVENT)
    (message,) = bus.raw
    assert (message.queue, message.body) == ("events", PUSH_EVENT)


def test_a_hook_about_a_run_is_sent_on_as_a_hint() -> None:
    bus = MemoryBus()
    webhooks(bus).take(Source.AZURE_DEVOPS, as_bytes(BUILD))
    (message,) = bus.raw
    hint = HINT.validate_json(message.body)
    assert isinstance(hint, RunHint)
    assert (message.queue, message.message_id, hint.report.looks) == ("hints", hint.report.mark, 0)
    assert hint.report.claims.id == json.loads(as_bytes(BUILD))["resource"]["id"]


def test_repeats_carry_the_same_message_id() -> None:
    bus = MemoryBus()
    for _ in range(2):
        webhooks(bus).take(Source.EVENT_GRID, PUSH_EVENT)
        webhooks(bus).take(Source.AZURE_DEVOPS, as_bytes(BUILD))
    assert len({message.message_id for message in bus.raw}) == 2


def test_a_wrong_or_ignored_hook_is_not_sent_on() -> None:
    bus = MemoryBus()
    with pytest.raises(BadInput):
        webhooks(bus, "fabrikam").take(Source.AZURE_DEVOPS, as_bytes(BUILD))
    with pytest.raises(Ignored):
        webhooks(bus).take(Source.AZURE_DEVOPS, as_bytes(changed(BUILD, eventType="git.push")))
    assert bus.raw == []


def test_a_queue_that_is_away_is_an_error() -> None:
    bus = MemoryBus()
    bus.broken = True
    with pytest.raises(QueueUnavailable):
        webhooks(bus).take(Source.EVENT_GRID, PUSH_EVENT)
    with pytest.raises(QueueUnavailable):
        webhooks(bus).take(Source.AZURE_DEVOPS, as_bytes(BUILD))
