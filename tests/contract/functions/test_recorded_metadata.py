"""Trigger metadata of Service Bus messages against what the host's conversion made of messages of
Azure.Messaging.ServiceBus 7.21.0. Which names the extension takes from a message was read."""

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from local.functions.bus_metadata import BusMessage, batch, single
from local.functions.protos import TypedData
from tests.contract.functions.vectors import compare, vectors

_LONGEST = 10**10
"""Seconds that Python's dates can hold; a message that lives longer does not expire."""


def test_metadata_of_messages_is_that_of_azure() -> None:
    """W-37, W-38, W-39: names, values and times of one message, what a body writes over them, collections of a batch,
    and which trace counts."""
    differences = {}
    for number, case in vectors("metadata"):
        try:
            difference = _CASES[case["case"]](case)
        except (TypeError, ValueError, KeyError) as error:
            difference = f"{error!r}"
        if difference:
            differences[number] = f"{case['case']}: {difference}"
    compare("metadata", differences)


def _message(recorded: dict[str, Any]) -> BusMessage:
    fields = {"sequence_number": 1, "lock_token": str(UUID(int=0)), **recorded}
    properties, enqueued, time_to_live = (
        fields.pop(name, None) for name in ("properties", "enqueued", "time_to_live_seconds")
    )
    if enqueued is not None:
        fields["enqueued"] = datetime.fromisoformat(enqueued)
        if time_to_live and time_to_live < _LONGEST:
            fields["expires"] = fields["enqueued"] + timedelta(seconds=time_to_live)
    return _plain(
        application_properties={name: _property(value) for name, value in (properties or {}).items()}, **fields
    )


_KINDS: dict[str, Callable[[Any], Any]] = {
    "string": str, "char": str, "bool": lambda text: text == "true", "double": float, "float": float,
    "guid": UUID, "bytes": base64.b64decode, "null": lambda _text: None,
    "datetime utc": lambda text: datetime.fromisoformat(text + "+00:00"),
    **dict.fromkeys(("int", "long", "byte", "sbyte", "short", "ushort", "uint", "ulong"), int),
}  # fmt: skip


def _property(recorded: dict[str, Any]) -> Any:
    return _KINDS[recorded["type"]](recorded["value"])


def _comparable(metadata: dict[str, TypedData]) -> dict[str, Any]:
    return {name: _normalized(str(typed.kind), typed.value) for name, typed in metadata.items()}


def _expected(metadata: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: _normalized(*next(iter(typed.items()))) for name, typed in metadata.items()}


def _normalized(kind: str, value: Any) -> tuple[str, Any]:
    """JSON is compared by its values, not by its spelling."""
    return kind, json.loads(value) if kind == "json" else value


def _differs(expected: Any, actual: Any) -> str:
    if expected == actual:
        return ""
    if isinstance(expected, dict) and isinstance(actual, dict):
        names = [name for name in {**expected, **actual} if expected.get(name) != actual.get(name)]
        return f"{names}: expected {[expected.get(n) for n in names]}, got {[actual.get(n) for n in names]}"
    return f"expected {expected}, got {actual}"


def _single_message(case: dict[str, Any]) -> str:
    _, metadata = single(_message(case["message"]), "BINARY")
    return _differs(_expected(case["metadata"]), _comparable(metadata))


def _body(case: dict[str, Any]) -> str:
    message = _plain(body=case["body"].encode())
    before, after = _comparable(single(message, "BINARY")[1]), _comparable(single(message, case["data_type"])[1])
    overwritten = {name: typed for name, typed in after.items() if before.get(name) != typed}
    return _differs(_expected(case["metadata_of_body"] or {}), overwritten)


def _collection(case: dict[str, Any]) -> str:
    """The kinds of collections that a batch has: texts, numbers, dictionaries, times without a zone, bodies."""
    values = case["value"]
    field, name, convert = _COLLECTIONS.get(case["type"], (None, "", str))
    if field is None or not values or (field == "body" and None in values):
        return ""  # no message of Service Bus has it
    messages = [_plain(**{field: None if value is None else convert(value)}) for value in values]
    bodies, metadata = batch(messages, "BINARY")
    collection = bodies if field == "body" else metadata[name]
    kind, expected = next(iter(case["typed_data"].items()))
    if kind == "json":
        return _differs(json.loads(expected), json.loads(collection.value))
    (actual,) = vars(collection.value).values()
    return _differs(expected, [base64.b64encode(item).decode() if isinstance(item, bytes) else item for item in actual])


def _plain(**fields: Any) -> BusMessage:
    return BusMessage(**{"body": b"x", "application_properties": {}, **fields})


def _trace(case: dict[str, Any]) -> str:
    message = _message({"properties": case["application_properties"]})
    for open_telemetry, name in ((False, "without_activity_source"), (True, "with_activity_source")):
        expected = (case[name]["trace_parent"], case[name]["trace_state"] or "")
        if message.trace(open_telemetry=open_telemetry) != expected:
            return f"{name}: expected {expected}, got {message.trace(open_telemetry=open_telemetry)}"
    return ""


_COLLECTIONS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "string[]": ("correlation_id", "CorrelationIdArray", str),
    "long[]": ("sequence_number", "SequenceNumberArray", int),
    "int[]": ("delivery_count", "DeliveryCountArray", int),
    "IDictionary[]": (
        "application_properties",
        "UserPropertiesArray",
        lambda recorded: {name: _property(value) for name, value in recorded.items()},
    ),
    "DateTime[] (no zone)": ("enqueued", "EnqueuedTimeUtcArray", lambda text: datetime.fromisoformat(text + "+00:00")),
    "byte[][]": ("body", "", base64.b64decode),
}

_CASES: dict[str, Callable[[dict[str, Any]], str]] = {
    "message": _single_message,
    "body over metadata": _body,
    "collection": _collection,
    "trace": _trace,
}
