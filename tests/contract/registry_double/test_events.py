"""Push events on their way to a webhook: payload, handshake, batches, retries, dead letters."""

import contextlib
import json
import queue
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.registry import EventEndpoint, Events, Registry
from tests.serving import in_a_thread

from .support import OCI_IMAGE, OCI_INDEX, Client, index_of, settings

TOPIC = Events().topic


@dataclass(kw_only=True)
class Webhook:
    """An endpoint that keeps what it receives and answers with these statuses in turn, then with 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    confirms: bool = True
    handshakes: "queue.Queue[dict[str, Any]]" = field(default_factory=queue.Queue)
    received: "queue.Queue[tuple[dict[str, str], Any]]" = field(default_factory=queue.Queue)

    def next(self) -> tuple[dict[str, str], Any]:
        return self.received.get(timeout=20)

    def events(self, count: int) -> list[dict[str, Any]]:
        received: list[dict[str, Any]] = []
        while len(received) < count:
            body = self.next()[1]
            received += body if isinstance(body, list) else [body]
        return received


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers["aeg-event-type"] == "SubscriptionValidation":
                hook.handshakes.put(body[0])
                self._respond(200 if hook.confirms else 404, {"validationResponse": body[0]["data"]["validationCode"]})
                return
            hook.received.put((dict(self.headers), body))
            self._respond(hook.statuses.pop(0) if hook.statuses else 200, {})

        def do_OPTIONS(self) -> None:
            hook.handshakes.put({"origin": self.headers["WebHook-Request-Origin"]})
            self.send_response(200)
            self.send_header("WebHook-Allowed-Origin", self.headers["WebHook-Request-Origin"])
            self.end_headers()

        def _respond(self, status: int, body: dict[str, Any]) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    with in_a_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        hook.url = f"http://127.0.0.1:{server.server_port}/hook?code=secret-key"
        yield hook


@contextlib.contextmanager
def notifying(hook: Webhook, *, endpoint: dict[str, Any] | None = None, **events: Any) -> Iterator[Client]:
    endpoints = (EventEndpoint(url=hook.url, **(endpoint or {})),)
    with Registry(settings(events=Events(endpoints=endpoints, **events))) as registry:
        yield Client(registry.url)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def status_of(client: Client) -> dict[str, Any]:
    status: dict[str, Any] = client.plain("GET", "/local/event-endpoints").json()[0]
    return status


def test_a_push_by_tag_is_reported_as_event_grid_reports_it(webhook: Webhook) -> None:
    with notifying(webhook) as client:
        image = client.push_image("team/shop", "1.0.0")
        headers, (event,) = webhook.next()
        assert headers["aeg-event-type"] == "Notification"
        assert event.keys() == {
            "id", "topic", "subject", "eventType", "eventTime", "data", "dataVersion", "metadataVersion"
        }  # fmt: skip
        assert (event["topic"], event["subject"]) == (TOPIC, "team/shop:1.0.0")
        assert event["eventType"] == "Microsoft.ContainerRegistry.ImagePushed"
        payload = event["data"]
        assert payload["target"] == {
            "mediaType": OCI_IMAGE,
            "size": len(image.data),
            "digest": image.digest,
            "length": len(image.data),
            "repository": "team/shop",
            "tag": "1.0.0",
        }
        assert (payload["action"], payload["request"]["method"]) == ("push", "PUT")
        assert payload["request"]["host"] == client.url.removeprefix("http://")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", payload["timestamp"])
        assert payload["id"] != event["id"]


def test_children_of_an_index_are_reported_without_a_tag(webhook: Webhook) -> None:
    with notifying(webhook) as client:
        child = client.push_image("shop")
        client.push_manifest("shop", index_of(child), "1.0.0")
        targets = {event["data"]["target"]["mediaType"]: event["data"]["target"] for event in webhook.events(2)}
        assert "tag" not in targets[OCI_IMAGE]
        assert targets[OCI_INDEX]["tag"] == "1.0.0"


def test_a_refused_push_is_not_reported(webhook: Webhook) -> None:
    with notifying(webhook) as client:
        assert client.put_manifest("shop", index_of(*()), "1.0.0").status == 201
        assert (
            client.send("PUT", "/v2/shop/manifests/2.0.0", body=b"{", headers={"Content-Type": OCI_IMAGE}).status == 400
        )
        assert client.put_manifest("shop", index_of(*()), "3.0.0").status == 201
        assert sorted(event["subject"] for event in webhook.events(2)) == ["shop:1.0.0", "shop:3.0.0"]


def test_a_deletion_is_reported(webhook: Webhook) -> None:
    with notifying(webhook) as client:
        image = client.push_image("shop", "1.0.0")
        webhook.next()
        client.send("DELETE", f"/v2/shop/manifests/{image.digest}")
        _, (event,) = webhook.next()
        assert event["eventType"] == "Microsoft.ContainerRegistry.ImageDeleted"
        assert event["data"]["target"] == {"mediaType": OCI_IMAGE, "digest": image.digest, "repository": "shop"}
        assert event["subject"] == "shop"


def test_cloud_events_are_sent_where_they_are_asked_for(webhook: Webhook) -> None:
    with notifying(webhook, endpoint={"event_delivery_schema": "CloudEventSchemaV1_0"}) as client:
        client.push_image("shop", "1.0.0")
        headers, event = webhook.next()
        assert headers["Content-Type"].startswith("application/cloudevents+json")
        assert event.keys() == {"id", "source", "subject", "type", "time", "data", "specversion"}
        assert webhook.handshakes.get(timeout=20) == {"origin": "eventgrid.azure.net"}


def test_nothing_is_delivered_before_the_endpoint_confirmed(webhook: Webhook) -> None:
    webhook.confirms = False
    with notifying(webhook) as client:
        client.push_image("shop", "1.0.0")
        for _ in range(2):
            handshake = webhook.handshakes.get(timeout=20)
            assert handshake["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
        assert webhook.received.empty()
        assert status_of(client)["confirmed"] is False
        webhook.confirms = True
        assert webhook.next()[1][0]["subject"] == "shop:1.0.0"


def test_events_go_out_in_batches_where_that_is_switched_on(webhook: Webhook) -> None:
    webhook.confirms = False
    with notifying(webhook, endpoint={"max_events_per_batch": 10}) as client:
        for tag in ("a", "b", "c"):
            client.push_image("shop", tag)
        webhook.confirms = True
        assert [event["subject"] for event in webhook.next()[1]] == ["shop:a", "shop:b", "shop:c"]


def test_an_event_that_was_not_taken_is_sent_again(webhook: Webhook) -> None:
    webhook.statuses = [500, 503]
    with notifying(webhook, time_scale=0.0001) as client:
        client.push_image("shop", "1.0.0")
        ids = {webhook.next()[1][0]["id"] for _ in range(3)}
        assert len(ids) == 1
        wait_for(lambda: status_of(client)["delivered"] == 1)


def test_an_answer_that_is_never_retried_ends_in_the_dead_letters(webhook: Webhook, tmp_path: Path) -> None:
    webhook.statuses = [400]
    file = tmp_path / "dead-letters.jsonl"
    with notifying(webhook, dead_letter_file=file) as client:
        client.push_image("shop", "1.0.0")
        wait_for(lambda: bool(client.plain("GET", "/local/dead-letters").json()))
        (letter,) = client.plain("GET", "/local/dead-letters").json()
        assert (letter["subject"], letter["deliveryAttempts"], letter["lastDeliveryOutcome"]) == (
            "shop:1.0.0",
            1,
            "400",
        )
        assert json.loads(file.read_text()) == letter


def test_every_event_can_be_repeated(webhook: Webhook) -> None:
    with notifying(webhook, repeat=3) as client:
        client.push_image("shop", "1.0.0")
        assert len({event["id"] for event in webhook.events(3)}) == 1


def test_endpoints_can_be_set_after_the_start_and_their_keys_are_not_shown(double: Client, webhook: Webhook) -> None:
    body = json.dumps([{"url": webhook.url, "name": "LATER"}]).encode()
    headers = {"Content-Type": "application/json"}
    response = double.plain("POST", "/local/event-endpoints", body=body, headers=headers)
    assert response.status == 200
    assert b"secret-key" not in response.data
    double.push_image("shop", "1.0.0")
    assert webhook.next()[1][0]["subject"] == "shop:1.0.0"


def test_a_wrong_endpoint_is_refused_with_the_field(double: Client) -> None:
    headers = {"Content-Type": "application/json"}
    response = double.plain("POST", "/local/event-endpoints", body=b'[{"url": "ftp://x"}]', headers=headers)
    assert response.status == 400
    assert "0.url" in response.json()["errors"][0]["detail"][0]


def test_a_web_page_cannot_set_endpoints(double: Client) -> None:
    response = double.plain("POST", "/local/event-endpoints", body=b"[]", headers={"Content-Type": "text/plain"})
    assert response.status == 400
