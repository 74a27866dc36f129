"""Rows of the inbox and challenges: what the front writes, and what a row may not hold together."""

import json
from datetime import timedelta

import pytest
from pydantic import ValidationError

from slipway.domain.challenge import LIFE, Challenge, browser_hash, challenge_key
from slipway.domain.inbox import InboxKind, InboxRow, Look, LookKind, Speaker, Via, inbox_id, is_inbox_id
from slipway.domain.proof import Proof
from slipway.testing.clock import MORNING

from .test_statement import VOTE

ADA = Speaker(oid="AAAAAAAA-0000-4000-8000-000000000001", via=Via.PAGE)
LOOK = Look(kind=LookKind.DOCTOR, subject="table")
PROOF = Proof(statement=VOTE, id_token="a.b.c")


def test_a_row_names_its_speaker_as_from_and_reads_back_unchanged() -> None:
    row = InboxRow(kind=InboxKind.VOTE, proof=PROOF, speaker=ADA)
    encoded = row.model_dump_json()
    assert json.loads(encoded)["from"]["oid"] == "aaaaaaaa-0000-4000-8000-000000000001"
    assert InboxRow.model_validate_json(encoded) == row
    assert row.statement == VOTE


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": InboxKind.VOTE, "proof": PROOF, "said": VOTE},
        {"kind": InboxKind.COMMAND, "said": VOTE},
        {"kind": InboxKind.VOTE},
        {"kind": InboxKind.LOOK, "said": VOTE},
        {"kind": InboxKind.LOOK},
        {"kind": InboxKind.VOTE, "said": VOTE, "look": LOOK},
        {"kind": InboxKind.COMMAND, "look": LOOK},
    ],
)
def test_a_row_without_exactly_one_content_of_its_kind_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="expected"):
        InboxRow.model_validate({**fields, "speaker": ADA})


def test_ids_lie_in_the_order_of_time() -> None:
    earlier, later = (inbox_id(MORNING + timedelta(milliseconds=milliseconds), bytes(8)) for milliseconds in (0, 1))
    assert earlier < later
    assert is_inbox_id(earlier)
    assert not is_inbox_id(earlier + "\n")
    with pytest.raises(ValueError, match="8 random bytes"):
        inbox_id(MORNING, b"")


def test_a_challenge_is_good_for_a_quarter_of_an_hour_and_shows_no_verifier() -> None:
    ada = "aaaaaaaa-0000-4000-8000-000000000001"
    challenge = Challenge(statement=VOTE, browser=browser_hash("b"), person=ada, verifier="v" * 43, made_at=MORNING)
    assert challenge.in_time(MORNING + LIFE - timedelta(seconds=1))
    assert not challenge.in_time(MORNING + LIFE)
    assert "v" * 43 not in repr(challenge)


@pytest.mark.parametrize("state", ["s", "\ud83d", "x" * 10_000, "../a"])
def test_any_state_has_a_key_and_the_key_does_not_show_it(state: str) -> None:
    assert len(challenge_key(state)) == 64
    assert challenge_key(state) != challenge_key(state + "s")
