"""Whether a verified token proves a statement: the rules about time, at their limits."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.identity import IdToken, KeySet, TokenPerson
from slipway.domain.model import sha256
from slipway.domain.proof import AHEAD, OLDEST, TOLERANCE, KeptProof, Proof, hidden_until, judge_times
from slipway.domain.rules import Rule, not_passed
from slipway.testing.clock import MORNING

from .test_statement import VOTE

SECOND = timedelta(seconds=1)
FRESH = timedelta(minutes=5)
ADA = TokenPerson(tenant="t", oid="a", name="Ada", roles=(), groups=())


def token(
    *,
    issued: datetime = MORNING - timedelta(minutes=5),
    expires: datetime = MORNING + timedelta(hours=1),
    authenticated: datetime | None = MORNING,
) -> IdToken:
    return IdToken(
        person=ADA,
        audience="votes",
        nonce=VOTE.nonce,
        issued_at=issued,
        expires_at=expires,
        authenticated_at=authenticated,
        key_set=KeySet(content=b"{}"),
        kid="k1",
    )


def broken_rules(id_token: IdToken, fresh: timedelta | None = FRESH, at: datetime = MORNING) -> list[Rule]:
    return [result.rule for result in not_passed(judge_times(id_token, at, fresh))]


def test_a_sign_in_that_was_made_for_a_vote_proves_the_vote() -> None:
    assert broken_rules(token()) == []


@pytest.mark.parametrize(
    ("id_token", "rules"),
    [
        (token(issued=MORNING - OLDEST), []),
        (token(issued=MORNING - OLDEST - SECOND), [Rule.PROOF_IS_IN_TIME]),
        (token(issued=MORNING + AHEAD), []),
        (token(issued=MORNING + AHEAD + SECOND), [Rule.PROOF_IS_IN_TIME]),
        (token(expires=MORNING + SECOND), []),
        (token(expires=MORNING), [Rule.PROOF_IS_IN_TIME]),
        (token(authenticated=MORNING - FRESH - TOLERANCE), []),
        (token(authenticated=MORNING - FRESH - TOLERANCE - SECOND), [Rule.SIGN_IN_IS_FRESH]),
        (token(authenticated=None), [Rule.SIGN_IN_IS_FRESH]),
    ],
)
def test_each_limit_of_time_holds_to_the_second(id_token: IdToken, rules: list[Rule]) -> None:
    assert broken_rules(id_token) == rules


@pytest.mark.parametrize("authenticated", [None, MORNING - timedelta(days=30)])
def test_the_time_of_a_sign_in_does_not_matter_where_no_fresh_one_is_demanded(authenticated: datetime | None) -> None:
    assert broken_rules(token(authenticated=authenticated), None) == []


@given(st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_token_proves_nothing_once_it_is_older_than_the_limit(age: timedelta) -> None:
    """A token cannot be kept for later: ten minutes after its issue it is refused, even if everything else holds."""
    id_token = token(
        issued=MORNING, expires=MORNING + timedelta(days=1000), authenticated=MORNING + timedelta(days=999)
    )
    assert (Rule.PROOF_IS_IN_TIME in broken_rules(id_token, at=MORNING + age)) == (age > OLDEST)


def test_the_reason_for_refusing_an_old_sign_in_names_the_limit_and_its_time() -> None:
    (result,) = not_passed(judge_times(token(authenticated=MORNING - timedelta(hours=1)), MORNING, FRESH))
    assert result.reason == "a sign-in within the last 5 min is required, it was at 2026-11-23 07:00:00 UTC"


def test_a_kept_proof_is_named_by_its_canonical_bytes_and_shows_no_token() -> None:
    kept_proof = KeptProof(statement=VOTE, id_token="a.b.c", issuer="https://issuer.example", keys="sha256:" + "0" * 64)
    assert kept_proof.hash == sha256(kept_proof.canonical)
    assert VOTE.canonical in kept_proof.canonical
    assert KeptProof.model_validate_json(kept_proof.canonical) == kept_proof
    assert "a.b.c" not in repr(kept_proof)
    assert "a.b.c" not in repr(Proof(statement=VOTE, id_token="a.b.c"))


def kept_proof_with(payload: bytes) -> bytes:
    token = f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.e30"
    return KeptProof(statement=VOTE, id_token=token, issuer="i", keys="sha256:" + "0" * 64).canonical


def test_a_kept_proof_is_hidden_until_its_token_has_expired() -> None:
    assert hidden_until(kept_proof_with(b'{"exp":1795424400}')) == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert hidden_until(b'{"any": "other document"}') is None


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'{"exp":"soon"}', b'{"exp":1e300}', b'{"exp":' + b"9" * 40 + b"}"]
)
def test_a_proof_whose_end_nobody_can_read_stays_hidden(payload: bytes) -> None:
    until = hidden_until(kept_proof_with(payload))
    assert until is not None
    assert until.year == 9999
