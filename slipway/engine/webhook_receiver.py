"""The webhook receiver: enqueues what came by HTTP. A registry's event goes on unchanged, a message about a run as a
hint."""

import logging
from dataclasses import dataclass
from typing import assert_never

from ..clock import Clock, utc_now
from ..domain.events import RunReported
from ..domain.hints import RunHint
from ..domain.model import sha256
from ..domain.queues import Queue
from ..domain.sources import Source
from ..effects.messaging import Bus, RawMessage, raw_hint
from ..inbound import parse_hook

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WebhookReceiver:
    """Parses and enqueues. Its methods raise `Ignored`, `BadInput`, `QueueUnavailable` and `MessageTooLarge`."""

    bus: Bus
    organizations: frozenset[str] = frozenset()
    clock: Clock = utc_now

    def take(self, source: Source, body: bytes) -> None:
        """Take a message from a source, be it new or a repeat."""
        match source:
            case Source.EVENT_GRID:
                self._push(body)
            case Source.AZURE_DEVOPS:
                self._run(parse_hook(body, self.organizations, now=self.clock()))
            case unreachable:
                assert_never(unreachable)

    def _push(self, body: bytes) -> None:
        """Send on a registry's event. The worker reads it from its queue, however it got there."""
        message_id = sha256(body).removeprefix("sha256:")
        self.bus.send_raw(RawMessage(queue=Queue.EVENTS, body=body, message_id=message_id))

    def _run(self, report: RunReported) -> None:
        hint = RunHint(report=report)
        self.bus.send_raw(raw_hint(hint))
        log.info("run %s of %s was reported", report.claims.number, report.claims.pipeline)
