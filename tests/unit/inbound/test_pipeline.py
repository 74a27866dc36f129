"""Messages that a pipeline sends itself, plain or inside .NET's serialisation."""

import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slipway.domain.events import RunReported
from slipway.domain.runs import Involvement, Trust
from slipway.inbound import BadInput, parse_run_message
from slipway.inbound.pipeline import unwrap
from tests.unit.inbound.samples import BUILD, DIGEST, NOTHING, NOW, RUN_MESSAGE, RUN_STATE, as_bytes, changed

WRAPPER = b"@\x06string\x083http://schemas.microsoft.com/2003/10/Serialization/"
END = b"\x01"
FORMS = {0x98: "<B", 0x99: "<B", 0x9A: "<H", 0x9B: "<H", 0x9C: "<I", 0x9D: "<I"}


def wrapped(text: bytes, record: int) -> bytes:
    return WRAPPER + bytes([record]) + struct.pack(FORMS[record], len(text)) + text + (END if record % 2 == 0 else b"")


def parse(message: Any) -> RunReported:
    return parse_run_message(as_bytes(message), now=NOW)


def test_a_message_names_the_run_and_its_image() -> None:
    event = parse(RUN_MESSAGE)
    assert (event.repository, event.digest, event.tag) == ("team/shop", DIGEST, "1.4.2")
    assert event.claims.succeeded
    assert (event.claims.organization, event.claims.project, event.claims.pipeline) == ("contoso", "shop", "shop-ci")
    assert (event.claims.id, event.claims.number, event.claims.branch) == (4711, "1.4.2", "refs/heads/main")
    assert event.claims.finished_at == datetime(2026, 11, 22, 21, 40, tzinfo=UTC)
    assert [(person.part, person.mail, person.trust) for person in event.claims.people] == [
        (Involvement.REQUESTER, "ada@contoso.com", Trust.CLAIMED)
    ]


@pytest.mark.parametrize("hook", [BUILD, RUN_STATE])
def test_an_event_of_azure_devops_own_is_refused_with_where_it_belongs(hook: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"go to the app's address, by a subscription of the kind Web Hooks") as refused:
        parse(hook)
    assert hook["eventType"] in str(refused.value)


def test_nothing_of_a_message_is_proved() -> None:
    claims = parse(RUN_MESSAGE).claims
    assert {fact.trust for fact in (claims.proof, claims.built, claims.behind)} == {Trust.NOT_PROVED}
    assert not claims.counts


def test_only_what_identifies_the_run_is_needed() -> None:
    needed = {k: RUN_MESSAGE[k] for k in ("type", "project", "pipeline", "runId", "runNumber", "result")}
    event = parse(needed)
    assert (event.repository, event.digest, event.tag, event.claims.finished_at) == (None, None, None, NOW)


@pytest.mark.parametrize(("ahead", "believed"), [(timedelta(minutes=4), True), (timedelta(days=900), False)])
def test_a_time_in_the_future_does_not_put_a_release_before_all_later_ones(ahead: timedelta, believed: bool) -> None:
    claimed_time = NOW + ahead
    event = parse(changed(RUN_MESSAGE, finishedAt=claimed_time.isoformat()))
    assert event.claims.finished_at == (claimed_time if believed else NOW)


@pytest.mark.parametrize("missing", ["digest", "tag"])
def test_an_image_may_be_named_by_tag_or_digest(missing: str) -> None:
    event = parse(changed(RUN_MESSAGE, **{f"image__{missing}": NOTHING}))
    assert getattr(event, missing) is None
    assert event.repository == "team/shop"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", "slipway.pipeline-completed/v2"),
        ("type", NOTHING),
        ("project", NOTHING),
        ("project", "x" * 257),
        ("pipeline", 7),
        ("runId", -1),
        ("runId", 2**63),
        ("runNumber", "x" * 257),
        ("result", "Done"),
        ("branch", "x" * 1025),
        ("commit", "x" * 129),
        ("requestedBy", "x" * 255),
        ("finishedAt", "yesterday"),
        ("finishedAt", "9999-12-31T23:59:59-12:00"),
        ("image", "team/shop:1.4.2"),
        ("image__repository", "Team/Shop"),
        ("image__digest", "sha256:short"),
        ("image__tag", "with space"),
    ],
)
def test_a_wrong_field_is_named_as_the_message_spells_it(field: str, value: Any) -> None:
    with pytest.raises(BadInput) as refused:
        parse(changed(RUN_MESSAGE, **{field: value}))
    assert refused.value.field == field.replace("__", ".")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://dev.azure.com.evil.example/", "https://ci.example/1"])
def test_the_address_of_the_run_is_made_from_its_ids_whatever_the_message_says(url: str) -> None:
    address = "https://dev.azure.com/contoso/shop/_build/results?buildId=4711"
    assert parse(changed(RUN_MESSAGE, url=url)).claims.url == address


@pytest.mark.parametrize(
    ("word", "result"),
    [
        ("Succeeded", "succeeded"),
        ("SUCCEEDED", "succeeded"),
        ("SucceededWithIssues", "partiallySucceeded"),
        ("Failed", "failed"),
        ("Canceled", "canceled"),
        ("Skipped", "failed"),
    ],
)
def test_the_words_of_the_pipeline_itself_are_understood(word: str, result: str) -> None:
    assert parse(changed(RUN_MESSAGE, result=word)).claims.result == result


@pytest.mark.parametrize("field", ["digest", "tag"])
def test_an_empty_digest_or_tag_counts_as_missing(field: str) -> None:
    assert getattr(parse(changed(RUN_MESSAGE, **{f"image__{field}": ""})), field) is None


@pytest.mark.parametrize("field", ["digest", "tag", "repository"])
def test_a_variable_that_was_not_set_is_named(field: str) -> None:
    with pytest.raises(BadInput, match=r"the variable imageThing is not set") as refused:
        parse(changed(RUN_MESSAGE, **{f"image__{field}": "$(imageThing)"}))
    assert refused.value.field == f"image.{field}"


@pytest.mark.parametrize("record", FORMS)
def test_the_wrapper_of_the_task_is_taken_off_in_every_form(record: int) -> None:
    text = as_bytes(RUN_MESSAGE) if FORMS[record] != "<B" else b'{"type": "x"}'
    assert unwrap(wrapped(text, record)) == text


def test_a_wrapped_message_means_the_same_as_a_plain_one() -> None:
    body = wrapped(as_bytes(RUN_MESSAGE), 0x9A)
    assert parse_run_message(body, now=NOW) == parse(RUN_MESSAGE)


@pytest.mark.parametrize(("record", "length"), [(0x98, 0x7B), (0x99, 0x7B), (0x9A, 0x7B7B), (0x9B, 0x7B01)])
def test_a_length_that_looks_like_an_opening_brace_is_not_a_beginning(record: int, length: int) -> None:
    text = b'{"pad":"' + b"x" * (length - 10) + b'"}'
    assert len(text) == length
    assert unwrap(wrapped(text, record)) == text


def test_text_beyond_ascii_is_counted_in_bytes() -> None:
    text = '{"name":"Grün 🚢"}'.encode()
    assert unwrap(wrapped(text, 0x99)) == text


def test_an_empty_text_is_not_json() -> None:
    with pytest.raises(BadInput, match=r"^body: expected JSON"):
        parse_run_message(wrapped(b"", 0x98), now=NOW)


@pytest.mark.parametrize("record", FORMS)
def test_every_cut_of_a_wrapped_message_is_refused(record: int) -> None:
    text = b'{"type":"slipway.pipeline-completed/v1"}'
    complete = wrapped(text, record).removesuffix(END)
    for end in range(len(complete)):
        with pytest.raises(BadInput, match=r"^body: expected "):
            parse_run_message(complete[:end], now=NOW)


@pytest.mark.parametrize("record", [0x00, 0x7B, 0x97, 0x9E, 0xA8, 0xFF])
def test_records_of_another_kind_are_refused(record: int) -> None:
    with pytest.raises(BadInput, match=rf"a text record inside the DataContract wrapper, got record {record:02x}"):
        unwrap(WRAPPER + bytes([record]) + b"\x02{}")


def test_a_length_of_four_gigabytes_is_refused_at_once() -> None:
    with pytest.raises(BadInput, match=r"a text of 4294967295 bytes, got 2 bytes"):
        unwrap(WRAPPER + b"\x9c\xff\xff\xff\xff{}")


def test_a_body_without_the_wrapper_stays_as_it_is() -> None:
    assert unwrap(b'{"a": 1}') == b'{"a": 1}'
    assert unwrap(WRAPPER[:-1]) == WRAPPER[:-1]
