"""`python -m local.inbox --port 0 --secret-env NAME`: store signed notices and show them.

POST / accepts a notice (its signature is checked), GET /messages lists them as JSON, GET / shows them.
"""

import argparse
import hashlib
import hmac
import html
import json
import os
import signal
import sys
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ..parent import when_parent_ends

BODY_LIMIT = 256 * 1024
KEPT = 200


class Mailbox:
    """The newest notices; repeats of an id are ignored. With a file, they survive a restart."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        stored = json.loads(file.read_bytes()) if file and file.exists() else ()
        self._notices: deque[dict[str, Any]] = deque(stored, maxlen=KEPT)
        self._lock = threading.Lock()

    def take(self, notice: dict[str, Any]) -> None:
        with self._lock:
            if all(old["id"] != notice["id"] for old in self._notices):
                self._notices.append(notice)
                self._save()

    def _save(self) -> None:
        if self._file is None:
            return
        new_file = self._file.with_suffix(".new")
        with os.fdopen(os.open(new_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
            json.dump([*self._notices], target)
        new_file.replace(self._file)

    def all(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._notices)


class Handler(BaseHTTPRequestHandler):
    mailbox: Mailbox
    secret: bytes
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_LIMIT:
            self._respond(413, b"too large or without a length")
            return
        body = self.rfile.read(int(length))
        expected = "sha256=" + hmac.new(self.secret, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, self.headers.get("Slipway-Signature", "")):
            self._respond(401, b"the signature is wrong")
            return
        try:
            notice = json.loads(body)
            self.mailbox.take({"id": str(notice["id"]), **notice["data"]})
        except (ValueError, KeyError, TypeError):
            self._respond(400, b"not a notice")
            return
        self._respond(202, b"")

    def do_GET(self) -> None:
        if self.path == "/messages":
            self._respond(200, json.dumps(self.mailbox.all()).encode(), "application/json")
        elif self.path == "/":
            self._respond(200, page(self.mailbox.all()).encode(), "text/html; charset=utf-8")
        else:
            self._respond(404, b"")

    def log_message(self, *_: object) -> None:
        """Log nothing: addresses hold links with which people can vote."""

    def _respond(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)


def page(notices: list[dict[str, Any]]) -> str:
    """All notices, newest first."""
    items = "".join(_item(notice) for notice in reversed(notices)) or "<p>Nothing has arrived yet.</p>"
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Inbox</title>
<meta name="viewport" content="width=device-width"><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}}
article{{border:1px solid #8888;border-radius:.5rem;padding:.75rem 1rem;margin:1rem 0}}h2{{font-size:1rem;margin:0}}
p{{margin:.25rem 0;overflow-wrap:anywhere}}</style><h1>Inbox</h1>{items}</html>"""


def _item(notice: dict[str, Any]) -> str:
    links = [("Decide", notice.get("approval_url")), ("Release", notice.get("release_url"))]
    anchors = " · ".join(f'<a href="{html.escape(url)}">{name}</a>' for name, url in links if url)
    to = html.escape(notice.get("recipient") or "everybody")
    return (
        f"<article><h2>{html.escape(str(notice.get('headline', '')))}</h2>"
        f"<p>{html.escape(str(notice.get('time', '')))} · to {to}</p><p>{anchors}</p></article>"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.inbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--secret-env", required=True, help="environment variable with the signing key")
    parser.add_argument("--keep", type=Path, help="file in which the notices are kept")
    parser.add_argument("--stop-with-parent", action="store_true", help="stop when stdin is closed")
    options = parser.parse_args()
    secret = os.environ[options.secret_env].encode()
    handler = type("Bound", (Handler,), {"mailbox": Mailbox(options.keep), "secret": secret})
    server = ThreadingHTTPServer(("127.0.0.1", options.port), handler)
    server.daemon_threads = True

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
