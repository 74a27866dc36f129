"""Whatever arrives, a parser answers with an event, `BadInput` or `Ignored`; and what it says is short and storable."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.inbound import (
    SIZE_LIMIT,
    BadInput,
    Ignored,
    parse_hook,
    parse_image_event,
    parse_run_message,
    read_json,
    registry_event,
)
from slipway.inbound.approval_message import LARGEST, parse_approval
from tests.examples import times
from tests.unit.inbound.samples import (
    BUILD,
    NOW,
    PUSH,
    RESOURCE_ID,
    RUN_MESSAGE,
    RUN_STATE,
    SOURCES,
    as_bytes,
)
from tests.unit.inbound.test_approval_message import CANCEL, TENANT, VOTE
from tests.unit.inbound.test_pipeline import FORMS, WRAPPER

PARSERS: dict[str, Callable[[bytes], object]] = {
    "event": lambda body: parse_image_event(body, SOURCES, now=NOW),
    "hook": lambda body: parse_hook(body, frozenset({"contoso"}), now=NOW),
    "run": lambda body: parse_run_message(body, now=NOW),
    "vote": lambda body: parse_approval(body, tenant=TENANT),
}
EVENT = {"type": "Microsoft.ContainerRegistry.ImagePushed", "source": RESOURCE_ID, "time": None, "data": PUSH}
SAMPLES: dict[str, list[Any]] = {
    "event": [EVENT],
    "hook": [BUILD, RUN_STATE],
    "run": [RUN_MESSAGE],
    "vote": [VOTE, CANCEL],
}
LIMITS = dict.fromkeys(PARSERS, SIZE_LIMIT) | {"vote": LARGEST}
every_parser = pytest.mark.parametrize("parser", PARSERS)

texts = st.text(st.characters(codec=None), max_size=30) | st.sampled_from(["\x00", "\ud800", "x" * 5000, "1e999", "🚢"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**310)
    | st.floats()
    | texts
    | st.datetimes().map(str)
    | st.sampled_from(["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+23:00"])
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))


def answer(parser: str, body: bytes) -> str:
    """Why the parser refuses the body; "" if it accepts it."""
    try:
        PARSERS[parser](body)
    except (BadInput, Ignored) as refusal:
        message = str(refusal)
        message.encode()
        assert len(message) < 700, message
        return message
    return ""


@every_parser
@times(2)
@given(body=st.binary(max_size=400))
def test_any_bytes_get_an_answer(parser: str, body: bytes) -> None:
    assert answer(parser, body)


@times(2)
@given(body=st.binary(max_size=60), record=st.sampled_from([*FORMS, 0]))
def test_any_bytes_inside_the_wrapper_get_an_answer(body: bytes, record: int) -> None:
    assert answer("run", WRAPPER + bytes([record]) + body)


@every_parser
@times(2)
@given(value=values)
def test_any_json_gets_an_answer(parser: str, value: Any) -> None:
    assert answer(parser, as_bytes(value))


@every_parser
@times(2)
@given(data=st.data())
def test_any_value_in_any_place_of_a_good_event_gets_an_answer(parser: str, data: st.DataObject) -> None:
    sample = json.loads(json.dumps(data.draw(st.sampled_from(SAMPLES[parser]))))
    place = sample
    while True:
        name = data.draw(st.sampled_from(sorted(place)))
        if isinstance(place[name], dict) and place[name] and data.draw(st.booleans()):
            place = place[name]
            continue
        place[name] = data.draw(values)
        break
    answer(parser, as_bytes(sample))


@times(2)
@given(type=values, source=values, data=values)
def test_any_event_can_be_kept_and_read_again(type: Any, source: Any, data: Any) -> None:
    answer("event", registry_event(type=type, source=source, time=None, data=data))


@every_parser
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"resource":', b'{"data":{"target":'])
def test_deep_nesting_is_refused_at_any_depth(parser: str, opening: bytes) -> None:
    for depth in (50, 500, 5_000, 50_000, 100_000):
        closing = b"]" if opening == b"[" else b"}" * opening.count(b"{")
        assert answer(parser, opening * depth + b"0" + closing * depth)
        assert answer(parser, opening * depth)


@pytest.mark.parametrize("field", ["eventType", "resource", "resourceContainers"])
def test_deep_nesting_inside_a_field_is_refused(field: str) -> None:
    nested = b"[" * 3_000 + b"]" * 3_000
    body = as_bytes(BUILD | {field: "HERE"}).replace(b'"HERE"', nested)
    assert answer("hook", body).startswith((field, "body: expected JSON that is not nested"))


@every_parser
def test_one_byte_more_than_the_limit_is_refused_before_it_is_read(parser: str) -> None:
    limit = LIMITS[parser]
    assert answer(parser, b" " * (limit + 1)) == f"body: expected at most {limit} bytes, got {limit + 1} bytes"


def test_a_body_of_exactly_the_limit_is_read() -> None:
    assert read_json(b"{}".ljust(SIZE_LIMIT)) == {}


@every_parser
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"NaN",
        b"[Infinity]",
        b'{"type": -Infinity}',
        b"9" * (sys.get_int_max_str_digits() + 1),
        b"1e99999",
        b'"\\ud800"',
        b"\xff\xfe\x00",
        b"\xed\xa0\x80",
        b'{"type": "\x00"}',
        b"null",
        b"'single'",
        b"[1,]",
        b'{"a": 1} trailing',
        b'"' + b"x" * 1_000_000 + b'"',
        b"{" + b",".join(b'"%d":1' % n for n in range(100_000)) + b"}",
    ],
)
def test_invalid_or_meaningless_json_is_refused_in_a_few_words(parser: str, body: bytes) -> None:
    assert 0 < len(answer(parser, body)) < 300


def test_an_endless_field_name_is_not_repeated() -> None:
    body = json.dumps(RUN_MESSAGE | {"image": {"repository": {"k" * 100_000: 1}}}).encode()
    assert answer("run", body).startswith("image.repository: expected ")


@pytest.mark.parametrize("again", [b', "result": "failed"}', b', "image": {"tag": "a", "tag": "b"}}'])
def test_a_field_that_comes_twice_is_refused_as_two_readers_could_see_two_values(again: bytes) -> None:
    body = as_bytes(RUN_MESSAGE)[:-1] + again
    assert answer("run", body).startswith("body: expected JSON in which no name occurs twice")


def test_a_byte_order_mark_does_no_harm() -> None:
    assert parse_run_message(b"\xef\xbb\xbf" + as_bytes(RUN_MESSAGE), now=NOW).claims.id == 4711
