"""The bus as it is while telemetry is on: sending is a span, and each message says which trace it belongs to."""

from collections.abc import Callable, Sequence
from datetime import datetime

from ...domain.steps import Outgoing, Trace
from ...effects.messaging import Bus, DeadLetter
from ...telemetry import Attribute, Family, Values, carrier, received, span


class ObservedBus:
    """Around a bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def send(self, messages: Sequence[Outgoing]) -> None:
        if not messages:
            return
        queues = ",".join(sorted({message.queue for message in messages}))
        values: Values = {Attribute.QUEUE: queues, Attribute.COUNT: len(messages)}
        with span(Family.QUEUE, f"send {queues}", values, direction="producer"):
            here = Trace(parent=carrier())
            self._bus.send([m if m.trace is not None else m.evolve(trace=here) for m in messages])

    def send_raw(
        self,
        queue: str,
        body: bytes,
        *,
        message_id: str,
        not_before: datetime | None = None,
        tries: int = 0,
        trace: Trace | None = None,
    ) -> None:
        """A message that comes again keeps the place in its trace that it had."""
        values: Values = {Attribute.QUEUE: queue, Attribute.COUNT: 1, Attribute.TRIES: tries}
        with span(Family.QUEUE, f"send {queue}", values, direction="producer"):
            kept = trace or Trace(parent=received() or carrier())
            self._bus.send_raw(queue, body, message_id=message_id, not_before=not_before, tries=tries, trace=kept)

    def drain(self, queue: str, keep: Callable[[DeadLetter], None], *, limit: int = 100) -> int:
        return self._bus.drain(queue, keep, limit=limit)

    def probe(self, queue: str) -> None:
        self._bus.probe(queue)
