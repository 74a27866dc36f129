"""The gateway: parses HTTP requests into events and hints, and enqueues them; they are handled from the queue."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from ..clock import Clock, utc_now
from ..domain.events import Event, RunTold
from ..domain.queues import Queue
from ..domain.sources import Source
from ..domain.steps import Outgoing
from ..effects.messaging import Bus
from ..inbound import EventSource, parse_hook, parse_image_event

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """Parses and enqueues. Its methods raise `Ignored`, `BadInput`, `QueueUnavailable` and `MessageTooLarge`."""

    bus: Bus
    sources: Mapping[str, EventSource]
    organizations: frozenset[str] = frozenset()
    clock: Clock = utc_now

    def take(self, source: Source, body: bytes) -> None:
        """What a source sent, for the first time or once more."""
        match source:
            case Source.EVENT_GRID:
                self._push(body)
            case Source.AZURE_DEVOPS:
                self._run(parse_hook(body, self.organizations, now=self.clock()))
            case unreachable:
                assert_never(unreachable)

    def _push(self, body: bytes) -> None:
        """A registry's event, in the form that `inbound.registry_event` writes."""
        event = parse_image_event(body, self.sources, now=self.clock())
        self._enqueue(event)
        log.info("accepted push of %s:%s to %s", event.repository, event.tag, event.registry)

    def _run(self, told: RunTold) -> None:
        self._enqueue(told)
        log.info("told of run %s of %s", told.claims.number, told.claims.pipeline)

    def _enqueue(self, event: Event | RunTold) -> None:
        self.bus.send([Outgoing(queue=Queue.EVENTS, id=event.mark, body=event.model_dump(mode="json"))])
