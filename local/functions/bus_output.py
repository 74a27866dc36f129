"""The Service Bus output binding: one sender for each queue or topic, kept open.

A text that is a JSON array becomes one message per element, as in Azure. Only bodies can be sent this way.
"""

import asyncio
import json

from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

from .app_settings import AppSettings
from .bindings import Binding
from .bus_client import client_for, outgoing, sender_for
from .host_json import ServiceBusOptions
from .protos import TypedData


class BusOutput:
    """Sends what functions write to their Service Bus outputs."""

    def __init__(self, settings: AppSettings, options: ServiceBusOptions) -> None:
        self._settings = settings
        self._options = options
        self._clients: dict[str, ServiceBusClient] = {}
        self._senders: dict[tuple[str, str], tuple[ServiceBusSender, asyncio.Lock]] = {}

    async def write(self, binding: Binding, value: TypedData) -> None:
        sender, lock = self._sender(binding)
        # The SDK's senders do not support concurrent calls.
        async with lock:
            for body in bodies(value):
                await sender.send_messages(outgoing(body))

    async def close(self) -> None:
        for sender, _ in self._senders.values():
            await sender.close()
        for client in self._clients.values():
            await client.close()

    def _sender(self, binding: Binding) -> tuple[ServiceBusSender, asyncio.Lock]:
        connection = binding.get("connection") or "ServiceBus"
        entity = binding.get("queueName") or binding["topicName"]
        entry = self._senders.get((connection, entity))
        if entry is None:
            client = self._clients.get(connection)
            if client is None:
                client = client_for(self._settings.connection(connection), self._options, retries=True)
                self._clients[connection] = client
            entry = self._senders[connection, entity] = (sender_for(client, binding), asyncio.Lock())
        return entry


def bodies(value: TypedData) -> list[str | bytes]:
    """The bodies of the messages that a value represents."""
    match value.kind:
        case "collection_bytes":
            return list(value.value.bytes)
        case "collection_string":
            return list(value.value.string)
        case "string" | "json":
            return _text_bodies(value.value)
        case "bytes":
            return [value.value]
        case _:
            return [str(value.value)]


def _text_bodies(text: str) -> list[str | bytes]:
    if not text.lstrip().startswith("["):
        return [text]
    try:
        elements = json.loads(text)
    except ValueError:
        return [text]
    return [element if isinstance(element, str) else json.dumps(element) for element in elements]
