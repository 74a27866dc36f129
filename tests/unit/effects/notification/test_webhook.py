"""The signed webhook, with a receiver behind a real socket."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from local.process import free_port
from slipway.effects.notification import Message, NotificationError, Webhook
from tests.serving import in_a_thread

SECRET = b"hook secret"
PATH = "/hooks/very-secret-path"
MESSAGE = Message(
    id="1",
    notice="gate-opened",
    time=datetime(2026, 11, 23, 8, 0, tzinfo=UTC),
    application="shop",
    release="shop-1",
    environment="production",
    tag="1.0",
    headline="Grüße 🚢",
    recipient="ada@example.com",
    release_url="https://slipway.example/releases/shop-1",
    approval_url="https://slipway.example/approvals/secret-token",
)


class Receiver:
    """Records its requests and answers with `status`."""

    def __init__(self) -> None:
        self.status = 202
        self.endless = False
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, dict(self.headers), body))
                self.send_response(receiver.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(10**12 if receiver.endless else 0))
                self.end_headers()
                try:
                    while receiver.endless:
                        self.wfile.write(b"x" * 65536)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                """Nothing is written to the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}{PATH}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    http_receiver = Receiver()
    with in_a_thread(http_receiver.server):
        yield http_receiver


def webhook(url: str) -> Webhook:
    return Webhook(name="inbox", url=url, secret=SECRET)


def test_the_receiver_gets_a_signed_cloudevent(receiver: Receiver) -> None:
    webhook(receiver.url).send(MESSAGE)
    ((path, headers, body),) = receiver.requests
    assert path == PATH
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert headers["Slipway-Signature"] == "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    event = json.loads(body)
    assert (event["specversion"], event["type"], event["subject"]) == ("1.0", "dev.slipway.gate-opened", "shop-1")
    assert event["data"]["headline"] == "Grüße 🚢"


NAME = re.compile(r"^[a-z0-9]+$")


def test_the_notice_is_a_cloudevent_of_1_0_in_every_attribute(receiver: Receiver) -> None:
    """The specification's demands on attributes: presence, type, format, naming, and that source and id are unique."""
    for message in (MESSAGE, MESSAGE.evolve(id="another", application="other")):
        webhook(receiver.url).send(message)
    first, second = (json.loads(body) for _, _, body in receiver.requests)
    assert all(NAME.match(name) and len(name) <= 20 for name in first)
    assert {"id", "source", "specversion", "type"} <= set(first)
    assert all(isinstance(first[name], str) and first[name] for name in set(first) - {"data"})
    assert datetime.fromisoformat(first["time"]).tzinfo is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", first["time"])
    assert urlsplit(first["source"]).scheme in ("http", "https")
    assert first["source"] != second["source"]
    assert first["datacontenttype"] == "application/json"
    assert isinstance(first["data"], dict)
    assert len(receiver.requests[0][2]) < 64 * 1024


def test_an_answer_without_end_is_not_read(receiver: Receiver) -> None:
    receiver.endless = True
    webhook(receiver.url).send(MESSAGE)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(301, False), (400, False), (404, False), (410, False), (408, True), (429, True), (503, True)],
)
def test_other_answers_than_success_are_errors_that_name_the_channel_only(
    receiver: Receiver, status: int, retryable: bool
) -> None:
    receiver.status = status
    with pytest.raises(NotificationError) as error:
        webhook(receiver.url).send(MESSAGE)
    assert str(error.value) == f"channel inbox: expected a status of 2xx, got {status}"
    assert error.value.retryable is retryable
    assert len(receiver.requests) == 1


def test_an_unreachable_receiver_is_a_retryable_error_that_names_no_address() -> None:
    pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=1, read=1), retries=False)
    unreachable = Webhook(name="inbox", url=f"http://127.0.0.1:{free_port()}{PATH}", secret=SECRET, pool=pool)
    with pytest.raises(NotificationError) as error:
        unreachable.send(MESSAGE)
    assert error.value.retryable
    assert error.value.__cause__ is None
    assert PATH not in str(error.value)
    assert "127.0.0.1" not in str(error.value)
