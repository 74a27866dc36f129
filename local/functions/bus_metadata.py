"""A received message as the Service Bus extension 5.x hands it to a worker: body and trigger metadata.

Pitfalls of the real extension are kept, because code that falls into them must fail here too:
- times come without a zone, so Python reads them as naive; a message without a time to live expires in the year 9999;
- seven names that `func.ServiceBusMessage` offers are never sent (dead-letter reason, locked until, state, ...);
- in a batch, optional text fields drop their empty entries, so that values shift to the wrong message;
- a body that is a JSON object has its top-level properties (except arrays) written over the metadata, as .NET's text.

Left out: `Client`, `MessageReceiver`, `MessageActions` and the like, which are .NET objects.
"""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from . import json_net
from .protos import CollectionBytes, CollectionSInt64, CollectionString, TypedData


@dataclass(frozen=True, kw_only=True)
class BusMessage:
    """A message's metadata, as the extension has it. `delivery_count` starts at 1."""

    body: bytes
    message_id: str | None = None
    delivery_count: int = 1
    sequence_number: int = 0
    enqueued: datetime | None = None
    expires: datetime | None = None
    lock_token: str | None = None
    content_type: str | None = None
    correlation_id: str | None = None
    subject: str | None = None
    to: str | None = None
    reply_to: str | None = None
    reply_to_session_id: str | None = None
    session_id: str | None = None
    partition_key: str | None = None
    transaction_partition_key: str | None = None
    dead_letter_source: str | None = None
    application_properties: dict[str, Any]

    def trace(self, *, open_telemetry: bool) -> tuple[str | None, str]:
        """The sender's trace parent and trace state, as the .NET client reads them: under OpenTelemetry from
        `traceparent` and its state, else from `Diagnostic-Id`; otherwise from `Diagnostic-Id` alone."""
        properties = self.application_properties
        parent, state = properties.get("traceparent"), properties.get("tracestate")
        if open_telemetry and isinstance(parent, str):
            return parent, state if isinstance(state, str) else ""
        diagnostic_id = properties.get("Diagnostic-Id")
        return diagnostic_id if isinstance(diagnostic_id, str) else None, ""


_TEXTS = {
    "MessageId": "message_id",
    "ContentType": "content_type",
    "CorrelationId": "correlation_id",
    "DeadLetterSource": "dead_letter_source",
    "LockToken": "lock_token",
    "To": "to",
    "ReplyTo": "reply_to",
    "ReplyToSessionId": "reply_to_session_id",
    "Subject": "subject",
    "Label": "subject",
    "SessionId": "session_id",
    "PartitionKey": "partition_key",
    "TransactionPartitionKey": "transaction_partition_key",
}
_JSONS = {
    "DeliveryCount": "delivery_count",
    "ApplicationProperties": "application_properties",
    "UserProperties": "application_properties",
}
_NEVER_ENQUEUED, _NEVER_EXPIRES = "0001-01-01T00:00:00", "9999-12-31T23:59:59.9999999"


def single(message: BusMessage, data_type: str | None) -> tuple[TypedData, dict[str, TypedData]]:
    """Value and metadata for a function that takes one message at a time."""
    if data_type == "BINARY":
        return TypedData(bytes=message.body), _single_metadata(message)
    text = message.body.decode("utf-8", "replace")
    return TypedData(string=text), _apply_body(text, _single_metadata(message))


def batch(messages: Sequence[BusMessage], data_type: str | None) -> tuple[TypedData, dict[str, TypedData]]:
    """Value and metadata for a function that takes many; ValueError if a body cannot be passed on."""
    metadata = _batch_metadata(messages)
    if data_type == "BINARY":
        return TypedData(collection_bytes=CollectionBytes(bytes=[m.body for m in messages])), metadata
    texts = [message.body.decode("utf-8", "replace") for message in messages]
    if data_type == "STRING":
        return TypedData(collection_string=CollectionString(string=texts)), metadata
    # Without a data type the real host parses every body as JSON and writes it again.
    return TypedData(json=json.dumps([json.loads(text) for text in texts])), metadata


def _single_metadata(message: BusMessage) -> dict[str, TypedData]:
    metadata = {"SequenceNumber": TypedData(json=json.dumps(message.sequence_number))}
    for name, field in _TEXTS.items():
        value = getattr(message, field)
        if value is not None:
            metadata[name] = TypedData(string=value)
    for name, field in _JSONS.items():
        metadata[name] = TypedData(json=_json(getattr(message, field)))
    for name, text in _times(message).items():
        metadata[name] = TypedData(json=json.dumps(text))
    return metadata


def _batch_metadata(messages: Sequence[BusMessage]) -> dict[str, TypedData]:
    numbers = CollectionSInt64(sint64=[message.sequence_number for message in messages])
    metadata = {"SequenceNumberArray": TypedData(collection_sint64=numbers)}
    for name, field in _TEXTS.items():
        texts = [value for value in (getattr(message, field) for message in messages) if value]
        metadata[f"{name}Array"] = TypedData(collection_string=CollectionString(string=texts))
    for name, field in _JSONS.items():
        values = [getattr(message, field) for message in messages]
        metadata[f"{name}Array"] = TypedData(json=_json(values))
    times = [_times(message) for message in messages]
    for name in times[0]:
        metadata[f"{name}Array"] = TypedData(json=json.dumps([of_one[name] for of_one in times]))
    return metadata


def _times(message: BusMessage) -> dict[str, str]:
    """Each time twice: without a zone, and with it."""
    enqueued = _NEVER_ENQUEUED if message.enqueued is None else _naive(message.enqueued)
    expires = _NEVER_EXPIRES if message.expires is None else _naive(message.expires)
    utc = {"EnqueuedTimeUtc": enqueued, "ExpiresAtUtc": expires}
    return {**utc, **{name.removesuffix("Utc"): f"{text}+00:00" for name, text in utc.items()}}


def _apply_body(text: str, metadata: dict[str, TypedData]) -> dict[str, TypedData]:
    """Write the body's top-level properties over the metadata, as the host's ApplyBindingData does."""
    if not (text.strip().startswith("{") and text.strip().endswith("}")):
        return metadata
    try:
        body = json.loads(text)
    except ValueError:
        return metadata
    # Names of binding data are compared ignoring case.
    names = {name.lower(): name for name in metadata}
    for name, value in body.items():
        if value is None or isinstance(value, list):
            continue
        is_object = isinstance(value, dict)
        typed = (
            TypedData(json=_json(json_net.reread(value))) if is_object else TypedData(string=json_net.as_text(value))
        )
        metadata[names.get(name.lower(), name)] = typed
    return metadata


def _naive(moment: datetime) -> str:
    return _digits(moment.astimezone(UTC).replace(tzinfo=None).isoformat())


def _digits(text: str) -> str:
    """A time without trailing zeros in its fraction of a second."""
    return text.rstrip("0") if "." in text else text


def _json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Values of application properties for which JSON has no form, as Newtonsoft writes them."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    raise TypeError(f"application property: expected a plain value, got {type(value).__name__}")


_WRITERS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (bytes, lambda value: base64.b64encode(value).decode()),
    (UUID, str),
    (datetime, lambda value: _naive(value) + "Z"),
    (float, json_net.reread),
)
