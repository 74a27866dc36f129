"""The bus with telemetry: each send is a span, and each message carries the trace that it belongs to."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from ...domain.steps import Outgoing, Trace
from ...effects.messaging import Bus, DeadLetter, RawMessage, WaitingMessage
from ...telemetry import Attribute, Family, Values, carrier, current_traceparent, span


class ObservedBus:
    """Wraps a bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def send(self, messages: Sequence[Outgoing]) -> None:
        if not messages:
            return
        queues = ",".join(sorted({message.queue for message in messages}))
        values: Values = {Attribute.QUEUE: queues, Attribute.COUNT: len(messages)}
        with span(Family.QUEUE, f"send {queues}", values, direction="producer"):
            trace = Trace(parent=carrier())
            self._bus.send([m if m.trace is not None else m.evolve(trace=trace) for m in messages])

    def send_raw(self, message: RawMessage) -> None:
        """Send a raw message. One that is sent again keeps its place in its trace."""
        values: Values = {Attribute.QUEUE: message.queue, Attribute.COUNT: 1, Attribute.TRIES: message.tries}
        with span(Family.QUEUE, f"send {message.queue}", values, direction="producer"):
            trace = message.trace or Trace(parent=current_traceparent() or carrier())
            self._bus.send_raw(replace(message, trace=trace))

    def drain(self, queue: str, keep: Callable[[DeadLetter], None], *, limit: int = 100) -> int:
        return self._bus.drain(queue, keep, limit=limit)

    def take_free_sessions(self, queue: str, take: Callable[[WaitingMessage], None], *, limit: int = 100) -> int:
        return self._bus.take_free_sessions(queue, take, limit=limit)

    def probe(self, queue: str) -> datetime | None:
        return self._bus.probe(queue)
