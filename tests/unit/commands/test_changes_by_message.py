"""A proposed change is rejected by a message in `approvals`, with no front between; and taken back by whoever proposed
it."""

import json
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.answers import StatementState
from slipway.domain.audit import AuditRecord
from slipway.domain.proposing import ChangePhase, ProposedChange
from slipway.domain.queues import Queue
from slipway.engine.receiving import QueueMessage
from slipway.testing.identity import TENANT
from tests.confirming import OLGA as SIGNS_IN
from tests.unit.commands.live import Live
from tests.unit.commands.proposals import (
    ADA,
    APPROVE,
    BEN,
    EVE,
    REJECT,
    actions,
    broken_rules,
    change_of,
    guarded,
    messages,
    number,
    propose,
    trail,
    vote,
    vote_without_proof,
    weaken,
)


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return guarded(tmp_path / "team")


@pytest.fixture
def two_named_approvers(tmp_path: Path) -> Live:
    """Two named people have to approve what goes to production."""
    return guarded(
        tmp_path / "team",
        lambda live: live.edit_gate(approvers=[f"oid:{ADA.oid}", f"oid:{BEN.oid}"]),
    )


def rejection(proposed: ProposedChange, who: Any = ADA, **fields: Any) -> dict[str, Any]:
    message = {
        "v": 1,
        "id": "message-1",
        "change": proposed.hash,
        "decision": "reject",
        "on_behalf_of": {"tid": TENANT, "oid": who.oid},
        "reason": "too few eyes",
    }
    return message | fields


def send(live: Live, message: dict[str, Any]) -> None:
    """Handle the message as the queue's function does."""
    body = json.dumps(message).encode()
    live.app.receiver.receive(live.app.by_message.take, QueueMessage(queue=Queue.APPROVALS, body=body, id="bus-1"))


def last(live: Live, action: str) -> AuditRecord:
    return next(record for record in reversed(trail(live)) if record.action == action)


def parked(live: Live) -> list[str]:
    return [item.reason for item in live.app.parking.all()]


def test_a_message_rejects_a_change_on_behalf_of_its_voter(live: Live) -> None:
    change = weaken(live)
    vote(live, change, ADA)
    send(live, rejection(change))
    assert (change_of(live, change.hash).phase, number(live)) == (ChangePhase.REJECTED, 1)
    for action in ("change.voted", "change.rejected"):
        record = last(live, action)
        assert (record.actor, record.details["on_behalf_of"]) == ("approvals", f"oid:{ADA.oid}")
        assert (record.proof, record.inbox) == (None, None)
    assert last(live, "change.rejected").details["reason"] == "too few eyes"
    assert len(messages(live, "change-ended")) == 1
    assert broken_rules(vote(live, change, BEN)) == ["change-is-waiting"]


def test_a_repeated_message_changes_nothing(live: Live) -> None:
    change = weaken(live)
    for _ in range(3):
        send(live, rejection(change))
    assert actions(live).count("change.voted") == 1
    assert "change.vote-refused" not in actions(live)
    again = propose(live)
    send(live, rejection(again))
    assert change_of(live, again.hash).phase is ChangePhase.WAITING


def test_a_refused_message_does_not_use_up_the_id_of_a_later_rejection(live: Live) -> None:
    """Anybody who may send to the queue could guess the id, and use it first in a message that is refused."""
    change = weaken(live)
    send(live, rejection(change, reason=""))
    assert change_of(live, change.hash).phase is ChangePhase.WAITING
    send(live, rejection(change))
    assert change_of(live, change.hash).phase is ChangePhase.REJECTED


def test_a_message_rejects_a_change_only_on_behalf_of_a_named_approver(two_named_approvers: Live) -> None:
    change = weaken(two_named_approvers)
    send(two_named_approvers, rejection(change, EVE))
    assert last(two_named_approvers, "change.vote-refused").details["rules"] == ["approver-is-listed"]
    assert change_of(two_named_approvers, change.hash).phase is ChangePhase.WAITING
    send(two_named_approvers, rejection(change, BEN))
    assert change_of(two_named_approvers, change.hash).phase is ChangePhase.REJECTED


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"reason": " "}, "rejection-has-a-reason"),
        ({"opening": 7}, "vote-is-for-this-opening"),
        ({"plan": "sha256:" + "0" * 64}, "vote-is-for-this-plan"),
    ],
)
def test_a_message_that_does_not_count_is_refused_by_its_rule(live: Live, fields: dict[str, Any], rule: str) -> None:
    change = weaken(live)
    send(live, rejection(change, **fields))
    assert last(live, "change.vote-refused").details["rules"] == [rule]
    assert change_of(live, change.hash).phase is ChangePhase.WAITING


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"decision": "approve"}, "decision"),
        ({"change": "sha256:" + "0" * 64}, "no change sha256:" + "0" * 64),
        ({"on_behalf_of": {"tid": ADA.oid, "oid": ADA.oid}}, "on_behalf_of.tid"),
        ({"release": 1}, "release"),
    ],
)
def test_a_message_that_is_no_rejection_of_a_change_is_parked_with_its_reason(
    live: Live, fields: dict[str, Any], reason: str
) -> None:
    change = weaken(live)
    send(live, rejection(change, **fields))
    assert reason in parked(live)[0]
    assert change_of(live, change.hash).phase is ChangePhase.WAITING


# ---- whoever proposed it
def test_the_proposer_withdraws_a_change_although_no_gate_asks_them(live: Live) -> None:
    change = weaken(live)
    assert vote_without_proof(live, change, SIGNS_IN, REJECT).state is StatementState.COUNTED
    latest = change_of(live, change.hash)
    assert (latest.phase, number(live)) == (ChangePhase.WITHDRAWN, 1)
    assert last(live, "change.withdrawn").actor == f"oid:{SIGNS_IN.oid}"
    (headline,) = messages(live, "change-ended")
    assert "withdrawn: no" in headline


def test_the_proposer_of_a_change_does_not_become_its_approver(live: Live) -> None:
    change = weaken(live)
    assert broken_rules(vote(live, change, SIGNS_IN, APPROVE)) == ["approver-is-listed"]


def test_a_stranger_cannot_withdraw_a_change(live: Live) -> None:
    change = weaken(live)
    assert broken_rules(vote_without_proof(live, change, EVE, REJECT)) == ["approver-is-listed"]
