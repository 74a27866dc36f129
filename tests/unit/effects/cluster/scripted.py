"""A scripted server, in place of an API server, for tests in which controllers play no part."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler


@dataclass(kw_only=True)
class Reply:
    """A scripted reply. With `hangs` it is held back until the test ends."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    chunked: bool = False
    hangs: bool = False


@dataclass(kw_only=True)
class Server:
    """Answers with the replies in `first`, then with `reply`, and records the requests."""

    url: str = ""
    first: list[Reply] = field(default_factory=list)
    reply: Reply = field(default_factory=Reply)
    at: dict[str, Reply] = field(default_factory=dict)
    """Replies for single paths, for requests whose order is not known."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    leases: dict[str, bytes] = field(default_factory=dict)
    """Leases are stored by path, and not scripted."""
    released: threading.Event = field(default_factory=threading.Event)


def handler_of(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "/leases" in self.path:
                self.keep_lease(body)
                return
            server.requests.append((self.command, self.path))
            server.authorizations.append(self.headers.get("Authorization", ""))
            reply = server.at.get(self.path.partition("?")[0])
            reply = reply or (server.first.pop(0) if server.first else server.reply)
            if reply.hangs:
                server.released.wait(30)
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header(
                *(("Transfer-Encoding", "chunked") if reply.chunked else ("Content-Length", str(len(reply.body))))
            )
            self.end_headers()
            try:
                self.wfile.write(
                    b"%x\r\n%s\r\n0\r\n\r\n" % (len(reply.body), reply.body) if reply.chunked else reply.body
                )
            except ConnectionError:
                self.close_connection = True  # the client stopped reading

        def keep_lease(self, body: bytes) -> None:
            """Store and return the Lease as an API server would if nobody else wrote it."""
            path = self.path.partition("?")[0]
            if self.command in ("POST", "PUT"):
                lease = json.loads(body)
                path = path if self.command == "PUT" else f"{path}/{lease['metadata']['name']}"
                lease["metadata"] |= {"uid": "1", "resourceVersion": "1"}
                server.leases[path] = json.dumps(lease).encode()
            missing = json.dumps({"kind": "Status", "details": {"name": path.rpartition("/")[2]}}).encode()
            self.send_response(200 if path in server.leases else 404)
            content = server.leases.get(path, missing)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PUT = do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 (the base class's names)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged: tests read `requests`."""

    return Handler
