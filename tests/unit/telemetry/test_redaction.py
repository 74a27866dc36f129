"""No secret leaves in a text, whatever is around it."""

import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.tokens import ApprovalClaims
from slipway.telemetry import Attribute, about, logs, span
from slipway.telemetry.names import Family
from slipway.telemetry.redaction import HIDDEN, LONGEST, redacted, traced
from tests.links import link_by
from tests.unit.telemetry.conftest import Recorder

TOKEN = link_by(
    {"local": b"k" * 32},
    ApprovalClaims(
        application="shop",
        release=1,
        environment="production",
        plan_hash="sha256:" + "a" * 64,
        approver="ada@example.com",
        expires_at=datetime(2030, 1, 1, tzinfo=UTC),
        opening=1,
    ),
)
SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
JWT = "eyJhbGciOiJSUzI1NiJ9eyJhbGc.eyJzdWIiOiJhZGEifQeyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlc2lnbmF0dXJl"
TEXTS = {
    "approval link": (f"GET https://slipway.example/approvals/{TOKEN} gave 500", TOKEN),
    "approval link's changes": (f"/approvals/{TOKEN}/changes?x=1", TOKEN),
    "token alone": (f"token {TOKEN}", TOKEN),
    "bearer": (f"Authorization: Bearer {JWT}", JWT),
    "basic": ("Authorization: Basic c2xpcHdheTpwYXNzd29yZC1vZi1ob29rcw==", "c2xpcHdheTpwYXNzd29yZC1vZi1ob29rcw"),
    "service bus": (f"Endpoint=sb://x/;SharedAccessKeyName=root;SharedAccessKey={SECRET}", SECRET),
    "storage": (f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={SECRET};EndpointSuffix=x", SECRET),
    "sas": ("https://a.blob.core.windows.net/c/b?sv=2024&sig=abc%2Bdef%3D&se=2030", "abc%2Bdef%3D"),
    "workflow": ("https://prod.logic.azure.com/workflows/1/triggers?sp=%2Ftriggers&sig=Zm9vYmFyYmF6", "Zm9vYmFyYmF6"),
    "function key": ("https://app.azurewebsites.net/runtime/webhooks/EventGrid?functionName=x&code=Zm9v==", "Zm9v=="),
    "header": (f"{{'x-functions-key': '{SECRET}'}}", SECRET),
    "json": (f'{{"client_secret": "{SECRET}"}}', SECRET),
    "address": ("https://user:hunter2hunter2@host/path", "hunter2hunter2"),
}


def fail(reason: str) -> None:
    raise RuntimeError(reason)


@pytest.mark.parametrize(("text", "secret"), TEXTS.values(), ids=TEXTS)
def test_a_secret_is_hidden(text: str, secret: str) -> None:
    assert secret in text
    redacted_text = redacted(text)
    assert secret not in redacted_text
    assert HIDDEN in redacted_text


@given(before=st.text(max_size=200), after=st.text(max_size=200))
def test_a_link_to_approve_is_hidden_whatever_is_around_it(before: str, after: str) -> None:
    signature = TOKEN.rpartition(".")[2]
    assert signature not in redacted(f"{before}/approvals/{TOKEN}{after}")


@pytest.mark.parametrize(
    "text",
    [
        "shop-482: deploy went wrong: the server answered 500",
        "image team/shop@sha256:" + "a" * 64,
        "contoso.azurecr.io/team/shop:1.2.3-rc.1",
        "slipway.releases.ended and slipway.inbound.azure_devops",
        "https://dev.azure.com/contoso/shop/_build/results?buildId=1",
    ],
)
def test_text_without_a_secret_stays_unchanged(text: str) -> None:
    assert redacted(text) == text


def test_a_text_is_cut_where_it_is_too_long_to_be_looked_through() -> None:
    assert len(redacted("x " * LONGEST)) == LONGEST + 1


def test_a_log_record_says_what_it_is_about_and_holds_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    logs.guard()
    matter = {Attribute.APPLICATION: "shop", Attribute.RELEASE: "shop-1", Attribute.STEP: "deploy"}
    with about(matter), caplog.at_level(logging.INFO):
        try:
            fail(f"no answer from /approvals/{TOKEN}")
        except RuntimeError:
            logging.getLogger("slipway.x").exception("went wrong at %s", f"https://x/approvals/{TOKEN}")
    [record] = caplog.records
    subject = {"application": "shop", "release": "shop-1", "environment": "", "step": "deploy"}
    assert {name: vars(record)[name] for name in subject} == subject
    assert TOKEN not in record.getMessage()
    assert TOKEN not in logging.Formatter().format(record)
    assert TOKEN not in str(logs.attributes(record))
    assert logs.attributes(record)["exception.type"] == "RuntimeError"


@pytest.mark.parametrize(
    "foreign", ["1\nI slipway: approved", "1\r\nx", "a\x00b", "a\x7fb", "\x1b[2Kx", "a\u202eb", "1\tb"]
)
def test_a_log_record_is_one_line_whatever_others_wrote_into_it(caplog: pytest.LogCaptureFixture, foreign: str) -> None:
    logs.guard()
    with caplog.at_level(logging.INFO):
        logging.getLogger("slipway.x").info("told of run %s of %s", foreign, "shop-ci")
        logging.getLogger("slipway.x").info("nothing to hide in %s", "shop-ci")
    foul, clean = caplog.records
    line = logging.Formatter().format(foul)
    assert line.isprintable()
    assert line.startswith("told of run ")
    assert (clean.msg, clean.args) == ("nothing to hide in %s", ("shop-ci",)), "tools group by the template"


def test_a_span_holds_no_secret_in_attributes_errors_or_traceback(recorder: Recorder) -> None:
    attributes = {Attribute.SERVICE: f"/approvals/{TOKEN}", Attribute.SERVER: f"Bearer {JWT}"}
    with pytest.raises(RuntimeError), span(Family.CHECK, "x", attributes):
        fail(f"Authorization: Bearer {JWT} at /approvals/{TOKEN}")
    [recorded] = recorder.spans
    text = recorded.to_json()
    assert not recorded.status.is_ok
    assert "RuntimeError" in text
    assert TOKEN not in text
    assert JWT not in text


def test_an_exception_with_a_circular_cause_is_logged() -> None:
    first, second = ValueError("one"), KeyError("two")
    first.__cause__, second.__cause__ = second, first
    assert traced(first).splitlines() == ["KeyError", "", "which led to:", "ValueError"]
