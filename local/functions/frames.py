"""The messages between host and worker: records, as length-prefixed pickles over a socket pair.

Both ends are this package, of one version, on one machine; the pickles are neither exposed nor stored.
"""

import asyncio
import pickle
from dataclasses import dataclass, field

from .protos import RpcException, RpcFunctionMetadata, TypedData

_PREFIX = 4


@dataclass(frozen=True, kw_only=True)
class Indexed:
    """The worker loaded the app."""

    functions: list[RpcFunctionMetadata]
    capabilities: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The worker could not load the app: the library's own message and stack trace."""

    message: str
    stack: str = ""


@dataclass(frozen=True, kw_only=True)
class Invoke:
    """Run one function once."""

    invocation_id: str
    function_id: str
    inputs: list[tuple[str, TypedData]]
    metadata: dict[str, TypedData] = field(default_factory=dict)
    trace_parent: str = ""
    trace_state: str = ""
    retry_count: int = 0
    max_retry_count: int = 0
    retry_exception: RpcException | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of one run of a function."""

    invocation_id: str
    ok: bool
    returned: TypedData | None = None
    outputs: dict[str, TypedData] = field(default_factory=dict)
    error: str = ""
    stack: str = ""


async def send(writer: asyncio.StreamWriter, record: object) -> None:
    payload = pickle.dumps(record, pickle.HIGHEST_PROTOCOL)
    writer.write(len(payload).to_bytes(_PREFIX, "big") + payload)
    await writer.drain()


async def receive(reader: asyncio.StreamReader) -> object:
    """The next record; asyncio.IncompleteReadError or ConnectionError if the other end is gone."""
    size = int.from_bytes(await reader.readexactly(_PREFIX), "big")
    record: object = pickle.loads(await reader.readexactly(size))
    return record
