"""The message port on Service Bus, through `azure-servicebus`. Imported by the wiring only.

Opening a sender takes half a second, so each queue keeps its sender for the life of the process. The SDK's senders
are not thread-safe, so a lock per queue lets one thread send at a time.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.servicebus import (
    NEXT_AVAILABLE_SESSION,
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusMessageState,
    ServiceBusReceivedMessage,
    ServiceBusSender,
    ServiceBusSubQueue,
)
from azure.servicebus.amqp import AmqpMessageBodyType
from azure.servicebus.exceptions import (
    MessageSizeExceededError,
    OperationTimeoutError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusError,
)

from ...domain.queues import WITH_SESSIONS
from ...domain.steps import Outgoing, Trace
from .bus import (
    TRIES,
    DeadLetter,
    MessageTooLarge,
    QueueDenied,
    QueueUnavailable,
    RawMessage,
    WaitingMessage,
    trace_properties,
)

AT_ONCE = 10
"""The number of messages of a session that are received together: they share its lock, which is renewed before each."""
ATTEMPTS = 2
"""The first send detects a connection that the service closed while it was idle; the second opens a new one."""


class ServiceBus:
    """The bus on Service Bus. Senders are opened on first use."""

    def __init__(self, connect: Callable[[], ServiceBusClient], *, encode: Callable[[Outgoing], bytes]) -> None:
        """`encode` makes the body of our own messages."""
        self._connect, self._encode = connect, encode
        self._client: ServiceBusClient | None = None
        self._senders: dict[str, ServiceBusSender] = {}
        self._lock = threading.Lock()
        self._queue_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def send(self, messages: Sequence[Outgoing]) -> None:
        by_queue: dict[str, list[ServiceBusMessage]] = {}
        for message in messages:
            bus_message = ServiceBusMessage(
                self._encode(message),
                message_id=message.id,
                session_id=message.session or None,
                content_type="application/json",
                scheduled_enqueue_time_utc=message.not_before,
                application_properties=_properties(message.trace),
            )
            by_queue.setdefault(message.queue, []).append(bus_message)
        for queue, bus_messages in by_queue.items():
            self._deliver(queue, bus_messages)

    def send_raw(self, message: RawMessage) -> None:
        bus_message = ServiceBusMessage(
            message.body,
            message_id=message.message_id,
            session_id=message.session or None,
            content_type="application/json",
            scheduled_enqueue_time_utc=message.not_before,
            application_properties=_properties(message.trace, message.tries),
        )
        self._deliver(message.queue, [bus_message])

    def drain(self, queue: str, keep: Callable[[DeadLetter], None], *, limit: int = 100) -> int:
        """See `Bus.drain`. Uses a client of its own."""
        client = self._connect()
        try:
            return drain_dead_letters(client, queue, keep, limit=limit)
        finally:
            client.close()

    def take_free_sessions(self, queue: str, take: Callable[[WaitingMessage], None], *, limit: int = 100) -> int:
        """See `Bus.take_free_sessions`. Uses a client of its own."""
        client = self._connect()
        try:
            return take_free_sessions(client, queue, take, limit=limit)
        finally:
            client.close()

    def probe(self, queue: str) -> datetime | None:
        """Schedule and cancel a message, and peek at the queue and its dead letters. Uses a client of its own."""
        client = self._connect()
        try:
            return probe_queue(client, queue)
        finally:
            client.close()

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
            self._senders.clear()
        if client is not None:
            client.close()

    def _queue_lock(self, queue: str) -> threading.Lock:
        with self._lock:
            return self._queue_locks[queue]

    def _sender(self, queue: str) -> ServiceBusSender:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            if queue not in self._senders:
                self._senders[queue] = self._client.get_queue_sender(queue)
            return self._senders[queue]

    def _deliver(self, queue: str, messages: list[ServiceBusMessage]) -> None:
        """Send as one batch, which is atomic; one by one if the batch exceeds the size limit of a message."""
        with self._queue_lock(queue):
            try:
                self._send_at_once(queue, messages)
            except MessageTooLarge:
                if len(messages) == 1:
                    raise
                self._send_one_by_one(queue, messages)

    def _send_one_by_one(self, queue: str, messages: list[ServiceBusMessage]) -> None:
        too_large: list[str] = []
        for message in messages:
            try:
                self._send_at_once(queue, [message])
            except MessageTooLarge as refused:
                too_large.extend(refused.ids)
        if too_large:
            raise MessageTooLarge(queue, too_large)

    def _send_at_once(self, queue: str, messages: list[ServiceBusMessage]) -> None:
        for attempt in range(ATTEMPTS):
            try:
                self._sender(queue).send_messages(messages if len(messages) > 1 else messages[0])
            except MessageSizeExceededError as error:
                self._drop(queue)  # the service may have closed the link because of the size
                raise MessageTooLarge(queue, [str(message.message_id) for message in messages]) from error
            except (ServiceBusError, ValueError, OSError) as error:
                self._drop(queue)
                if attempt == ATTEMPTS - 1:
                    raise QueueUnavailable(f"queue {queue}: {type(error).__name__}") from error
            else:
                return

    def _drop(self, queue: str) -> None:
        with self._lock:
            sender = self._senders.pop(queue, None)
        if sender is not None:
            sender.close()


def _properties(trace: Trace | None, tries: int = 0) -> dict[str | bytes, Any] | None:
    properties: dict[str | bytes, Any] = {TRIES: tries} if tries else {}
    properties.update(trace_properties(trace).items())
    return properties or None


def drain_dead_letters(client: ServiceBusClient, queue: str, keep: Callable[[DeadLetter], None], *, limit: int) -> int:
    """Pass each dead letter of the queue to `keep`, then remove it; returns how many."""
    drained = 0
    try:
        with client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
            for message in receiver.receive_messages(max_message_count=limit, max_wait_time=1):
                try:
                    keep(_dead_letter(queue, message))
                except Exception:
                    receiver.abandon_message(message)  # otherwise it stays locked until the lock expires
                    raise
                receiver.complete_message(message)
                drained += 1
    except (ServiceBusError, ValueError, OSError) as error:
        raise QueueUnavailable(f"dead letters of {queue}: {type(error).__name__}") from error
    return drained


def _dead_letter(queue: str, message: ServiceBusReceivedMessage) -> DeadLetter:
    return DeadLetter(
        queue=queue,
        body=_content(message),
        message_id=str(message.message_id or ""),
        session=message.session_id or "",
        reason=str(message.dead_letter_reason or "unknown"),
    )


def _content(message: ServiceBusReceivedMessage) -> bytes:
    """The body as bytes. A sender may use other AMQP types; that is invalid input, but must not be lost either."""
    if message.body_type is AmqpMessageBodyType.DATA:
        return b"".join(message.body)
    return str(message).encode()


def take_free_sessions(
    client: ServiceBusClient, queue: str, take: Callable[[WaitingMessage], None], *, limit: int
) -> int:
    """Pass each message of sessions that nobody holds to `take`, then remove it; returns how many."""
    taken = 0
    try:
        while taken < limit:
            with client.get_queue_receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1) as receiver:
                messages = receiver.receive_messages(max_message_count=min(AT_ONCE, limit - taken), max_wait_time=1)
                if not messages:
                    return taken  # the service may offer an empty session again and again
                for message in messages:
                    receiver.session.renew_lock()
                    try:
                        take(_waiting_message(queue, message))
                    except Exception:
                        receiver.abandon_message(message)
                        raise
                    receiver.complete_message(message)
                    taken += 1
    except OperationTimeoutError:
        return taken  # no session is free
    except (ServiceBusError, ValueError, OSError) as error:
        raise QueueUnavailable(f"sessions of {queue}: {type(error).__name__}") from error
    return taken


def _waiting_message(queue: str, message: ServiceBusReceivedMessage) -> WaitingMessage:
    properties = message.application_properties or {}
    tries = properties.get(TRIES, properties.get(TRIES.encode(), 0))
    return WaitingMessage(
        queue=queue,
        body=_content(message),
        message_id=str(message.message_id or ""),
        session=message.session_id or "",
        enqueued_at=message.enqueued_time_utc or datetime.now(UTC),
        tries=tries if isinstance(tries, int) else 0,
    )


def probe_queue(client: ServiceBusClient, queue: str) -> datetime | None:
    """Returns since when the oldest message has been waiting. Raises `QueueDenied`, which names the missing right, and
    `QueueUnavailable`."""
    right = "send"
    sessions = queue in WITH_SESSIONS
    try:
        with client.get_queue_sender(queue) as sender:
            tomorrow = datetime.now(UTC) + timedelta(days=1)
            message = ServiceBusMessage(
                b"{}",
                message_id=f"doctor-{tomorrow.timestamp()}",
                session_id="doctor" if sessions else None,
                content_type="text/plain",
            )
            sender.cancel_scheduled_messages(sender.schedule_messages(message, tomorrow))
        right = "listen"
        with client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
            receiver.peek_messages(max_message_count=1, timeout=10)
        return _oldest_enqueued(client, queue, sessions=sessions)
    except (ServiceBusAuthorizationError, ServiceBusAuthenticationError) as error:
        raise QueueDenied(queue, right) from error
    except (ServiceBusError, ValueError, OSError) as error:
        raise QueueUnavailable(f"queue {queue}: {type(error).__name__}") from error


def _oldest_enqueued(client: ServiceBusClient, queue: str, *, sessions: bool) -> datetime | None:
    """When the oldest message began to wait. A message that is scheduled for later does not wait yet."""
    session = NEXT_AVAILABLE_SESSION if sessions else None
    try:
        with client.get_queue_receiver(queue, session_id=session, max_wait_time=1) as receiver:
            peeked = receiver.peek_messages(max_message_count=10, timeout=10)
    except OperationTimeoutError:
        return None  # every session is empty, or being read
    waiting = [m.enqueued_time_utc for m in peeked if m.state is not ServiceBusMessageState.SCHEDULED]
    return min((moment for moment in waiting if moment is not None), default=None)
