"""What a message in `approvals` says: counted at its level, recorded on somebody's behalf, and never lost silently."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.bootstrap.roles import AppRole
from slipway.domain.audit import AuditRecord
from slipway.domain.queues import Queue
from slipway.domain.release import Phase
from slipway.domain.steps import Notice
from slipway.engine.receiving import QueueMessage
from slipway.testing import Installation, write_application
from slipway.testing.applications import APPLICATION
from slipway.testing.identity import TENANT
from tests.unit.commands.test_voting import ADA_OID

GRACE_OID = "aaaaaaaa-0000-4000-8000-000000000003"
ADAS, GRACES = f"oid:{ADA_OID}", f"oid:{GRACE_OID}"
PEOPLE = f"people:\n  {ADA_OID}:\n    name: Ada\n    mail: ada@example.com\n"
NOT_COUNTED = "vote.refused"

type Make = Callable[..., Installation]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """shop-1 waits for approval in production, by Ada unless others are listed."""

    def made(*, level: str = "queue", approvers: str = ADAS, **gate: Any) -> Installation:
        fields = "".join(f", {name}: {value}" for name, value in gate.items())
        before = "approvers: [ada@example.com, ben@example.com]"
        assert before in APPLICATION
        text = APPLICATION.replace(before, f'approvers: ["{approvers}"], level: {level}{fields}')
        write_application(tmp_path, text=text + PEOPLE)
        home = Installation(tmp_path, settings={"role": AppRole.WORKER})
        home.push("1.0")
        home.settle()
        assert home.release(1).phase is Phase.AWAITING_APPROVAL
        return home

    return made


OTHER_PLAN = "sha256:" + "0" * 64


def vote(home: Installation, decision: str = "approve", *, oid: str = ADA_OID, **changed: Any) -> dict[str, Any]:
    release = home.release(1)
    assert release.gate is not None
    message = {
        "v": 1,
        "id": f"message-{decision}",
        "application": "shop",
        "release": 1,
        "environment": "production",
        "opening": release.gate.opening,
        "plan": release.plan_hash,
        "decision": decision,
        "on_behalf_of": {"tid": TENANT, "oid": oid},
        "reason": "seen",
    }
    return {name: value for name, value in (message | changed).items() if value is not None}


def command(verb: str, *, oid: str = ADA_OID, **fields: Any) -> dict[str, Any]:
    who = {"tid": TENANT, "oid": oid}
    message = {
        "v": 1,
        "id": f"message-{verb}",
        "application": "shop",
        "verb": verb,
        "on_behalf_of": who,
        "reason": "stop",
    }
    return {name: value for name, value in (message | fields).items() if value is not None}


def send(home: Installation, message: dict[str, Any]) -> None:
    """Handle the message as the queue's function does."""
    body = json.dumps(message).encode()
    home.app.receiver.receive(home.app.by_message.take, QueueMessage(queue=Queue.APPROVALS, body=body, id="bus-1"))


def records(home: Installation, action: str) -> list[AuditRecord]:
    return [record for record in home.trail() if record.action == action]


def refused_by(home: Installation) -> list[str]:
    (record,) = records(home, NOT_COUNTED)
    assert (record.actor, record.details["on_behalf_of"]) == ("approvals", record.details["on_behalf_of"])
    rules: list[str] = record.details["rules"]
    return rules


def test_an_approval_by_message_passes_a_gate_of_level_queue_on_behalf_of_its_voter(make: Make) -> None:
    home = make()
    send(home, vote(home))
    (record,) = records(home, "vote.approved")
    assert (record.actor, record.details["on_behalf_of"], record.details["channel"]) == ("approvals", ADAS, "approvals")
    assert (record.proof, record.inbox, record.details.get("signed_in")) == (None, None, None)
    home.settle()
    assert home.release(1).phase is Phase.COMPLETED  # so the gate was derived again from that record


def test_a_repeated_message_changes_nothing(make: Make) -> None:
    home = make(required=1)
    for _ in range(3):
        send(home, vote(home))
    before = len(home.trail())
    send(home, vote(home, id="another-id"))
    assert len(home.trail()) == before or records(home, NOT_COUNTED)
    assert len(records(home, "vote.approved")) == 1


def test_a_rejection_under_the_id_of_an_approval_is_not_lost(make: Make) -> None:
    home = make(level="queue", approvers=f'{ADAS}", "{GRACES}', required=2)
    send(home, vote(home, id="one-and-the-same"))
    send(home, vote(home, "reject", id="one-and-the-same"))
    assert home.release(1).phase is Phase.REJECTED


STOPS = [
    pytest.param({"environment": "production"}, id="a lane is frozen"),
    pytest.param({"application": None}, id="everything is frozen"),
    pytest.param({"verb": "cancel", "release": 1}, id="a release is cancelled"),
]
"""What a message can stop."""


@pytest.mark.parametrize("fields", STOPS)
def test_a_refused_message_does_not_use_up_the_id_of_a_later_stop(make: Make, fields: dict[str, Any]) -> None:
    """Anybody who may send to the queue could guess the id, and use it first in a message that is refused."""
    home = make()
    stop = command(**({"verb": "freeze", "id": "incident-4711"} | fields))
    send(home, stop | {"reason": ""})
    send(home, stop)
    assert home.release(1).phase is Phase.CANCELLED or home.app.freezer.current() or home.lane("production").freeze


def test_approvals_on_behalf_of_two_people_count_as_two(make: Make) -> None:
    home = make(approvers=f'{ADAS}", "{GRACES}', required=2)
    send(home, vote(home))
    assert home.release(1).phase is Phase.AWAITING_APPROVAL
    send(home, vote(home, oid=GRACE_OID))
    home.settle()
    assert home.release(1).phase is Phase.COMPLETED


def test_an_approval_by_message_at_a_gate_of_level_signed_is_refused_in_a_record_and_a_notice(make: Make) -> None:
    home = make(level="signed")
    send(home, vote(home))
    assert refused_by(home) == ["voter-is-surely-known"]
    assert home.release(1).phase is Phase.AWAITING_APPROVAL
    home.settle()
    (refusal,) = [message for message in home.inbox.messages if message.notice == Notice.VOTE_REFUSED]
    assert refusal.recipient == "ada@example.com"
    assert "what was said on your behalf does not count: voter-is-surely-known" in refusal.headline


@pytest.mark.parametrize("level", ["signed", "queue", "link"])
@pytest.mark.parametrize("plan_fields", [{}, {"plan": None}, {"opening": None}, {"plan": None, "opening": None}])
def test_a_rejection_counts_at_any_level(make: Make, level: str, plan_fields: dict[str, None]) -> None:
    home = make(level=level)
    send(home, vote(home, "reject", **dict[str, Any](plan_fields)))
    release = home.release(1)
    assert (release.phase, release.reason) == (Phase.REJECTED, "seen")
    (record,) = records(home, "release.rejected")
    assert (record.actor, record.details["on_behalf_of"]) == ("approvals", ADAS)
    (voted,) = records(home, "vote.rejected")
    assert voted.details["plan_hash"] == release.plan_hash


@pytest.mark.parametrize("approvers", ["role:shop-approvers", "group:01234567-89ab-cdef-0123-456789abcdef"])
def test_a_rejection_counts_where_only_entra_knows_who_may_vote_and_an_approval_does_not(
    make: Make, approvers: str
) -> None:
    home = make(approvers=approvers)
    send(home, vote(home, oid=GRACE_OID))
    assert refused_by(home) == ["approver-is-listed"]
    send(home, vote(home, "reject", oid=GRACE_OID))
    assert home.release(1).phase is Phase.REJECTED


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_message_on_behalf_of_somebody_the_policy_does_not_name_counts_for_nothing(make: Make, decision: str) -> None:
    home = make()
    send(home, vote(home, decision, oid=GRACE_OID))
    assert refused_by(home) == ["approver-is-listed"]
    assert home.release(1).phase is Phase.AWAITING_APPROVAL


@pytest.mark.parametrize(
    ("decision", "changed", "rule"),
    [
        ("approve", {"plan": OTHER_PLAN}, "vote-is-for-this-plan"),
        ("approve", {"opening": 9}, "vote-is-for-this-opening"),
        ("reject", {"opening": 9}, "vote-is-for-this-opening"),
    ],
)
def test_a_vote_for_another_plan_or_opening_is_refused_by_name(
    make: Make, decision: str, changed: dict[str, Any], rule: str
) -> None:
    home = make()
    send(home, vote(home, decision, **changed))
    assert refused_by(home) == [rule]


def test_a_rejection_counts_whichever_plan_it_names_within_its_opening(make: Make) -> None:
    home = make()
    send(home, vote(home, "reject", plan=OTHER_PLAN))
    assert home.release(1).phase is Phase.REJECTED


def test_a_rejection_without_a_reason_is_refused_by_name(make: Make) -> None:
    home = make()
    send(home, vote(home, "reject", reason=None))
    assert refused_by(home) == ["rejection-has-a-reason"]


def test_an_approval_is_taken_back_by_a_message(make: Make) -> None:
    home = make(approvers=f'{ADAS}", "{GRACES}', required=2)
    send(home, vote(home))
    send(home, vote(home, "withdraw", plan=None, opening=None))
    (record,) = records(home, "vote.withdrawn")
    assert (record.actor, record.details["voter"]) == ("approvals", ADAS)
    assert home.release(1).gate is not None
    assert home.release(1).gate.votes == ()  # type: ignore[union-attr]


def test_a_release_is_cancelled_without_any_front(make: Make) -> None:
    home = make(level="signed")
    for _ in range(2):
        send(home, command("cancel", release=1))
    assert home.release(1).phase is Phase.CANCELLED
    (record,) = records(home, "release.cancelled")
    assert (record.actor, record.details["on_behalf_of"]) == ("approvals", ADAS)


def test_a_lane_that_a_message_freezes_names_on_whose_behalf(make: Make) -> None:
    home = make()
    for _ in range(2):
        send(home, command("freeze", environment="production"))
    freeze = home.lane("production").freeze
    assert freeze is not None
    assert (freeze.owner, freeze.reason) == (f"approvals, on behalf of {ADAS}", "stop")
    (record,) = records(home, "lane.frozen")
    assert (record.actor, record.details["on_behalf_of"]) == ("approvals", ADAS)


def test_a_freeze_of_everything_by_message_reaches_the_ledger_of_an_application(make: Make) -> None:
    home = make()
    for _ in range(2):
        send(home, command("freeze", application=None))
    freeze = home.app.freezer.current()
    assert freeze is not None
    assert freeze.owner == f"approvals, on behalf of {ADAS}"
    assert home.app.ledger.head("shop").freeze == freeze


def test_a_command_without_a_reason_is_refused_in_a_record(make: Make) -> None:
    home = make()
    send(home, command("cancel", release=1, reason=None))
    (record,) = records(home, "command.refused")
    assert (record.actor, record.details["on_behalf_of"]) == ("approvals", ADAS)
    assert record.details["rules"] == ["reason-is-given"]
    assert home.release(1).phase is Phase.AWAITING_APPROVAL


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"token": "a.b", "decision": "approve"}, "v: expected a value, got nothing"),
        (command("cancel", release=9), "there is no shop-9"),
        (command("cancel", release=1, application="nobodys"), "there is no application 'nobodys'"),
        (command("freeze", environment="production", on_behalf_of={"tid": GRACE_OID, "oid": ADA_OID}), "tenant"),
    ],
)
def test_a_message_that_cannot_be_handled_is_parked_with_its_reason(
    make: Make, message: dict[str, Any], reason: str
) -> None:
    home = make()
    send(home, message)
    (parked,) = home.app.parking.all()
    assert (parked.source, reason in parked.reason) == ("approvals", True), parked.reason


def test_a_vote_on_an_unknown_release_is_parked(make: Make) -> None:
    home = make()
    send(home, vote(home, release=7))
    (parked,) = home.app.parking.all()
    assert parked.reason == "there is no shop-7"


def test_an_objection_by_message_rejects_the_release_without_a_front(make: Make) -> None:
    home = make(level="queue", approvers=f'{ADAS}", "{GRACES}', required=2)
    send(home, vote(home))
    send(home, vote(home, "object", plan=None, opening=None))
    assert home.release(1).phase is Phase.REJECTED
    (record,) = records(home, "vote.objected")
    assert (record.actor, record.details["on_behalf_of"]) == ("approvals", ADAS)
