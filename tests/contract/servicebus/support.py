"""The queues that the contract is tested with, and a bench of shared connections: opening one takes the SDK half a
second."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceivedMessage,
    ServiceBusReceiver,
    ServiceBusSender,
)

from local.servicebus import QueueSettings

BEARER_TOKEN = "a-static-local-token"
QUEUES = (
    QueueSettings(name="plain"),
    QueueSettings(name="strict", max_delivery_count=2),
    QueueSettings(name="short", lock_seconds=2),
    QueueSettings(name="renewed", lock_seconds=3),
    QueueSettings(name="unique", duplicate_detection_seconds=600),
    QueueSettings(name="fleeting", default_ttl_seconds=0.2, dead_letter_on_expiration=True),
    QueueSettings(name="ordered", requires_session=True, lock_seconds=30),
    QueueSettings(name="ordered-short", requires_session=True, lock_seconds=2),
)
WAIT = 10.0
"""Seconds that a receive may wait for a message that must come."""
GLANCE = 0.3
"""Seconds that a receive waits if no message may come."""


class Bench:
    """Senders and receivers by queue, opened on first use and kept to the end of the module."""

    def __init__(self, client: ServiceBusClient) -> None:
        self.client = client
        self._senders: dict[str, ServiceBusSender] = {}
        self._receivers: dict[str, ServiceBusReceiver] = {}

    def sender(self, queue: str = "plain") -> ServiceBusSender:
        if queue not in self._senders:
            self._senders[queue] = self.client.get_queue_sender(queue)
        return self._senders[queue]

    def receiver(self, queue: str = "plain") -> ServiceBusReceiver:
        """`<queue>/dead` is the dead-letter sub-queue."""
        if queue not in self._receivers:
            name, _, dead = queue.partition("/")
            sub_queue = "deadletter" if dead else None
            # Opened here, since the SDK counts the time to open against the first wait, however short that is.
            self._receivers[queue] = self.client.get_queue_receiver(name, sub_queue=sub_queue).__enter__()
        return self._receivers[queue]

    def send(self, *messages: ServiceBusMessage, queue: str = "plain") -> None:
        self.sender(queue).send_messages(list(messages))

    def receive(self, queue: str = "plain") -> ServiceBusReceivedMessage:
        """The next message, which must come."""
        (message,) = self.receiver(queue).receive_messages(1, max_wait_time=WAIT)
        return message

    def receive_many(self, count: int, queue: str = "plain") -> list[ServiceBusReceivedMessage]:
        messages: list[ServiceBusReceivedMessage] = []
        while len(messages) < count:
            more = self.receiver(queue).receive_messages(count - len(messages), max_wait_time=WAIT)
            assert more, f"{len(messages)} of {count} messages came"
            messages += more
        return messages

    def receives_none(self, queue: str = "plain") -> bool:
        return self.receiver(queue).receive_messages(1, max_wait_time=GLANCE) == []

    def close(self) -> None:
        """All at once: closing each takes the SDK up to a second."""
        with ThreadPoolExecutor(16) as pool:
            for opened in [*self._senders.values(), *self._receivers.values()]:
                pool.submit(opened.close)


def locked_until(message: ServiceBusReceivedMessage) -> datetime:
    assert message.locked_until_utc is not None
    return message.locked_until_utc
