"""A vote with a proof, from the inbox to the trail: counted once, refused in a record, or left until it is verified."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.commands.taking import LONGEST, InboxReader
from slipway.domain.answers import StatementState
from slipway.domain.errors import NotFound
from slipway.domain.identity import TokenPerson
from slipway.domain.inbox import InboxKind, InboxRow, Speaker, Via
from slipway.domain.proof import Proof
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.statement import VoteStatement
from slipway.effects.identity import IdTokens
from slipway.engine.proving import Prover
from slipway.ledger import keys
from slipway.ledger.pruning import prune_answers
from slipway.testing import Installation, write_application
from slipway.testing.applications import APPLICATION
from slipway.testing.identity import LIFE, TENANT, MemoryIssuer
from tests.beginnings import begun

CLIENT = "cccccccc-0000-4000-8000-000000000002"
ADA_OID = "aaaaaaaa-0000-4000-8000-000000000001"
ADA = TokenPerson(tenant=TENANT, oid=ADA_OID, name="Ada", roles=(), groups=())
GRACE = replace(ADA, oid="aaaaaaaa-0000-4000-8000-000000000003", name="Grace")
FRONT = Speaker(oid=ADA_OID, via=Via.PAGE)


def waiting_for_ada(folder: Path) -> Installation:
    write_application(folder, text=APPLICATION.replace("ada@example.com", f"oid:{ADA_OID}"))
    installation = Installation(folder)
    installation.push("1.0")
    installation.settle()
    assert installation.release(1).phase is Phase.AWAITING_APPROVAL
    return installation


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    return begun(waiting_for_ada, tmp_path)


@pytest.fixture
def issuer() -> MemoryIssuer:
    return MemoryIssuer()


@pytest.fixture
def reader(home: Installation, issuer: MemoryIssuer) -> InboxReader:
    prover = Prover(tokens=IdTokens(issuer, CLIENT), installation="here", evidence=home.blobs)
    voting = replace(home.app.voting, prover=prover)
    return replace(home.app.inbox_reader, handlers={InboxKind.VOTE: voting.take})


@pytest.fixture
def say(home: Installation, issuer: MemoryIssuer) -> Callable[..., str]:
    """Add a row as the front would; returns its id."""

    def added(person: TokenPerson = ADA, *, id: str = "", claims: dict[str, Any] | None = None, **changed: Any) -> str:
        release = home.release(1)
        assert release.gate is not None
        fields = {
            "installation": "here",
            "salt": "A" * 22,
            "application": "shop",
            "release": 1,
            "environment": release.environment,
            "attempt": release.attempt,
            "opening": release.gate.opening,
            "plan": release.plan_hash,
            "decision": "approve",
        }
        statement = VoteStatement.model_validate(fields | changed)
        token = issuer.id_token(CLIENT, person, at=home.now, **({"nonce": statement.nonce} | (claims or {})))
        row = InboxRow(kind=InboxKind.VOTE, proof=Proof(statement=statement, id_token=token), speaker=FRONT)
        return home.app.inbox_writer.say("shop", row, id=id).id

    return added


def state(home: Installation, id: str) -> StatementState:
    return home.app.answers.reply("shop", id).state


def test_a_proved_vote_passes_the_gate_and_names_its_proof(
    home: Installation, reader: InboxReader, say: Callable[..., str]
) -> None:
    id = say()
    assert state(home, id) is StatementState.RECEIVED
    reader.take("shop", id)
    assert state(home, id) is StatementState.COUNTED
    assert home.release(1).phase is Phase.COPYING
    gate = home.release(1).gate
    assert gate is not None
    (vote,) = gate.votes
    assert vote.proof is not None
    assert home.blobs.get(vote.proof) is not None
    assert list(home.inbox_table.everything(limit=10)) == []
    (record,) = [record for record in home.trail() if record.action == "vote.approved"]
    assert (record.inbox, record.proof, record.received_at) == (id, vote.proof, home.now)
    with pytest.raises(NotFound, match="shown once its token has expired"):
        home.app.reader.evidence(vote.proof)
    home.wait(LIFE)
    assert home.app.reader.evidence(vote.proof) == home.blobs.get(vote.proof)


def test_the_vote_of_somebody_who_is_not_asked_is_refused_and_answered(
    home: Installation, reader: InboxReader, say: Callable[..., str]
) -> None:
    id = say(GRACE)
    reader.take("shop", id)
    reply = home.app.answers.reply("shop", id)
    assert reply.state is StatementState.REFUSED
    assert reply.answered is not None
    assert [rule.name for rule in reply.answered.rules] == ["approver-is-listed"]


def test_a_forged_proof_is_refused_in_a_record_by_slipway_on_behalf_of_the_voter(
    home: Installation, reader: InboxReader, say: Callable[..., str]
) -> None:
    id = say(claims={"nonce": "of something else"})
    reader.take("shop", id)
    assert state(home, id) is StatementState.REFUSED
    (record,) = [record for record in home.trail() if record.action == "vote.refused"]
    assert (record.actor, record.details["on_behalf_of"]) == ("slipway", f"oid:{ADA_OID}")
    assert home.release(1).phase is Phase.AWAITING_APPROVAL


def test_one_statement_in_two_rows_counts_once_and_both_are_answered(
    home: Installation, reader: InboxReader, say: Callable[..., str]
) -> None:
    first, second = say(decision="reject", reason="no"), say(decision="reject", reason="no")
    reader.take("shop", first)
    reader.take("shop", second)
    assert (state(home, first), state(home, second)) == (StatementState.COUNTED, StatementState.REFUSED)
    assert len([record for record in home.trail() if record.action == "vote.rejected"]) == 1


def test_with_the_issuer_gone_a_vote_is_neither_counted_nor_lost(
    home: Installation, reader: InboxReader, say: Callable[..., str], issuer: MemoryIssuer
) -> None:
    id = say()
    issuer.away = True
    reader.take("shop", id)
    home.wait(timedelta(hours=1))
    assert reader.take_all() == ()
    assert state(home, id) is StatementState.RECEIVED
    assert home.app.answers.reply("shop", id).waits_for.startswith("the vote cannot be verified yet")
    assert home.release(1).phase is Phase.AWAITING_APPROVAL
    issuer.away = False
    reader.take_all()
    assert state(home, id) is StatementState.COUNTED
    assert home.app.answers.reply("shop", id).waits_for == ""


def test_the_reason_why_a_row_waits_is_noted_once_and_pruned_with_its_answer(
    home: Installation, reader: InboxReader, say: Callable[..., str], issuer: MemoryIssuer
) -> None:
    id = say()
    issuer.away = True
    reader.take("shop", id)
    row = home.app.table.get("shop", keys.waits(id))
    reader.take("shop", id)
    assert home.app.table.get("shop", keys.waits(id)) == row
    prune_answers(home.app.table, "shop", home.now + timedelta(days=1))
    assert home.app.table.get("shop", keys.waits(id)) is None


def test_after_a_day_a_vote_that_nobody_could_verify_is_parked_without_its_token(
    home: Installation, reader: InboxReader, say: Callable[..., str], issuer: MemoryIssuer
) -> None:
    id = say()
    issuer.away = True
    home.wait(LONGEST)
    reader.take_all()
    reply = home.app.answers.reply("shop", id)
    assert reply.state is StatementState.PARKED
    assert "cannot be verified yet" in reply.reason
    (parked,) = home.app.parking.installation.all_parked()
    assert "id_token" not in parked.body


def test_a_token_that_was_kept_back_for_a_while_does_not_count(
    home: Installation, reader: InboxReader, say: Callable[..., str]
) -> None:
    """Only the time at which the table took the row counts."""
    id = say(claims={"iat": int((home.now - timedelta(minutes=11)).timestamp())})
    reader.take("shop", id)
    reply = home.app.answers.reply("shop", id)
    assert reply.answered is not None
    assert [rule.name for rule in reply.answered.rules] == ["proof-is-in-time"]


def test_a_vote_about_another_application_is_parked(
    home: Installation, reader: InboxReader, say: Callable[..., str]
) -> None:
    id = say(application="cart")
    reader.take("shop", id)
    assert state(home, id) is StatementState.PARKED


def test_a_vote_on_no_release_is_parked_with_the_reason(
    home: Installation, reader: InboxReader, say: Callable[..., str]
) -> None:
    id = say(release=99)
    reader.take("shop", id)
    assert home.app.answers.reply("shop", id).reason == "there is no shop-99"


# ---- what is only said
def test_a_rejection_needs_no_proof_and_is_recorded_without_one(home: Installation, reader: InboxReader) -> None:
    release = home.release(1)
    statement = VoteStatement(
        installation="here",
        salt="A" * 22,
        application="shop",
        release=1,
        environment="production",
        attempt=release.attempt,
        opening=1,
        plan=release.plan_hash or "",
        decision=VoteDecision.REJECT,
        reason="not today",
    )
    id = home.app.inbox_writer.say("shop", InboxRow(kind=InboxKind.VOTE, said=statement, speaker=FRONT)).id
    reader.take("shop", id)
    assert home.release(1).phase is Phase.REJECTED
    (record,) = [record for record in home.trail() if record.action == "vote.rejected"]
    assert (record.actor, record.inbox, record.proof) == (f"oid:{ADA_OID}", id, None)


def test_an_approval_without_a_proof_is_parked_and_passes_no_gate(home: Installation, reader: InboxReader) -> None:
    release = home.release(1)
    statement = VoteStatement(
        installation="here",
        salt="A" * 22,
        application="shop",
        release=1,
        environment="production",
        attempt=release.attempt,
        opening=1,
        plan=release.plan_hash or "",
        decision=VoteDecision.APPROVE,
    )
    id = home.app.inbox_writer.say("shop", InboxRow(kind=InboxKind.VOTE, said=statement, speaker=FRONT)).id
    reader.take("shop", id)
    assert state(home, id) is StatementState.PARKED
    assert home.release(1).phase is Phase.AWAITING_APPROVAL
