"""All queues of a bus, found by the address of a link."""

from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from ..errors import Condition, Refusal
from ..settings import QueueSettings
from ..wire.message import Message
from ..wire.types import DecodeError
from .deadlines import CallLater, Deadlines, Now
from .queue import DEAD_LETTER_SUFFIX, Queue
from .session_queue import SessionQueue

MANAGEMENT_SUFFIX = "$management"


def path_of(address: str) -> str:
    """The entity's path in an address such as `amqps://host:5672/events`; ignores case."""
    path = urlsplit(address).path if "://" in address else address
    return unquote(path).strip("/").casefold()


class Broker:
    def __init__(self, queues: Iterable[QueueSettings], *, now: Now, call_later: CallLater) -> None:
        self.deadlines = Deadlines(now=now, call_later=call_later)
        self._queues: dict[str, Queue] = {}
        for settings in queues:
            kind = SessionQueue if settings.requires_session else Queue
            self._queues[settings.name.casefold()] = kind(settings, self.deadlines)

    def queue(self, path: str) -> Queue:
        """The queue or dead-letter sub-queue with this path."""
        path = path.casefold()
        name = path.removesuffix(f"/{DEAD_LETTER_SUFFIX.casefold()}")
        queue = self._queues.get(name)
        if queue is not None and name != path:
            queue = queue.dead_letters
        if queue is None:
            raise Refusal(Condition.NOT_FOUND, f"The messaging entity '{path:.260}' could not be found.")
        return queue

    def publish(self, queue: Queue, encoded: bytes, *, is_batch: bool) -> None:
        """Enqueue one message, or a batch, of which all messages are enqueued or none."""
        try:
            message = Message.parse(encoded)
            encoded_messages = message.data_sections() if is_batch else []
            messages = [Message.parse(part) for part in encoded_messages] if is_batch else [message]
        except DecodeError as error:
            raise Refusal(Condition.DECODE_ERROR, f"The message cannot be decoded: {error}") from error
        queue.publish(messages)

    def close(self) -> None:
        self.deadlines.close()
