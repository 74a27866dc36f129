"""The only file that imports azure.servicebus: clients by connection setting, and the SDK's messages as ours.

The SDK takes a quarter of a second to import, so this module is imported by the first function that needs it.
"""

from collections.abc import Iterable
from typing import Any, cast

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender
from azure.servicebus.amqp import AmqpMessageBodyType

from .bindings import Binding
from .bus_metadata import BusMessage
from .host_json import ServiceBusOptions

SOCKET_WAIT = 0.02
"""How long a receiver of the SDK may block in one read. It settles only between reads, and where two of its coroutines
read at once, one waits for the other's read to end: the default of 0.2 s would be added to many messages. (Passed to
the client the setting has no effect; it counts where the receiver is created.)"""


def client_for(section: dict[str, str], options: ServiceBusOptions, *, retries: bool) -> ServiceBusClient:
    """A client for a connection setting: a connection string, or a namespace with an identity.

    Receivers do without the SDK's own retries (`retries=False`): the pump reconnects by itself, and sooner.
    """
    settings: dict[str, Any] = {
        "retry_total": options.retry.max_retries if retries else 0,
        "retry_mode": options.retry.mode,
        "retry_backoff_factor": options.retry.delay,
        "retry_backoff_max": options.retry.max_delay,
    }
    if "" in section:
        return ServiceBusClient.from_connection_string(section[""], **settings)
    return ServiceBusClient(section["fullyQualifiedNamespace"], _credential(section), **settings)


def _credential(section: dict[str, str]) -> Any:
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential  # noqa: PLC0415 - slow to import, and rarely needed

    client_id = section.get("clientId")
    if section.get("credential", "").lower() == "managedidentity":
        return ManagedIdentityCredential(client_id=client_id) if client_id else ManagedIdentityCredential()
    return DefaultAzureCredential()


def receiver_for(client: ServiceBusClient, binding: Binding, prefetch: int) -> ServiceBusReceiver:
    """A peek-lock receiver for the queue or subscription of a trigger. Dead-letter sub-queues are named by their
    path."""
    if binding.get("topicName"):
        topic, subscription = binding["topicName"], binding["subscriptionName"]
        return client.get_subscription_receiver(
            topic, subscription, prefetch_count=prefetch, socket_timeout=SOCKET_WAIT
        )
    return client.get_queue_receiver(binding["queueName"], prefetch_count=prefetch, socket_timeout=SOCKET_WAIT)


def session_receiver_for(client: ServiceBusClient, binding: Binding, *, wait: float) -> ServiceBusReceiver:
    """A receiver that opens the next free session that has messages; it gives up after `wait` seconds."""
    return client.get_queue_receiver(
        binding["queueName"], session_id=NEXT_AVAILABLE_SESSION, max_wait_time=wait, socket_timeout=SOCKET_WAIT
    )


def sender_for(client: ServiceBusClient, binding: Binding) -> ServiceBusSender:
    if binding.get("topicName"):
        return client.get_topic_sender(binding["topicName"])
    return client.get_queue_sender(binding["queueName"])


def outgoing(body: str | bytes) -> ServiceBusMessage:
    """A message of an output binding: a body and its content type, nothing else, as from Python in Azure."""
    return ServiceBusMessage(body, content_type="text/plain" if isinstance(body, str) else "application/octet-stream")


def incoming(message: ServiceBusReceivedMessage) -> BusMessage:
    """The SDK's message as the extension sees it. The SDK counts deliveries from 0, Azure Functions from 1."""
    return BusMessage(
        body=_body(message),
        message_id=message.message_id,
        delivery_count=(message.delivery_count or 0) + 1,
        sequence_number=message.sequence_number or 0,
        enqueued=message.enqueued_time_utc,
        expires=message.expires_at_utc,
        lock_token=str(message.lock_token) if message.lock_token else None,
        content_type=message.content_type,
        correlation_id=message.correlation_id,
        subject=message.subject,
        to=message.to,
        reply_to=message.reply_to,
        reply_to_session_id=message.reply_to_session_id,
        session_id=message.session_id,
        partition_key=message.partition_key,
        dead_letter_source=message.dead_letter_source,
        application_properties={_text(k): _value(v) for k, v in (message.application_properties or {}).items()},
    )


def _body(message: ServiceBusReceivedMessage) -> bytes:
    """The data of a message; a text that was sent as an AMQP value is passed on as text."""
    if message.body_type == AmqpMessageBodyType.VALUE and isinstance(message.body, str | bytes):
        return message.body.encode() if isinstance(message.body, str) else message.body
    if message.body_type != AmqpMessageBodyType.DATA:
        raise ValueError(f"message {message.message_id!r}: a body of type {message.body_type.name} is not covered")
    return b"".join(cast(Iterable[bytes], message.body))


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _value(value: Any) -> Any:
    """The SDK returns text and binary values alike as bytes: what is valid UTF-8 is taken for text."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
