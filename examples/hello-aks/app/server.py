"""Hello: a small HTTP service, there to be delivered.

Settings come from the environment: PORT (8080), HOST (all interfaces, as a container needs), GREETING, PARTNER_KEY,
and APP_VERSION, the tag that it was released under.
"""

import json
import os
import re
import signal
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import partners
import pricing

MAX_QUANTITY = 1_000_000


class Handler(BaseHTTPRequestHandler):
    """One method for each page; what is not listed is not found."""

    protocol_version = "HTTP/1.1"
    server_version = "hello"
    sys_version = ""

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/healthz":
            self._answer(HTTPStatus.OK, b"ok", "text/plain")
        elif url.path == "/":
            self._answer_json(HTTPStatus.OK, greeting())
        elif url.path == "/price":
            self._answer_json(*price(parse_qs(url.query), self.headers.get("X-Partner-Key", "")))
        else:
            self._answer_json(HTTPStatus.NOT_FOUND, {"error": "there are /, /healthz and /price?quantity=3"})

    def _answer_json(self, status, value):
        self._answer(status, json.dumps(value).encode(), "application/json")

    def _answer(self, status, body, content_type):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        if getattr(self, "path", "") != "/healthz":  # probes come every two seconds
            super().log_message(format, *args)


def greeting():
    return {"greeting": os.environ.get("GREETING", "Hello"), "version": os.environ.get("APP_VERSION", "unknown")}


def price(query, partner_key):
    """(status, answer) for /price."""
    text = query.get("quantity", [""])[0]
    if not re.fullmatch("[0-9]{1,7}", text) or not 1 <= int(text) <= MAX_QUANTITY:
        error = f"quantity: expected a whole number from 1 to {MAX_QUANTITY}, got {text[:40]!r}"
        return HTTPStatus.BAD_REQUEST, {"error": error}
    quantity = int(text)
    total = pricing.total_cents(quantity)
    if partners.is_partner(partner_key):
        total = partners.partner_cents(total)
    return HTTPStatus.OK, {"quantity": quantity, "total_cents": total}


def main():
    address = (os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "8080")))  # noqa: S104
    server = ThreadingHTTPServer(address, Handler)
    # The first process of a container gets no default signal handlers: without this one a pod takes 30 s to end.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    sys.stderr.write(f"hello {greeting()['version']} listens on {server.server_address[1]}\n")
    server.serve_forever()
    server.server_close()


if __name__ == "__main__":
    main()
