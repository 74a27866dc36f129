"""The worker's own verification: which event a row with a proof becomes, what is stored, and which rows wait."""

import json
from datetime import timedelta
from typing import Any

import pytest

from slipway.domain.errors import Inconsistent
from slipway.domain.events import VoteCast
from slipway.domain.identity import CannotVerify, TokenPerson
from slipway.domain.inbox import InboxKind, InboxRow, Received, Speaker, Via
from slipway.domain.proof import KeptProof, Proof
from slipway.domain.statement import VoteStatement
from slipway.effects.identity import IdTokens
from slipway.engine.proving import Prover, repeated
from slipway.testing import MORNING, MemoryBlobs
from slipway.testing.identity import TENANT, MemoryIssuer, published_keys

CLIENT = "cccccccc-0000-4000-8000-000000000002"
ADA = TokenPerson(
    tenant=TENANT,
    oid="aaaaaaaa-0000-4000-8000-000000000001",
    name="Ada",
    roles=("shop-approvers",),
    groups=("eeeeeeee-0000-4000-8000-000000000001",),
)
MALLORYS_WORD = Speaker(oid="ffffffff-0000-4000-8000-00000000000f", roles=("platform",), via=Via.PAGE)
VOTE = VoteStatement.model_validate(
    {
        "installation": "here",
        "salt": "A" * 22,
        "application": "shop",
        "release": 1,
        "environment": "production",
        "attempt": 1,
        "opening": 1,
        "plan": "sha256:" + "a" * 64,
        "decision": "approve",
        "reason": "looks good",
    }
)


@pytest.fixture
def issuer() -> MemoryIssuer:
    return MemoryIssuer()


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def prover(issuer: MemoryIssuer, blobs: MemoryBlobs) -> Prover:
    return Prover(tokens=IdTokens(issuer, CLIENT), installation="here", evidence=blobs)


def row(token: str, statement: VoteStatement = VOTE) -> Received:
    proof = Proof(statement=statement, id_token=token)
    received = InboxRow(kind=InboxKind.VOTE, proof=proof, speaker=MALLORYS_WORD)
    return Received(id="0000000000000-0000000000000000", partition="shop", received_at=MORNING, row=received)


def signed(issuer: MemoryIssuer, **more: Any) -> str:
    return issuer.id_token(CLIENT, ADA, at=MORNING, **({"nonce": VOTE.nonce} | more))


def vote_of(event: VoteCast | CannotVerify) -> VoteCast:
    assert isinstance(event, VoteCast), event
    return event


def test_a_proof_becomes_the_vote_of_the_person_in_the_token_whatever_the_front_says(
    prover: Prover, issuer: MemoryIssuer
) -> None:
    vote = vote_of(prover.vote(row(signed(issuer))))
    assert (vote.voter, vote.name, vote.channel) == (f"oid:{ADA.oid}", "Ada", "page")
    assert vote.signed_in is not None
    assert (vote.signed_in.object_id, vote.signed_in.groups) == (ADA.oid, ADA.groups)
    assert (vote.plan_hash, vote.opening, vote.reason, vote.received_at) == (VOTE.plan, 1, "looks good", MORNING)
    assert vote.unproved == ""


def test_the_proof_is_kept_with_the_keys_that_verified_it(
    prover: Prover, issuer: MemoryIssuer, blobs: MemoryBlobs
) -> None:
    token = signed(issuer)
    vote = vote_of(prover.vote(row(token)))
    assert vote.proved is not None
    kept_proof = KeptProof.model_validate_json(blobs.documents[vote.proved.proof])
    assert (kept_proof.statement, kept_proof.id_token, kept_proof.issuer) == (VOTE, token, issuer.url)
    assert blobs.documents[kept_proof.keys] == published_keys("k1")
    assert json.loads(blobs.documents[vote.proved.proof])["statement"]["reason"] == "looks good"


def test_groups_that_the_token_only_points_to_do_not_count(prover: Prover, issuer: MemoryIssuer) -> None:
    vote = vote_of(prover.vote(row(signed(issuer, groups=None, _claim_names={"groups": "src1"}))))
    assert vote.signed_in is not None
    assert vote.signed_in.groups == ()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"aud": "cccccccc-0000-4000-8000-000000000001"}, "somebody else"),
        ({"tid": "22222222-2222-4222-8222-222222222222"}, "another tenant"),
        ({"exp": int(MORNING.timestamp())}, "expired"),
        ({"iat": int((MORNING + timedelta(minutes=2)).timestamp())}, "from the future"),
    ],
)
def test_a_proof_that_does_not_hold_is_a_vote_that_says_so_and_is_not_kept(
    prover: Prover, issuer: MemoryIssuer, blobs: MemoryBlobs, more: dict[str, Any], reason: str
) -> None:
    vote = vote_of(prover.vote(row(signed(issuer, **more))))
    assert reason in vote.unproved
    assert (vote.proved, vote.signed_in, vote.voter) == (None, None, f"oid:{MALLORYS_WORD.oid}")
    assert blobs.documents == {}


@pytest.mark.parametrize(
    "field", [name for name in VoteStatement.model_fields if name not in ("v", "kind", "installation")]
)
def test_a_change_of_any_field_of_the_statement_changes_its_nonce(
    prover: Prover, issuer: MemoryIssuer, field: str
) -> None:
    other_values: dict[str, object] = {
        "salt": "B" * 22,
        "application": "cart",
        "environment": "staging",
        "plan": "sha256:" + "b" * 64,
    }
    other_values |= {"decision": "reject", "reason": "", "release": 2, "attempt": 2, "opening": 2}
    vote = vote_of(prover.vote(row(signed(issuer), VOTE.evolve(**{field: other_values[field]}))))
    assert "nonce" in vote.unproved


def test_a_vote_addressed_to_another_installation_does_not_count(prover: Prover, issuer: MemoryIssuer) -> None:
    elsewhere = VOTE.evolve(installation="there")
    vote = vote_of(prover.vote(row(signed(issuer, nonce=elsewhere.nonce), elsewhere)))
    assert vote.unproved == "it is addressed to the installation there, this is here"


def test_a_proof_that_nobody_can_verify_waits_and_counts_later(prover: Prover, issuer: MemoryIssuer) -> None:
    waiting = row(signed(issuer))
    issuer.away = True
    assert isinstance(prover.vote(waiting), CannotVerify)
    issuer.away = False
    assert vote_of(prover.vote(waiting)).proved is not None


def test_a_repeated_statement_is_not_proved(issuer: MemoryIssuer) -> None:
    assert repeated(row(signed(issuer))).unproved == "its statement was already counted"


def test_a_row_without_a_proof_is_an_error_for_the_prover(prover: Prover) -> None:
    without_proof = Received(
        id="0000000000000-0000000000000000",
        partition="shop",
        received_at=MORNING,
        row=InboxRow(kind=InboxKind.VOTE, said=VOTE, speaker=MALLORYS_WORD),
    )
    with pytest.raises(Inconsistent):
        prover.vote(without_proof)
