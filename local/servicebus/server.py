"""The bus on a TCP port: the queues and connections of one event loop, from `start` to `stop`."""

import asyncio
import contextlib
import time
from collections.abc import Mapping

from .links.connection import Connection
from .queues.broker import Broker
from .queues.entry import Counts
from .settings import BusSettings

_STOP_SECONDS = 2.0


class Server:
    def __init__(self, settings: BusSettings) -> None:
        self._settings = settings
        self._connections: set[Connection] = set()
        self._all_ended = asyncio.Event()
        self._broker: Broker | None = None
        self._listener: asyncio.Server | None = None
        self._address = "", 0

    async def start(self, *, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port."""
        loop = asyncio.get_running_loop()
        self._broker = Broker(self._settings.queues, now=time.time, call_later=loop.call_later)
        self._listener = await loop.create_server(self._connection, host, port)
        self._address = host, int(self._listener.sockets[0].getsockname()[1])
        return self._address[1]

    def cut(self) -> None:
        """Be unavailable: end every connection, and accept none until `back`. The queues live on, like those of a
        namespace that moves to other machines."""
        if self._listener is not None:
            self._listener.close()
        for connection in list(self._connections):
            connection.cut()

    async def listen_again(self) -> None:
        self._listener = await asyncio.get_running_loop().create_server(self._connection, *self._address)

    async def stop(self) -> None:
        """Notify every peer, then close. The queues' messages are lost: they were only in memory."""
        if self._listener is not None:
            self._listener.close()
            for connection in list(self._connections):
                connection.end()
            await self._wait_for_connections()
            self._listener = None
        if self._broker is not None:
            self._broker.close()

    def counts(self) -> Mapping[str, Counts]:
        """How many messages each queue holds, by its name."""
        assert self._broker is not None, "called before start"
        return {queue.name: self._broker.queue(queue.name).counts() for queue in self._settings.queues}

    def _connection(self) -> asyncio.Protocol:
        assert self._broker is not None, "a connection arrived before start"
        connection = Connection(self._settings, self._broker, on_end=self._on_connection_end)
        self._connections.add(connection)
        self._all_ended.clear()
        return connection

    def _on_connection_end(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._all_ended.set()

    async def _wait_for_connections(self) -> None:
        if self._connections:
            with contextlib.suppress(TimeoutError):  # do not wait for a peer that does not read
                await asyncio.wait_for(self._all_ended.wait(), _STOP_SECONDS)


def connection_string(settings: BusSettings, *, port: int, host: str = "127.0.0.1") -> str:
    """A connection string with the namespace's own key."""
    return key_connection(f"{host}:{port}", settings.key_name, settings.key.get_secret_value())


def key_connection(address: str, key_name: str, key: str) -> str:
    """A connection string. The flag at its end, spelled exactly so, makes the SDKs do without TLS."""
    return f"Endpoint=sb://{address};SharedAccessKeyName={key_name};SharedAccessKey={key};UseDevelopmentEmulator=true"
