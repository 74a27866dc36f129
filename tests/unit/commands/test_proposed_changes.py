"""A change that weakens production gates is voted on by the approvers of those gates, under the rules in force."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.answers import StatementState
from slipway.domain.proposing import ChangePhase, ProposedChange, hash_of_changes
from slipway.domain.versions import Subject, SubjectKind
from slipway.effects.notification import NotificationError
from slipway.ledger import keys
from slipway.ledger.table import Act, Write
from slipway.queries.answers import Reply
from slipway.testing import MemoryBlobs, write_application
from slipway.testing.sign_in import person
from tests.confirming import OLGA as SIGNS_IN
from tests.confirming import proof_of, say_proved
from tests.unit.commands.live import Live
from tests.unit.commands.proposals import (
    ADA,
    APPROVE,
    BEN,
    CLEO,
    EVE,
    REJECT,
    actions,
    broken_rules,
    change_of,
    guarded,
    messages,
    number,
    propose,
    statement,
    trail,
    vote,
    vote_without_proof,
    weaken,
)


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return guarded(tmp_path / "team")


# ---- from the proposal to the version in force
def test_a_weaker_gate_takes_effect_once_the_approvers_of_the_old_gate_approve(live: Live) -> None:
    change = weaken(live)
    assert (change.phase, number(live)) == (ChangePhase.WAITING, 1)
    assert vote(live, change, ADA).answered is not None
    assert number(live) == 1
    last = vote(live, change, BEN)
    assert last.state is StatementState.COUNTED

    assert change_of(live, change.hash).phase is ChangePhase.IN_FORCE
    assert number(live) == 2
    assert actions(live) == [
        "change.proposed",
        "change.told",
        "change.voted",
        "change.told",
        "change.voted",
        "change.passed",
        "change.in-force",
        "change.told",
        "change.told",
    ]
    record = live.trail()[-1]
    assert record.action == "application.applied"
    assert record.actor == f"oid:{SIGNS_IN.oid}"
    assert record.details["change"] == change.hash
    assert record.details["voters"] == [f"oid:{ADA.oid}", f"oid:{BEN.oid}"]
    assert record.proof == change.proof
    assert live.verify().intact
    assert live.verify(keys.INSTALLATION).intact


def test_votes_on_a_change_are_judged_by_the_rules_in_force_and_not_by_the_proposed_ones(live: Live) -> None:
    """One approval would be enough by the new gate, and Eve would be asked by it."""
    live.edit_gate(required=1, approvers=["role:shop-approvers", f"oid:{EVE.oid}"])
    change = propose(live)
    assert broken_rules(vote(live, change, EVE)) == ["approver-is-listed"]
    vote(live, change, ADA)
    assert change_of(live, change.hash).phase is ChangePhase.WAITING


def test_people_are_notified_of_what_a_change_weakens_and_how_it_ended(live: Live) -> None:
    change = weaken(live)
    (notice,) = [message for message in live.inbox.messages if message.notice == "change-proposed"]
    assert notice.release_url.endswith(f"/changes/{change.hash[7:]}")
    assert notice.lines == ("application:shop: production (production/shop): gate: required: 1 instead of 2",)
    assert notice.deadline == change.deadline
    vote(live, change, CLEO, REJECT)
    (end,) = messages(live, "change-ended")
    assert "rejected: no" in end
    live.reconcile()
    assert len(messages(live, "change-ended")) == 1
    assert live.app.proposals.undecided().read == ()


def test_a_change_whose_plan_was_tampered_with_is_named_once_and_becomes_void(live: Live) -> None:
    change = weaken(live)
    assert isinstance(live.blobs, MemoryBlobs)
    live.blobs.documents[change.plan] = b"{}"
    assert live.reconcile().problems == (
        f"the change {change.hash[7:19]}: its plan is gone or was changed, so nobody is told of it",
    )
    assert live.reconcile().problems == ()
    assert change_of(live, change.hash).phase is ChangePhase.VOID


def test_a_channel_that_could_not_be_notified_is_notified_by_the_next_pass(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = live.inbox.send

    def away(message: object) -> None:
        raise NotificationError("channel inbox: no answer", retryable=True)

    monkeypatch.setattr(live.inbox, "send", away)
    weaken(live)
    assert "change.told" not in actions(live)
    assert live.reconcile().problems == ("channel inbox: no answer",)
    monkeypatch.setattr(live.inbox, "send", send)
    assert live.reconcile().problems == ()
    assert len(messages(live, "change-proposed")) == 1


# ---- whose votes count
@pytest.mark.parametrize(
    ("cast", "rule"),
    [
        (lambda live, change: vote(live, change, EVE), "approver-is-listed"),
        (lambda live, change: vote(live, change, ADA, ago=timedelta(minutes=9)), "sign-in-is-fresh"),
        (lambda live, change: vote(live, change, ADA, plan="sha256:" + "0" * 64), "vote-is-for-this-plan"),
        (lambda live, change: vote(live, change, ADA, opening=2), "vote-is-for-this-opening"),
        (lambda live, change: vote(live, change, ADA, REJECT, reason=" "), "rejection-has-a-reason"),
        (lambda live, change: vote_without_proof(live, change, ADA, APPROVE), "proof-is-given"),
    ],
    ids=["a stranger", "an old sign-in", "another plan", "another opening", "no reason", "no proof"],
)
def test_a_vote_that_does_not_count_is_refused_by_its_rule(
    live: Live, cast: Callable[[Live, ProposedChange], Reply], rule: str
) -> None:
    change = weaken(live)
    assert broken_rules(cast(live, change)) == [rule]
    assert change_of(live, change.hash).votes == ()
    assert trail(live)[-1].action == "change.vote-refused"


def test_the_proposer_of_a_change_may_reject_but_not_approve_it(live: Live) -> None:
    olga = person(4, "Olga", "platform", "shop-approvers")
    live.edit_gate(required=1)
    change = propose(live, olga)
    assert broken_rules(vote(live, change, olga)) == ["approver-did-not-propose-it"]
    assert vote(live, change, olga, REJECT).state is StatementState.COUNTED


def test_neither_a_voter_nor_a_statement_counts_twice(live: Live) -> None:
    change = weaken(live)
    proof = proof_of(live, statement(change), ADA)
    for _ in range(2):
        receipt = say_proved(live, proof)
        live.hear()
    assert broken_rules(live.reply(receipt)) == ["one-vote-each", "proof-is-new"]
    assert broken_rules(vote(live, change, ADA)) == ["one-vote-each"]
    assert number(live) == 1


def test_a_rejection_without_a_proof_ends_the_change(live: Live) -> None:
    change = weaken(live)
    vote(live, change, ADA)
    assert vote_without_proof(live, change, ADA, REJECT).state is StatementState.COUNTED
    assert change_of(live, change.hash).phase is ChangePhase.REJECTED
    assert broken_rules(vote(live, change, BEN)) == ["change-is-waiting"]
    assert number(live) == 1


def test_a_vote_waits_while_the_identity_provider_is_away(live: Live) -> None:
    change = weaken(live)
    proof = proof_of(live, statement(change), ADA)
    live.provider.issuer.away = True
    receipt = say_proved(live, proof)
    live.hear()
    assert live.reply(receipt).state is StatementState.RECEIVED
    live.provider.issuer.away = False
    live.wait(timedelta(minutes=1))
    live.reconcile()
    assert live.reply(receipt).state is StatementState.COUNTED


# ---- how it ends
def test_a_change_that_is_not_decided_in_time_expires_and_can_be_proposed_again(live: Live) -> None:
    change = weaken(live)
    vote(live, change, ADA)
    live.wait(timedelta(hours=24))
    assert live.reconcile().problems == ()
    assert change_of(live, change.hash).phase is ChangePhase.EXPIRED
    again = propose(live)
    assert (again.hash, again.opening, again.votes) == (change.hash, 2, ())
    assert broken_rules(vote(live, change, BEN)) == ["vote-is-for-this-opening"]


def test_a_vote_that_came_in_time_is_read_before_anything_expires(live: Live) -> None:
    change = weaken(live)
    live.provider.issuer.away = True
    receipt = say_proved(live, proof_of(live, statement(change), ADA))
    live.wait(timedelta(hours=23, minutes=59))
    live.reconcile()
    live.wait(timedelta(minutes=1))
    assert change_of(live, change.hash).phase is ChangePhase.WAITING
    live.provider.issuer.away = False
    assert live.reply(receipt).state is StatementState.RECEIVED
    live.reconcile()
    assert live.reply(receipt).state is StatementState.COUNTED
    assert change_of(live, change.hash).phase is ChangePhase.EXPIRED


def test_a_newer_change_of_the_same_document_supersedes_the_earlier_one(live: Live) -> None:
    change = weaken(live)
    vote(live, change, ADA)
    newer = weaken(live, required=1, deadline="48h")
    assert change_of(live, change.hash).phase is ChangePhase.SUPERSEDED
    assert newer.phase is ChangePhase.WAITING
    assert broken_rules(vote(live, change, BEN)) == ["change-is-waiting"]
    live.reconcile()
    (headline,) = messages(live, "change-ended")
    assert "superseded" in headline


def test_a_change_that_is_proposed_twice_is_one_proposal_and_keeps_its_votes(live: Live) -> None:
    change = weaken(live)
    vote(live, change, ADA)
    again = propose(live, person(5, "Otto", "platform"))
    assert (again.hash, again.opening, len(again.votes)) == (change.hash, 1, 1)


def test_a_change_is_void_when_its_application_has_changed_since(live: Live) -> None:
    change = weaken(live)
    vote(live, change, ADA)
    live.edit_gate(required=2)
    live.edit_environment("staging", rollout_within="9m")
    live.apply()
    assert broken_rules(vote(live, change, BEN)) == ["change-is-waiting"]
    latest = change_of(live, change.hash)
    assert latest.phase is ChangePhase.VOID
    assert "somebody else has changed application:shop" in latest.why
    assert number(live) == 2


def test_a_change_is_void_when_it_would_now_weaken_something_else(live: Live) -> None:
    """The application leaves `require_known` to its project, which begins to demand it."""
    change = weaken(live)
    vote(live, change, ADA)
    live.edit_gate(required=2)

    def stricter(value: dict[str, Any]) -> None:
        value["environments"]["production"]["least_gate"]["require_known"] = True

    live.edit_project(stricter)
    live.apply(app="team")
    live.reconcile()
    latest = change_of(live, change.hash)
    assert (latest.phase, number(live)) == (ChangePhase.VOID, 1)


# ---- several gates
TIM = person(21, "Tim", "till-approvers")


@pytest.fixture
def two_gates(tmp_path: Path) -> Live:
    """The production gates of the applications shop and till each ask one person with a role of their own."""
    folder = tmp_path / "team"
    for name in ("shop", "till"):
        write_application(folder, name)
    live = Live(folder)
    live.edit_gate(approvers=["role:shop-approvers"], level="signed")
    edit_gate_of_till(live)
    live.apply()
    return live


def edit_gate_of_till(live: Live, **fields: Any) -> None:
    gate = {"kind": "approval", "approvers": ["role:till-approvers"], "level": "signed", **fields}
    live.edit_environment("production", "till", gate=gate)


def weaken_both(live: Live) -> ProposedChange:
    live.edit_gate(deadline="48h")
    edit_gate_of_till(live, deadline="48h")
    return propose(live)


def test_every_gate_that_a_change_weakens_has_to_approve_it(two_gates: Live) -> None:
    live = two_gates
    change = weaken_both(live)
    assert len(change.changes) == 2
    vote(live, change, ADA)
    assert change_of(live, change.hash).phase is ChangePhase.WAITING
    vote(live, change, TIM)
    assert change_of(live, change.hash).phase is ChangePhase.IN_FORCE
    numbers = [
        live.app.versions.current(Subject(kind=SubjectKind.APPLICATION, name=n)).number for n in ("shop", "till")
    ]
    assert numbers == [2, 2]


def test_a_weaker_project_is_voted_on_by_the_approvers_of_all_its_applications(two_gates: Live) -> None:
    live = two_gates
    live.edit_project(lambda value: value["environments"]["production"].update(least_gate={"required": 1}))
    live.apply(app="team")

    def weaker(value: dict[str, Any]) -> None:
        value["environments"]["production"]["least_gate"]["own_change"] = True

    live.edit_project(weaker)
    change = propose(live)
    assert change.subjects == {"project:team"}
    vote(live, change, ADA)
    assert change_of(live, change.hash).phase is ChangePhase.WAITING
    vote(live, change, TIM)
    assert change_of(live, change.hash).phase is ChangePhase.IN_FORCE
    assert [record.action for record in trail(live)].count("project.applied") == 3


# ---- cut short, and rows that were put back
def test_a_passed_change_that_was_interrupted_takes_effect_by_the_next_pass(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = weaken(live)
    vote(live, change, ADA)
    voting, enacting = live.app.change_voting, live.app.enacting
    dead = replace(enacting, versions=_Dying(enacting.versions))  # type: ignore[arg-type]
    receipt = say_proved(live, proof_of(live, statement(change), BEN))
    (row,) = list(live.app.inbox.of(keys.INSTALLATION, limit=2))
    with pytest.raises(KeyboardInterrupt):
        replace(voting, enacting=dead).take(row)  # type: ignore[arg-type]
    assert change_of(live, change.hash).phase is ChangePhase.PASSED
    assert number(live) == 1
    live.reconcile()
    assert change_of(live, change.hash).phase is ChangePhase.IN_FORCE
    assert number(live) == 2
    live.hear()
    assert live.reply(receipt).state is StatementState.COUNTED
    assert number(live) == 2


class _Dying:
    """Versions that end the process before the first commit."""

    def __init__(self, versions: object) -> None:
        self._whole = versions

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def commit(self, *_: Any, **__: Any) -> None:
        raise KeyboardInterrupt


def test_a_row_that_says_that_a_change_passed_is_not_believed_without_the_records(live: Live) -> None:
    change = weaken(live)
    vote(live, change, ADA)
    stored = live.app.proposals.current(change.hash)
    assert stored.change is not None
    forged = stored.change.evolve(phase=ChangePhase.PASSED, votes=stored.change.votes * 2)
    columns = {"Data": forged.model_dump_json()}
    live.table.transact(keys.INSTALLATION, [Write(act=Act.PUT, key=keys.PROPOSED + change.hash[7:], values=columns)])
    live.reconcile()
    latest = change_of(live, change.hash)
    assert (latest.phase, number(live)) == (ChangePhase.VOID, 1)
    assert "quorum-reached: 1 of 2" in latest.why


def test_the_hash_of_a_proposal_does_not_depend_on_the_order_of_its_changes(two_gates: Live) -> None:
    change = weaken_both(two_gates)
    assert change.subjects == {"application:shop", "application:till"}
    assert hash_of_changes(change.changes) == hash_of_changes(reversed(change.changes)) == change.hash


def test_a_vote_whose_stored_proof_was_replaced_keeps_a_change_from_taking_effect(live: Live) -> None:
    """Somebody who can write blobs puts Ben's proof in place of Ada's, before the last vote."""
    change = weaken(live, required=1)
    vote(live, change, ADA)
    (first,) = [record for record in trail(live) if record.action == "change.voted"]
    proposed = next(record for record in trail(live) if record.action == "change.proposed")
    assert first.proof is not None
    assert proposed.proof is not None
    live.blobs.documents[first.proof] = live.blobs.documents[proposed.proof]  # type: ignore[attr-defined]
    vote(live, change, BEN)
    latest = change_of(live, change.hash)
    assert (latest.phase, number(live)) == (ChangePhase.VOID, 1)
    assert f"record {first.sequence}" in latest.why


def test_each_voter_is_notified_once_of_the_vote_counted_in_their_name(live: Live) -> None:
    change = weaken(live)
    vote(live, change, ADA)
    vote(live, change, CLEO, REJECT)
    live.reconcile()
    notices = [message for message in live.inbox.messages if message.notice == "change-vote-counted"]
    assert [message.lines[0].partition(" of ")[0] for message in notices] == ["approval", "rejection"]
    assert ADA.oid in notices[0].lines[0]
    assert "proved by a sign-in" in notices[0].lines[1]
    assert "reject the change on its page" in notices[0].lines[-1]
    assert notices[0].release_url.endswith(f"/changes/{change.hash[7:]}")


def test_nobody_is_notified_of_a_vote_on_a_change_that_did_not_count(live: Live) -> None:
    vote(live, weaken(live), EVE)
    assert "change-vote-counted" not in {message.notice for message in live.inbox.messages}
