"""`python -m local.traces --port 0`: receive traces, metrics and logs by OTLP over HTTP, and show them.

POST /v1/traces, /v1/metrics, /v1/logs (protobuf, with or without gzip). GET / and /releases/<id> are pages; GET
/api/spans, /api/metrics, /api/logs and /api/releases are JSON. Only the newest data is kept, in memory.
"""

import argparse
import gzip
import json
import signal
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from google.protobuf.message import DecodeError

from ..parent import when_parent_ends
from . import page
from .records import lines_of, points_of, spans_of
from .store import Store
from .waterfall import rows

LIMIT = 16 * 1024 * 1024


class Handler(BaseHTTPRequestHandler):
    store: Store
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LIMIT:
            self._respond(413, b"too large or without a length")
            return
        body = self.rfile.read(int(length))
        if self.headers.get("Content-Type", "") != "application/x-protobuf":
            self._respond(415, b"expected application/x-protobuf")
            return
        try:
            self._store(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        except (DecodeError, OSError, EOFError):
            self._respond(400, b"not an OTLP request")
        except KeyError:
            self._respond(404, b"")
        else:
            self._respond(200, b"", "application/x-protobuf")

    def _store(self, body: bytes) -> None:
        handlers: dict[str, Callable[[bytes], None]] = {
            "/v1/traces": lambda data: self.store.add_spans(spans_of(data)),
            "/v1/metrics": lambda data: self.store.add_points(points_of(data)),
            "/v1/logs": lambda data: self.store.add_lines(lines_of(data)),
        }
        handlers[self.path](body)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        with_calls = parse_qs(url.query).get("calls") == ["1"]
        match url.path.strip("/").split("/"):
            case [""]:
                self._html(page.overview(self.store.release_traces(), metrics=self._metrics()))
            case ["api", "spans"]:
                self._json([span.as_json() for span in self.store.spans])
            case ["api", "metrics"]:
                self._json([point.as_json() for point in self.store.points])
            case ["api", "logs"]:
                self._json([line.as_json() for line in self.store.lines])
            case ["api", "releases"]:
                self._json([vars(release_trace) for release_trace in self.store.release_traces()])
            case ["releases", release] if release_trace := self.store.release_trace(release):
                self._trace(release_trace.release, release_trace.trace, everything=with_calls)
            case ["traces", trace] if self.store.trace(trace):
                self._trace(f"Trace {trace[:8]}", trace, everything=with_calls)
            case _:
                self._respond(404, b"not found", "text/plain")

    def _trace(self, title: str, trace: str, *, everything: bool) -> None:
        bars, axis = rows(self.store.trace(trace), everything=everything)
        linked = self.store.linked_spans(trace)
        self._html(page.waterfall(title, trace, bars, axis, linked, everything=everything))

    def _metrics(self) -> list[str]:
        """The newest value of each series."""
        newest: dict[str, str] = {}
        for point in self.store.points:
            labels = ", ".join(f"{name}={value}" for name, value in sorted(point.attributes.items()))
            newest[f"{point.name} {labels}"] = f"{point.name}{{{labels}}} {point.value:g} {point.unit}"
        return sorted(newest.values())

    def _html(self, text: str) -> None:
        self._respond(200, text.encode(), "text/html; charset=utf-8")

    def _json(self, content: Any) -> None:
        self._respond(200, json.dumps(content).encode(), "application/json")

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _respond(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(port: int = 0) -> tuple[ThreadingHTTPServer, Store]:
    """A server that listens, and its store; the caller runs and stops it."""
    store = Store()
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Bound", (Handler,), {"store": store}))
    server.daemon_threads = True
    return server, store


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.traces", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--stop-with-parent", action="store_true", help="stop when stdin is closed")
    options = parser.parse_args()
    server, _ = serve(options.port)

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if options.stop_with_parent:
        when_parent_ends(stop)
    print(json.dumps({"ready": True, "port": server.server_port}), flush=True)
    server.serve_forever(poll_interval=0.1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
