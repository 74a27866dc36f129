"""The bus on a thread of the running process: for tests and for the other parts of `local/`."""

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from .queues.entry import Counts
from .server import Server, connection_string
from .settings import BusSettings, QueueSettings

_START_SECONDS = 10.0


class ServiceBus:
    """`with ServiceBus(QueueSettings(name="events")) as bus:` serves until the block ends.

    `options` are the fields of `BusSettings` other than its queues: `key_name`, `key`, `bearer_token`, `idle_seconds`.
    """

    def __init__(self, *queues: QueueSettings, port: int = 0, **options: Any) -> None:
        self.settings = BusSettings(queues=queues, **options)
        self.port = port
        self._server = Server(self.settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="local-servicebus", daemon=True)

    @property
    def connection_string(self) -> str:
        return connection_string(self.settings, port=self.port)

    def counts(self, queue: str) -> Counts:
        """How many messages are in the queue, by the reason why they wait."""

        async def read() -> Counts:
            return self._server.counts()[queue]

        return self._run(read())

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.port = self._run(self._server.start(port=self.port))
        except BaseException:
            self._end_thread()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._run(self._server.stop())
        finally:
            self._end_thread()

    def _run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_SECONDS)

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_SECONDS)
        self._loop.close()
