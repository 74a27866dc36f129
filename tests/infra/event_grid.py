"""Event Grid between a registry and a queue: it takes the registry's events in and puts each into the queue `events`.

The registry's double can only call an address, as for a subscription with a webhook. This is that address, and does
what the subscription of `infra/modules/events.bicep` does: one CloudEvent to a message, put there by somebody who may
send to that queue, whether anybody reads it or not.
"""

import json
from collections.abc import Callable
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from azure.servicebus import ServiceBusClient, ServiceBusMessage

from slipway.domain.queues import Queue
from tests.serving import in_a_thread


class EventGrid:
    """Use as a context manager; `bus` is called once there is something to deliver."""

    def __init__(self, bus: Callable[[], str]) -> None:
        self._bus = bus
        self.delivered_events: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._contexts = ExitStack()

    @property
    def endpoint(self) -> dict[str, Any]:
        """The subscription, in the form that the registry's double takes."""
        address = f"http://127.0.0.1:{self._server.server_port}/"
        return {"url": address, "event_delivery_schema": "CloudEventSchemaV1_0", "max_events_per_batch": 1}

    def __enter__(self) -> Self:
        self._contexts.enter_context(in_a_thread(self._server))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._contexts.close()

    def _deliver(self, body: bytes) -> None:
        payload = json.loads(body)
        for event in payload if isinstance(payload, list) else [payload]:
            message = ServiceBusMessage(json.dumps(event), message_id=event["id"])
            with (
                ServiceBusClient.from_connection_string(self._bus()) as client,
                client.get_queue_sender(Queue.EVENTS) as sender,
            ):
                sender.send_messages(message)
            self.delivered_events.append(event)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        grid = self

        class Handler(BaseHTTPRequestHandler):
            def do_OPTIONS(self) -> None:
                self.send_response(200)
                self.send_header("WebHook-Allowed-Origin", self.headers["WebHook-Request-Origin"])
                self.end_headers()

            def do_POST(self) -> None:
                grid._deliver(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing is printed: the test's output is about the test."""

        return Handler
