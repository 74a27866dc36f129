"""An HTTP proxy on loopback that passes every request on, and notes which and when."""

import threading
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass(frozen=True, kw_only=True)
class ProxiedRequest:
    """One request that was passed on."""

    at: float
    """`time.monotonic()` when it was read, before it was passed on."""
    method: str
    path: str


class Proxy:
    """Listens on a free port and passes all requests on to one address."""

    def __init__(self, address: str) -> None:
        self._lock = threading.Lock()
        self._requests: list[ProxiedRequest] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(address, self._note))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="proxy", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def requests(self) -> list[ProxiedRequest]:
        with self._lock:
            return list(self._requests)

    def forget(self) -> None:
        with self._lock:
            self._requests.clear()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _note(self, method: str, path: str) -> None:
        with self._lock:
            self._requests.append(ProxiedRequest(at=time.monotonic(), method=method, path=path))


def _handler(address: str, note: Any) -> type[BaseHTTPRequestHandler]:
    target = urlsplit(address).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            self._onward = HTTPConnection(target, timeout=60)

        def finish(self) -> None:
            self._onward.close()
            super().finish()

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing: requests are noted, not printed."""

        def _pass(self) -> None:
            body = self._body()
            note(self.command, self.path)
            # `Host` is left as it is: storage does not sign it, and Kubernetes ignores it.
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
            response = self._answer(body, headers)
            content = response.read()
            self.send_response_only(response.status, response.reason)
            for name, value in response.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            length = response.getheader("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _answer(self, body: bytes | None, headers: dict[str, str]) -> HTTPResponse:
            """The upstream's response; reconnects if the idle connection was closed."""
            try:
                self._onward.request(self.command, self.path, body=body, headers=headers)
                return self._onward.getresponse()
            except ConnectionError:
                self._onward.close()
                self._onward.request(self.command, self.path, body=body, headers=headers)
                return self._onward.getresponse()

        def _body(self) -> bytes | None:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                return b"".join(iter(self._chunk, b""))
            length = int(self.headers.get("Content-Length", 0))
            return self.rfile.read(length) if length else None

        def _chunk(self) -> bytes:
            size = int(self.rfile.readline().split(b";")[0], 16)
            data = self.rfile.read(size)
            self.rfile.readline()
            return data

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_MERGE = _pass  # noqa: N815 - names that http.server looks for

    return Handler
