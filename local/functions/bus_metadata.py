"""A received message as the Service Bus extension 5.x hands it to a worker: body and trigger metadata.

The traps of the real one are kept, because code that falls into them must fall here too:
- times come without a zone, so Python reads them as naive;
- seven names that `func.ServiceBusMessage` offers are never sent (dead-letter reason, locked until, state, ...);
- in a batch, optional text fields drop their empty entries, so that values shift to the wrong message;
- a body that is a JSON object has its top-level properties (arrays excepted) written over the metadata.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from .protos import CollectionBytes, CollectionSInt64, CollectionString, TypedData


@dataclass(frozen=True, kw_only=True)
class BusMessage:
    """What the extension knows of a message. `delivery_count` starts at 1."""

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
    dead_letter_source: str | None = None
    application_properties: dict[str, Any]

    @property
    def trace_parent(self) -> str | None:
        """The sender's trace, under the names that the SDKs use."""
        for name in ("Diagnostic-Id", "traceparent"):
            value = self.application_properties.get(name)
            if isinstance(value, str):
                return value
        return None


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
}
_JSONS = {
    "DeliveryCount": "delivery_count",
    "ApplicationProperties": "application_properties",
    "UserProperties": "application_properties",
}
_TIMES = {"ExpiresAtUtc": "expires", "EnqueuedTimeUtc": "enqueued"}


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
    # Without a data type the real host parses every body as JSON and writes it anew.
    return TypedData(json=json.dumps([json.loads(text) for text in texts])), metadata


def _single_metadata(message: BusMessage) -> dict[str, TypedData]:
    metadata = {"SequenceNumber": TypedData(json=json.dumps(message.sequence_number))}
    for name, field in _TEXTS.items():
        value = getattr(message, field)
        if value is not None:
            metadata[name] = TypedData(string=value)
    for name, field in _JSONS.items():
        metadata[name] = TypedData(json=json.dumps(getattr(message, field), default=_json_value))
    for name, field in _TIMES.items():
        value = getattr(message, field)
        if value is not None:
            metadata[name] = TypedData(json=json.dumps(_naive(value)))
    return metadata


def _batch_metadata(messages: Sequence[BusMessage]) -> dict[str, TypedData]:
    numbers = CollectionSInt64(sint64=[message.sequence_number for message in messages])
    metadata = {"SequenceNumberArray": TypedData(collection_sint64=numbers)}
    for name, field in _TEXTS.items():
        present = [value for value in (getattr(message, field) for message in messages) if value]
        metadata[f"{name}Array"] = TypedData(collection_string=CollectionString(string=present))
    for name, field in _JSONS.items():
        values = [getattr(message, field) for message in messages]
        metadata[f"{name}Array"] = TypedData(json=json.dumps(values, default=_json_value))
    for name, field in _TIMES.items():
        times = [getattr(message, field) for message in messages]
        metadata[f"{name}Array"] = TypedData(json=json.dumps([_naive(time) if time else None for time in times]))
    return metadata


def _apply_body(text: str, metadata: dict[str, TypedData]) -> dict[str, TypedData]:
    """Write the body's top-level properties over the metadata, as the host's ApplyBindingData does."""
    if not (text.strip().startswith("{") and text.strip().endswith("}")):
        return metadata
    try:
        body = json.loads(text)
    except ValueError:
        return metadata
    # Names of binding data are compared without regard to case.
    known = {name.lower(): name for name in metadata}
    for name, value in body.items():
        if value is None or isinstance(value, list):
            continue
        data = TypedData(json=json.dumps(value)) if isinstance(value, dict) else TypedData(string=_scalar(value))
        metadata[known.get(name.lower(), name)] = data
    return metadata


def _scalar(value: Any) -> str:
    """A JSON scalar as .NET writes it."""
    if isinstance(value, bool):
        return "True" if value else "False"
    return value if isinstance(value, str) else json.dumps(value)


def _naive(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def _json_value(value: Any) -> Any:
    """Values of application properties that JSON has no form for."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"application property: expected a plain value, got {type(value).__name__}")
