"""AMQP as bytes: values keep their types, messages keep their bytes, and nonsense is refused as such."""

import random
import uuid
from typing import Any

import pytest

from local.servicebus.queues.testing import encoded_message, message
from local.servicebus.wire.decode import decode, skip
from local.servicebus.wire.encode import encode
from local.servicebus.wire.frames import EMPTY_FRAME, SASL_HEADER, Frame, FrameReader, Performative, build
from local.servicebus.wire.message import Message
from local.servicebus.wire.types import (
    Array,
    Byte,
    DecodeError,
    Described,
    Float,
    Int,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
)

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -(2**63),
    UByte(255),
    UShort(65535),
    UInt(0),
    UInt(200),
    UInt(2**32 - 1),
    ULong(0),
    ULong(200),
    ULong(2**64 - 1),
    Byte(-1),
    Short(-2),
    Int(-3),
    Timestamp(1_800_000_000_000),
    Float(1.5),
    2.5,
    uuid.UUID(int=7),
    "",
    "ü" * 200,
    Symbol("com.microsoft:x"),
    b"",
    b"x" * 300,
    [],
    [1, [2, "three"], None],
    list(range(300)),
    {Symbol("a"): 1, "b": {"c": [b""]}},
    Array([1, 2, 3]),
    Array([Timestamp(5)], constructor=0x83),
    Array(["a", "b" * 300], constructor=0xB1),
    Described(ULong(0x24), []),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}-{value!r:.20}")
def test_a_value_keeps_its_type_and_content(value: Any) -> None:
    encoded = encode(value)
    decoded, end = decode(encoded)
    assert (decoded, type(decoded)) == (value, type(value))
    assert end == len(encoded) == skip(encoded, 0)


def test_types_that_are_only_passed_on_keep_their_bytes() -> None:
    decimal = b"\x94" + bytes(range(16))
    decoded, end = decode(decimal)
    assert (encode(decoded), end) == (decimal, 17)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"",
        b"\x00",
        b"\xa1\x05abc",
        b"\xa1\x01\xff",
        b"\xb0\xff\xff\xff\xffx",
        b"\xc0\x02\xff",
        b"\xf0\x00\x00\x00\x09\xff\xff\xff\xff\x40",
        b"\x3f",
        b"\x00" * 5000,
        b"\xc1\x05\x02\x45\x40\x40\x40",
    ],
    ids=lambda nonsense: nonsense[:6].hex() or "empty",
)
def test_nonsense_is_refused(nonsense: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(nonsense)


def test_random_changes_to_a_message_are_read_or_refused_but_nothing_else() -> None:
    chance = random.Random(7)
    original = encoded_message(message_id="1", session_id="a", time_to_live=5, scheduled_for=9, application={"a": 1})
    refused = 0
    for _ in range(3000):
        changed = bytearray(original)
        changed[chance.randrange(len(changed))] = chance.randrange(256)
        try:
            parsed = Message.parse(bytes(changed[: chance.randrange(1, len(changed) + 1)]))
            _ = (parsed.time_to_live, parsed.scheduled_for, parsed.session_id, parsed.application)
        except DecodeError:
            refused += 1
    assert 0 < refused < 3000


def test_a_message_keeps_the_sections_that_nobody_changed() -> None:
    original = message("body", message_id="1", application={"a": 1})
    changed = original.with_application({"b": "two"})
    rendered = Message.parse(changed.render(delivery_count=3, annotations={Symbol("x-opt-n"): 9}))
    assert rendered.body == original.body
    assert rendered.encoded_properties == original.encoded_properties
    assert rendered.application == {"a": 1, "b": "two"}
    assert rendered.annotations == {"x-opt-n": 9}
    assert rendered.header[4] == 3
    assert changed.size == original.size + len(changed.encoded_application) - len(original.encoded_application)


def test_frames_are_found_however_the_stream_is_cut() -> None:
    stream = SASL_HEADER + EMPTY_FRAME + build(3, Performative.TRANSFER, [UInt(1)], payload=b"data") + SASL_HEADER
    for size in range(1, len(stream) + 1):
        reader = FrameReader()
        parts = [part for at in range(0, len(stream), size) for part in reader.feed(stream[at : at + size])]
        header, frame, last = parts
        assert (header, last) == (SASL_HEADER, SASL_HEADER)
        assert isinstance(frame, Frame)
        assert (frame.channel, frame.performative, frame.payload) == (3, Performative.TRANSFER, b"data")
        assert frame.fields.number(0) == 1


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (b"\xff\xff\xff\xff\x02\x00\x00\x00", "at most 65536"),
        (b"\x00\x00\x00\x04\x02\x00\x00\x00", "at most 65536"),
        (b"\x00\x00\x00\x09\x02\x07\x00\x00\x40", "type 7"),
        (b"\x00\x00\x00\x09\x02\x00\x00\x00\x40", "performative"),
        (b"\x00\x00\x00\x0c\x02\x00\x00\x00\x00\x53\x77\x45", "performative"),
    ],
)
def test_a_malformed_frame_is_refused(frame: bytes, problem: str) -> None:
    with pytest.raises(DecodeError, match=problem):
        list(FrameReader().feed(frame))


def test_a_field_of_the_wrong_type_is_named() -> None:
    (frame,) = FrameReader().feed(build(0, Performative.FLOW, ["many"]))
    assert isinstance(frame, Frame)
    with pytest.raises(DecodeError, match="flow, field 0: expected int, got str"):
        frame.fields.number(0)
    with pytest.raises(DecodeError, match="flow, field 5: expected a number, got nothing"):
        frame.fields.number(5)
