"""A registry in memory behind a real socket, which can cut connections, lie and stall."""

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from slipway.testing.registry import MemoryRegistry, RegistryReply, Request
from tests.serving import in_a_thread


class FaultyRegistry:
    """A registry with faults: tests replace how it reads uploads, and which replies it sends and how much of them."""

    def __init__(self, registry: MemoryRegistry) -> None:
        self.registry = registry
        self.read_of_upload: Callable[[Request], int | None] = lambda request: None
        """How many bytes of a request's body to read before cutting the connection; None for all, without a cut."""
        self.reply: Callable[[Request, RegistryReply], RegistryReply] = lambda request, reply: reply
        self.sent_of_reply: Callable[[Request], int | None] = lambda request: None
        """How many bytes of a reply's body to send before cutting the connection; None for all, without a cut."""
        self.port = 0

    @property
    def login_server(self) -> str:
        return f"127.0.0.1:{self.port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Many of these tests are about clients that hang up; any other error is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def listening(faulty: FaultyRegistry) -> Iterator[FaultyRegistry]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            headers = dict(self.headers.items())
            head = Request(method=self.command, url=self.path, headers=headers)
            length = int(self.headers.get("Content-Length", "0"))
            cut = faulty.read_of_upload(head)
            body = self.rfile.read(length if cut is None else min(cut, length))
            if cut is not None:
                self._cut()
                return
            request = Request(method=self.command, url=self.path, headers=headers, body=body)
            self._send(request, faulty.reply(request, faulty.registry.handle(request)))

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - http.server calls them by these names

        def _send(self, request: Request, reply: RegistryReply) -> None:
            self.send_response(reply.status)
            framing = {} if "Transfer-Encoding" in reply.headers else {"Content-Length": str(len(reply.body))}
            for name, value in {**framing, **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            cut = faulty.sent_of_reply(request)
            if request.method != "HEAD":
                self.wfile.write(reply.body if cut is None else reply.body[:cut])
            if cut is not None:
                self._cut()

        def _cut(self) -> None:
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged: a failing test says why by itself."""

    with in_a_thread(_Server(("127.0.0.1", 0), Handler)) as server:
        faulty.port = server.server_port
        yield faulty
