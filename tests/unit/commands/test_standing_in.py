"""The way out of a gate that nobody can satisfy any more: two of the platform's people stand in, everybody who is asked
is told, and it takes effect a day later, unless one of them objects."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.answers import StatementState
from slipway.domain.identity import TokenPerson
from slipway.domain.inbox import InboxKind, InboxRow, Speaker, Via
from slipway.domain.proposing import ChangePhase, ProposedChange
from slipway.effects.notification import NotificationError
from slipway.ledger import keys
from slipway.ledger.table import Act, Write
from slipway.queries.answers import Reply
from slipway.testing.sign_in import person
from tests.confirming import OLGA as PROPOSES
from tests.unit.commands.live import Live
from tests.unit.commands.proposals import (
    ADA,
    BEN,
    EVE,
    REJECT,
    actions,
    broken_rules,
    change_of,
    guarded,
    messages,
    number,
    statement,
    trail,
    vote,
    vote_without_proof,
    weaken,
)
from tests.unit.commands.test_changes_by_message import rejection, send

PIA, PAUL = person(31, "Pia", "platform"), person(32, "Paul", "Slipway.Platform")
PETE = person(33, "Pete", "platform")
DAY = timedelta(hours=24)


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return guarded(tmp_path / "team")


def stand_in(live: Live, change: ProposedChange, who: TokenPerson, **fields: Any) -> Reply:
    return vote(live, change, who, **{"stands_in": True, "reason": "the team has gone", **fields})


def two_stand_in(live: Live, change: ProposedChange) -> ProposedChange:
    for who in (PIA, PAUL):
        assert stand_in(live, change, who).state is StatementState.COUNTED
    return change_of(live, change.hash)


def test_two_stand_ins_put_a_change_in_force_a_day_after_everybody_was_notified(live: Live) -> None:
    change = weaken(live)
    assert stand_in(live, change, PIA).state is StatementState.COUNTED
    assert change_of(live, change.hash).phase is ChangePhase.WAITING
    assert messages(live, "change-stood-in") == []
    assert stand_in(live, change, PAUL).state is StatementState.COUNTED
    assert change_of(live, change.hash).phase is ChangePhase.STOOD_IN
    (notice,) = [message for message in live.inbox.messages if message.notice == "change-stood-in"]
    assert "Object within a day" in notice.headline
    assert notice.lines[0] == f"Pia (oid:{PIA.oid}) of the platform's people stands in for you: the team has gone"
    assert notice.locate_url.endswith(f"/changes/{change.hash[7:]}")

    live.wait(DAY - timedelta(minutes=1))
    assert live.reconcile().problems == ()
    assert (change_of(live, change.hash).phase, number(live)) == (ChangePhase.STOOD_IN, 1)
    live.wait(timedelta(minutes=2))
    assert live.reconcile().problems == ()
    assert (change_of(live, change.hash).phase, number(live)) == (ChangePhase.IN_FORCE, 2)
    record = live.trail()[-1]
    assert record.details["stood_in"] == [f"oid:{PIA.oid}", f"oid:{PAUL.oid}"]
    assert record.details.get("voters") is None
    proofs = [record.proof for record in trail(live) if record.action == "change.stood-in"]
    assert len(set(proofs)) == 2
    assert None not in proofs
    assert "in force" in messages(live, "change-ended")[0]
    assert live.verify(keys.INSTALLATION).intact


@pytest.mark.parametrize(
    ("who", "fields", "rule"),
    [
        (EVE, {}, "stands-in-by-role"),
        (ADA, {}, "stands-in-by-role"),
        (PROPOSES, {}, "approver-did-not-propose-it"),
        (PIA, {"reason": " "}, "stand-in-has-a-reason"),
        (PIA, {"ago": timedelta(minutes=9)}, "sign-in-is-fresh"),
        (PIA, {"opening": 2}, "vote-is-for-this-opening"),
        (PIA, {"plan": "sha256:" + "0" * 64}, "vote-is-for-this-plan"),
    ],
    ids=["a stranger", "who is asked", "who proposed it", "no reason", "an old sign-in", "opening", "plan"],
)
def test_a_stand_in_that_does_not_count_is_refused_by_its_rule(
    live: Live, who: TokenPerson, fields: dict[str, Any], rule: str
) -> None:
    change = weaken(live)
    assert broken_rules(stand_in(live, change, who, **fields)) == [rule]
    assert change_of(live, change.hash).stand_ins == ()


def test_one_person_counts_as_one_stand_in(live: Live) -> None:
    change = weaken(live)
    stand_in(live, change, PIA)
    assert broken_rules(stand_in(live, change, PIA)) == ["one-vote-each"]
    live.wait(DAY)
    live.reconcile()
    assert (change_of(live, change.hash).phase, number(live)) == (ChangePhase.EXPIRED, 1)


def test_two_accounts_of_one_person_count_as_one_stand_in(tmp_path: Path) -> None:
    accounts = {PIA.oid: {"also": [f"oid:{PAUL.oid}"]}, PROPOSES.oid: {"also": [f"oid:{PETE.oid}"]}}
    live = guarded(tmp_path / "accounts", lambda live: live.edit(people=accounts))
    change = weaken(live)
    stand_in(live, change, PIA)
    assert broken_rules(stand_in(live, change, PAUL)) == ["one-vote-each"]
    assert broken_rules(stand_in(live, change, PETE)) == ["approver-did-not-propose-it"]
    assert change_of(live, change.hash).phase is ChangePhase.WAITING


def test_a_stand_in_is_not_a_vote_at_a_gate(live: Live) -> None:
    """Ada approves, and Pia stands in: that is one of two, and one of two."""
    change = weaken(live)
    vote(live, change, ADA)
    stand_in(live, change, PIA)
    assert (change_of(live, change.hash).phase, number(live)) == (ChangePhase.WAITING, 1)


@pytest.mark.parametrize("by", ["page", "proof", "message"])
def test_an_approver_stops_a_change_within_the_day_by_page_proof_or_message(live: Live, by: str) -> None:
    change = two_stand_in(live, weaken(live))
    live.wait(DAY - timedelta(minutes=5))
    if by == "page":
        assert vote_without_proof(live, change, ADA, REJECT).state is StatementState.COUNTED
    elif by == "proof":
        assert vote(live, change, BEN, REJECT).state is StatementState.COUNTED
    else:
        send(live, rejection(change, BEN))
    live.wait(DAY)
    live.reconcile()
    assert (change_of(live, change.hash).phase, number(live)) == (ChangePhase.REJECTED, 1)


def test_an_objection_still_unread_when_the_day_is_over_stops_the_change(live: Live) -> None:
    change = two_stand_in(live, weaken(live))
    live.wait(DAY + timedelta(minutes=1))
    speaker = Speaker(oid=ADA.oid, roles=ADA.roles, via=Via.PAGE)
    row = InboxRow(kind=InboxKind.VOTE, said=statement(change, REJECT), speaker=speaker)
    live.app.inbox_writer.say(keys.INSTALLATION, row)
    live.bus.raw.clear()
    live.app.enacting.settle(change.hash)
    assert (change_of(live, change.hash).phase, number(live)) == (ChangePhase.STOOD_IN, 1)
    live.wait(timedelta(minutes=1))
    live.reconcile()
    assert (change_of(live, change.hash).phase, number(live)) == (ChangePhase.REJECTED, 1)


def test_the_approvers_of_the_gates_may_still_approve_the_change_themselves(live: Live) -> None:
    change = two_stand_in(live, weaken(live))
    vote(live, change, ADA)
    vote(live, change, BEN)
    assert (change_of(live, change.hash).phase, number(live)) == (ChangePhase.IN_FORCE, 2)


def test_the_day_begins_when_the_last_channel_was_notified(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    change = weaken(live)
    send_it = live.inbox.send

    def away(message: object) -> None:
        raise NotificationError("channel inbox: no answer", retryable=True)

    monkeypatch.setattr(live.inbox, "send", away)
    two_stand_in(live, change)
    live.wait(timedelta(hours=30))
    live.reconcile()
    assert (change_of(live, change.hash).phase, number(live)) == (ChangePhase.STOOD_IN, 1)
    monkeypatch.setattr(live.inbox, "send", send_it)
    live.reconcile()
    live.wait(timedelta(hours=23))
    live.reconcile()
    assert number(live) == 1
    live.wait(timedelta(hours=2))
    live.reconcile()
    assert number(live) == 2


def test_a_row_that_says_two_stood_in_is_not_believed_without_the_records(live: Live) -> None:
    change = weaken(live)
    stand_in(live, change, PIA)
    stored = change_of(live, change.hash)
    forged = stored.evolve(phase=ChangePhase.STOOD_IN, stand_ins=stored.stand_ins * 2)
    columns = {"Data": forged.model_dump_json()}
    live.table.transact(keys.INSTALLATION, [Write(act=Act.PUT, key=keys.PROPOSED + change.hash[7:], values=columns)])
    live.wait(timedelta(hours=25))
    live.reconcile()
    latest = change_of(live, change.hash)
    assert (latest.phase, number(live)) == (ChangePhase.VOID, 1)
    assert "stand-ins-suffice: 1 of 2" in latest.why


@pytest.mark.parametrize("spoilt", ["gone", "changed", "another's"])
@pytest.mark.parametrize("action", ["change.proposed", "change.stood-in"])
def test_a_stored_proof_that_no_longer_holds_keeps_the_change_from_taking_effect(
    live: Live, action: str, spoilt: str
) -> None:
    change = two_stand_in(live, weaken(live))
    record = next(record for record in trail(live) if record.action == action)
    assert record.proof is not None
    documents: dict[str, bytes] = live.blobs.documents  # type: ignore[attr-defined] # the store in memory
    match spoilt:
        case "gone":
            del documents[record.proof]
        case "changed":
            documents[record.proof] = b"{}"
        case _:
            other_proof = next(entry.proof for entry in trail(live) if entry.proof and entry.proof != record.proof)
            documents[record.proof] = documents[other_proof]
    live.wait(timedelta(hours=25))
    live.reconcile()
    latest = change_of(live, change.hash)
    assert (latest.phase, number(live)) == (ChangePhase.VOID, 1)
    assert f"record {record.sequence}" in latest.why


def test_a_change_is_void_when_its_application_has_changed_meanwhile(live: Live) -> None:
    change = two_stand_in(live, weaken(live))
    live.edit_gate(required=2)
    live.edit_environment("staging", rollout_within="9m")
    live.apply()
    live.reconcile()
    assert (change_of(live, change.hash).phase, number(live)) == (ChangePhase.VOID, 2)


def test_each_act_of_standing_in_has_a_record(live: Live) -> None:
    two_stand_in(live, weaken(live))
    assert actions(live) == [
        "change.proposed",
        "change.told",
        "change.stood-in",
        "change.told",
        "change.stood-in",
        "change.told",
        "change.told",
    ]
