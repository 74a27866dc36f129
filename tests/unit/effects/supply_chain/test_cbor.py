"""The CBOR reader: what it accepts, and that it refuses everything that could be read in two ways."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.effects.supply_chain._cbor import MAX_DEPTH, MAX_ITEMS, Tagged, decode, encode_sig_structure
from slipway.effects.supply_chain._reading import Unproven
from tests.unit.effects.supply_chain.signing import Tag, cbor, head

SCALARS = st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=300)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.integers(-100, 100) | st.text(max_size=5), inner, max_size=5)
        | st.builds(Tag, st.integers(0, 2**32), inner)
    ),
    max_leaves=10,
)


def plain(value: Any) -> Any:
    """The value as the reader returns it."""
    if isinstance(value, Tag):
        return Tagged(value.tag, plain(value.value))
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def depth(value: Any) -> int:
    inner = (
        [value.value]
        if isinstance(value, Tag)
        else list(value.values())
        if isinstance(value, dict)
        else value
        if isinstance(value, list)
        else []
    )
    keys = 1 if isinstance(value, dict) and value else 0
    return 1 + max([keys, *(depth(item) for item in inner)], default=0)


@given(VALUES)
def test_an_encoded_value_is_decoded_to_the_same_value(value: Any) -> None:
    if depth(value) <= MAX_DEPTH:
        assert decode(cbor(value), "it") == plain(value)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_decoded_or_refused_without_a_crash(data: bytes) -> None:
    try:
        value = decode(data, "it")
    except Unproven:
        return
    assert isinstance(value, int | bytes | str | list | dict | Tagged | None)


@given(VALUES, st.integers(0, 10_000), st.integers(1, 255))
def test_altered_values_are_refused_or_read_as_something_else(value: Any, position: int, change: int) -> None:
    data = bytearray(cbor(value))
    data[position % len(data)] ^= change
    with suppress(Unproven):
        assert decode(bytes(data), "it") != plain(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x18\x17",
        b"\x19\x00\xff",
        b"\x1a\x00\x00\xff\xff",
        b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff",
        b"\x1c",
        b"\x5f\x41\x00\xff",
        b"\x7f\xff",
        b"\x9f\xff",
        b"\xbf\xff",
        b"\xf9\x00\x00",
        b"\xfb" + b"\x00" * 8,
        b"\xf7",
        b"\xe0",
        b"\xf8\x20",
        b"\xff",
        b"\x62\xff\xfe",
        b"\xa2\x01\x02\x01\x03",
        b"\xa1\x80\x01",
        b"\xa1\xf5\x01",
        b"\xa1\x40\x01",
        b"\x01\x01",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xd2",
        b"\xd2" * 100_000,
        b"\x81" * 100_000 + b"\x00",
    ],
    ids=lambda data: data[:6].hex(),
)
def test_ambiguous_or_malformed_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Unproven):
        decode(data, "it")


def test_a_map_with_more_items_than_an_envelope_has_is_refused() -> None:
    assert len(decode(head(4, MAX_ITEMS) + b"\x00" * MAX_ITEMS, "it")) == MAX_ITEMS
    with pytest.raises(Unproven, match="more than"):
        decode(head(4, MAX_ITEMS + 1) + b"\x00" * (MAX_ITEMS + 1), "it")


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 65_535, 65_536])
def test_the_structure_that_is_signed_is_written_as_cose_says(size: int) -> None:
    protected, payload = b"\xa0", b"p" * size
    assert encode_sig_structure(protected, payload) == cbor(["Signature1", protected, b"", payload])
