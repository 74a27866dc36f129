"""What the tests of this folder share: the sample apps, a small HTTP client, waiting for a condition."""

import http.client
import json
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.functions.launch import HostProcess

APPS = Path(__file__).parent / "apps"
KEYS = {
    "master": "the-master-key",
    "functionKeys": {"default": "the-host-key"},
    "systemKeys": {"eventgrid_extension": "the-event-grid-key"},
    "functions": {"guarded": {"default": "the-own-key"}, "other": {"default": "the-key-of-another"}},
}

JSON = {"Content-Type": "application/json"}

StartHost = Callable[..., HostProcess]
DEADLINE = 30.0


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, header: str) -> list[str]:
        return [value for name, value in self.headers if name.lower() == header.lower()]


def ask(url: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None) -> Response:
    """One request; a body that is neither bytes nor text is sent as JSON."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=DEADLINE)
    try:
        payload = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), payload, headers or {})
        response = connection.getresponse()
        return Response(status=response.status, headers=response.getheaders(), body=response.read())
    finally:
        connection.close()


def until[T](condition: Callable[[], T], expected: str) -> T:
    """Wait until the condition holds, and return its value; only a test that fails reaches the deadline."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {DEADLINE:g} s: {expected}")
