"""Messages of the queues `work` and `steps` are trusted by their MAC alone."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.envelopes import EnvelopeRefused, Envelopes
from slipway.domain.model import canonical
from slipway.domain.queues import Queue
from slipway.domain.signing import FixedKeys
from slipway.domain.steps import Outgoing
from slipway.testing.clock import MORNING

OLD, NEW = b"o" * 32, b"n" * 32
BEFORE, BOTH, AFTER = (
    Envelopes(source=FixedKeys(keys)) for keys in ({"old": OLD}, {"new": NEW, "old": OLD}, {"new": NEW})
)
STEP = Outgoing(queue=Queue.STEPS, id="m-1", body={"kind": "deploy", "release": 1}, not_before=MORNING)


def sealed(by: Envelopes = BOTH, message: Outgoing = STEP) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(by.seal(message, now=MORNING))
    return content


def test_a_sealed_message_can_be_opened() -> None:
    assert BOTH.open(Queue.STEPS, sealed()) == STEP.body


def test_an_older_key_still_opens_messages_and_a_removed_key_does_not() -> None:
    assert sealed(BOTH)["kid"] == "new"
    assert BOTH.open(Queue.STEPS, sealed(BEFORE)) == STEP.body
    with pytest.raises(EnvelopeRefused, match="the key 'old', which is gone"):
        AFTER.open(Queue.STEPS, sealed(BEFORE))


@pytest.mark.parametrize("field", ["v", "kid", "queue", "id", "purpose", "sent_at", "not_before", "body", "mac"])
def test_an_envelope_with_a_changed_or_missing_field_is_refused(field: str) -> None:
    changes: dict[str, Any] = {
        "v": 2,
        "kid": "old",
        "queue": "work",
        "id": "m-2",
        "purpose": "decision",
        "sent_at": (MORNING + timedelta(seconds=1)).isoformat(),
        "not_before": None,
        "body": {"kind": "deploy", "release": 2},
        "mac": "A" * 43,
    }
    with pytest.raises(EnvelopeRefused):
        BOTH.open(Queue.STEPS, sealed() | {field: changes[field]})
    incomplete = {name: value for name, value in sealed().items() if name != field}
    if field not in ("v", "not_before"):
        with pytest.raises(EnvelopeRefused):
            BOTH.open(Queue.STEPS, incomplete)


def test_a_genuine_message_of_one_queue_is_refused_in_the_other() -> None:
    with pytest.raises(EnvelopeRefused, match="a step for the queue steps, and came by work"):
        BOTH.open(Queue.WORK, sealed())


@pytest.mark.parametrize("content", [None, [], "x", 7, {}, {"kind": "deploy"}, {"v": 1, "body": {}}])
def test_content_that_is_not_an_envelope_is_refused_with_the_reason(content: Any) -> None:
    with pytest.raises(EnvelopeRefused, match="expected an envelope of the worker"):
        BOTH.open(Queue.STEPS, content)


def test_the_mac_is_what_the_standards_say() -> None:
    """HKDF-SHA-256 and HMAC, computed independently of the product."""
    content = sealed(AFTER)
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"slipway message v1").derive(NEW)
    covered = canonical({name: value for name, value in content.items() if name != "mac"})
    expected = base64.urlsafe_b64encode(hmac.digest(key, covered, hashlib.sha256)).decode().rstrip("=")
    assert content["mac"] == expected


@given(st.dictionaries(st.text(max_size=8), st.one_of(st.integers(-(2**53) + 1, 2**53 - 1), st.text(max_size=20))))
def test_any_body_reads_back_unchanged(body: dict[str, Any]) -> None:
    try:
        content = sealed(message=STEP.evolve(body=body))
    except ValueError:  # a lone surrogate has no canonical form
        return
    assert BOTH.open(Queue.STEPS, content) == body
