"""For tests of the queues: a clock that is moved by hand, a receiver that keeps what it gets, and messages to send."""

import heapq
import itertools
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..errors import Refusal
from ..wire.encode import encode
from ..wire.message import SCHEDULED_FOR, Message
from ..wire.types import AmqpValue, Described, Timestamp, UInt, ULong


class _Call:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """`now` and `call_later` of an event loop whose time passes only in `advance`."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._order = itertools.count()
        self._calls: list[tuple[float, int, _Call]] = []

    def now(self) -> float:
        return self._now

    def call_later(self, delay: float, callback: Callable[[], None]) -> _Call:
        call = _Call(callback)
        heapq.heappush(self._calls, (self._now + delay, next(self._order), call))
        return call

    def advance(self, seconds: float) -> None:
        end = self._now + seconds
        while self._calls and self._calls[0][0] <= end:
            moment, _, call = heapq.heappop(self._calls)
            self._now = max(self._now, moment)
            if call.callback is not None:
                call.callback()
        self._now = end


@dataclass(eq=False)
class Mailbox:
    """A receiver (of a session, if it requests one) that records its messages and how its session ended."""

    room: int = 1000
    deletes: bool = False
    messages: list[Message] = field(default_factory=list)
    tokens: list[uuid.UUID | None] = field(default_factory=list)
    session: str | None = None
    session_locked_until: float = 0.0
    refusal: Refusal | None = None

    @property
    def wants(self) -> bool:
        return len(self.messages) < self.room

    def deliver(self, payload: bytes, token: uuid.UUID | None) -> None:
        self.messages.append(Message.parse(payload))
        self.tokens.append(token)

    def on_granted(self, session_id: str, locked_until: float) -> None:
        self.session, self.session_locked_until = session_id, locked_until

    def on_ended(self, refusal: Refusal) -> None:
        self.session, self.refusal = None, refusal

    @property
    def texts(self) -> list[str]:
        return [text_of(message) for message in self.messages]

    @property
    def last_token(self) -> uuid.UUID:
        token = self.tokens[-1]
        assert token is not None, "a receiver that deletes gets no tokens"
        return token


def encoded_message(
    text: str = "hello",
    *,
    message_id: AmqpValue = None,
    session_id: str | None = None,
    time_to_live: float | None = None,
    scheduled_for: float | None = None,
    application: Mapping[str, AmqpValue] | None = None,
) -> bytes:
    sections: list[tuple[int, AmqpValue]] = []
    if time_to_live is not None:
        sections.append((0x70, [True, None, UInt(int(time_to_live * 1000))]))
    if scheduled_for is not None:
        sections.append((0x72, {SCHEDULED_FOR: Timestamp.of(scheduled_for)}))
    sections.append((0x73, [message_id, *[None] * 9, session_id]))
    if application:
        sections.append((0x74, dict(application)))
    sections.append((0x75, text.encode()))
    return b"".join(encode(Described(ULong(code), value)) for code, value in sections)


def message(text: str = "hello", **options: AmqpValue) -> Message:
    return Message.parse(encoded_message(text, **options))


def text_of(message: Message) -> str:
    return b"".join(message.data_sections()).decode()
