"""Assembles the parts and runs them: `Registry` in a thread for tests, `serve` for a process.

with Registry(settings) as registry:
    registry.url, registry.login_server
"""

import asyncio
import contextlib
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from aiohttp import ClientConnectionError, web

from .auth import Authority
from .backend import BackendContent
from .blobs import Blobs
from .content import Content, LocalContent
from .delivery import Delivery
from .errors import Code, OciError
from .events import Announcer
from .gate import Gate
from .index import Index
from .local_api import LocalApi
from .manifests import Manifests
from .metadata import Metadata
from .oauth import OAuth
from .settings import Settings
from .tokens import Now, Signer
from .uploads import Uploads

START_WITHIN = 30.0
READ_BUFFER_BYTES = 2**20


class Part(Protocol):
    """Something that handles requests."""

    def routes(self) -> list[web.RouteDef]: ...


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@contextlib.asynccontextmanager
async def serve(settings: Settings, *, now: Now = _utc_now) -> AsyncIterator[int]:
    """Listen while the context is open; yields the port."""
    signer = Signer(now=now)
    gate = Gate(Authority(settings, signer))
    content, index_path = _content(settings, signer)
    index = Index(index_path, now=now)
    delivery = Delivery(settings.events)
    announcer = Announcer(topic=settings.events.topic, now=now, send=delivery.send)
    data_host = settings.data_host if settings.redirect_blobs else None
    parts: list[Part] = [
        OAuth(gate.authority),
        LocalApi(delivery),
        Metadata(gate=gate, index=index, content=content, announcer=announcer),
        Manifests(gate=gate, index=index, content=content, announcer=announcer),
        Blobs(gate=gate, index=index, content=content, signer=signer, now=now, data_host=data_host),
    ]
    app = web.Application(middlewares=[_respond])
    for part in parts:
        app.add_routes(part.routes())
    runner = web.AppRunner(app, access_log=None, read_bufsize=READ_BUFFER_BYTES, shutdown_timeout=2)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(content.close)
        stack.callback(index.close)
        await content.open(index)
        stack.push_async_callback(delivery.close)
        await delivery.open()
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, settings.host, settings.port).start()
        yield runner.addresses[0][1]


def _content(settings: Settings, signer: Signer) -> tuple[Content, Path]:
    if settings.backend:
        return BackendContent(settings.backend), Path(":memory:")
    local = LocalContent(settings.directory, Uploads(signer, max_bytes=settings.max_blob_bytes))
    return local, local.index_path


@web.middleware
async def _respond(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give errors the registry's format, and responses the headers that ACR always sends."""
    response: web.StreamResponse
    try:
        response = await handler(request)
    except OciError as error:
        response = error.response()
    except web.HTTPException as error:
        code = Code.UNSUPPORTED if error.status == 405 else Code.NAME_UNKNOWN
        response = OciError(code, f"{request.method} {request.path[:200]}", status=error.status).response()
    except ClientConnectionError as error:
        # Only the backend registry is called while a request waits.
        response = OciError(Code.BACKEND_FAILED, f"cannot be reached: {type(error).__name__}").response()
    if not response.prepared:
        response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
        response.headers["X-Ms-Correlation-Request-Id"] = str(uuid.uuid4())
        response.headers["X-Content-Type-Options"] = "nosniff"
    return response


class Registry:
    """A registry in a thread of this process, for tests."""

    def __init__(self, settings: Settings, *, now: Now = _utc_now) -> None:
        self._settings = settings
        self._now = now
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="registry", daemon=True)
        self.port = 0

    @property
    def login_server(self) -> str:
        return f"{self._settings.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.login_server}"

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(START_WITHIN):
            raise TimeoutError(f"the registry did not start within {START_WITHIN:.0f} s")
        if self._failure:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        try:
            async with serve(self._settings, now=self._now) as self.port:
                self._ready.set()
                await self._stop.wait()
        except BaseException as error:
            # Passed to the thread that waits in __enter__; after the start, nobody else is waiting.
            if self._ready.is_set():
                raise
            self._failure = error
            self._ready.set()
