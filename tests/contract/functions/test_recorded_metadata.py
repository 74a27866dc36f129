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
"""Seconds that Python's dates can bear; what lives longer does not expire."""


def test_metadata_of_messages_is_that_of_azure() -> None:
    """W-37, W-38, W-39: names, values and times of one message, what a body writes over them, collections of a batch,
    and which trace counts."""
    differences = {}
    for number, case in vectors("metadata"):
        try:
            told = _CASES[case["case"]](case)
        except (TypeError, ValueError, KeyError) as error:
            told = f"{error!r}"
        if told:
            differences[number] = f"{case['case']}: {told}"
    compare("metadata", differences)


def _message(given: dict[str, Any]) -> BusMessage:
    fields = {"sequence_number": 1, "lock_token": str(UUID(int=0)), **given}
    properties, enqueued, lives = (
        fields.pop(name, None) for name in ("properties", "enqueued", "time_to_live_seconds")
    )
    if enqueued is not None:
        fields["enqueued"] = datetime.fromisoformat(enqueued)
        if lives and lives < _LONGEST:
            fields["expires"] = fields["enqueued"] + timedelta(seconds=lives)
    return _plain(
        application_properties={name: _property(value) for name, value in (properties or {}).items()}, **fields
    )


_KINDS: dict[str, Callable[[Any], Any]] = {
    "string": str, "char": str, "bool": lambda text: text == "true", "double": float, "float": float,
    "guid": UUID, "bytes": base64.b64decode, "null": lambda _text: None,
    "datetime utc": lambda text: datetime.fromisoformat(text + "+00:00"),
    **dict.fromkeys(("int", "long", "byte", "sbyte", "short", "ushort", "uint", "ulong"), int),
}  # fmt: skip


def _property(given: dict[str, Any]) -> Any:
    return _KINDS[given["type"]](given["value"])


def _shown(metadata: dict[str, TypedData]) -> dict[str, Any]:
    return {name: _read(str(data.kind), data.value) for name, data in metadata.items()}


def _wanted(metadata: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: _read(*next(iter(data.items()))) for name, data in metadata.items()}


def _read(kind: str, value: Any) -> tuple[str, Any]:
    """JSON is compared by its values, not by its spelling."""
    return kind, json.loads(value) if kind == "json" else value


def _differs(expected: Any, came: Any) -> str:
    if expected == came:
        return ""
    if isinstance(expected, dict) and isinstance(came, dict):
        names = [name for name in {**expected, **came} if expected.get(name) != came.get(name)]
        return f"{names}: expected {[expected.get(n) for n in names]}, came {[came.get(n) for n in names]}"
    return f"expected {expected}, came {came}"


def _one(case: dict[str, Any]) -> str:
    _, metadata = single(_message(case["message"]), "BINARY")
    return _differs(_wanted(case["metadata"]), _shown(metadata))


def _body(case: dict[str, Any]) -> str:
    message = _plain(body=case["body"].encode())
    before, after = _shown(single(message, "BINARY")[1]), _shown(single(message, case["data_type"])[1])
    written = {name: data for name, data in after.items() if before.get(name) != data}
    return _differs(_wanted(case["metadata_of_body"] or {}), written)


def _collection(case: dict[str, Any]) -> str:
    """The kinds of collections that a batch has: texts, numbers, dictionaries, times without a zone, bodies."""
    values = case["value"]
    field, name, convert = _COLLECTIONS.get(case["type"], (None, "", str))
    if field is None or not values or (field == "body" and None in values):
        return ""  # no message of Service Bus has it
    messages = [_plain(**{field: None if value is None else convert(value)}) for value in values]
    bodies, metadata = batch(messages, "BINARY")
    found = bodies if field == "body" else metadata[name]
    kind, expected = next(iter(case["typed_data"].items()))
    if kind == "json":
        return _differs(json.loads(expected), json.loads(found.value))
    (came,) = vars(found.value).values()
    return _differs(expected, [base64.b64encode(one).decode() if isinstance(one, bytes) else one for one in came])


def _plain(**fields: Any) -> BusMessage:
    return BusMessage(**{"body": b"x", "application_properties": {}, **fields})


def _trace(case: dict[str, Any]) -> str:
    message = _message({"properties": case["application_properties"]})
    for open_telemetry, name in ((False, "without_activity_source"), (True, "with_activity_source")):
        expected = (case[name]["trace_parent"], case[name]["trace_state"] or "")
        if message.trace(open_telemetry=open_telemetry) != expected:
            return f"{name}: expected {expected}, came {message.trace(open_telemetry=open_telemetry)}"
    return ""


_COLLECTIONS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "string[]": ("correlation_id", "CorrelationIdArray", str),
    "long[]": ("sequence_number", "SequenceNumberArray", int),
    "int[]": ("delivery_count", "DeliveryCountArray", int),
    "IDictionary[]": (
        "application_properties",
        "UserPropertiesArray",
        lambda given: {name: _property(value) for name, value in given.items()},
    ),
    "DateTime[] (no zone)": ("enqueued", "EnqueuedTimeUtcArray", lambda text: datetime.fromisoformat(text + "+00:00")),
    "byte[][]": ("body", "", base64.b64decode),
}

_CASES: dict[str, Callable[[dict[str, Any]], str]] = {
    "message": _one,
    "body over metadata": _body,
    "collection": _collection,
    "trace": _trace,
}
