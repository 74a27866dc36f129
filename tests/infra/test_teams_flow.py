"""Answers from Teams, as far as that can be seen without Teams: the flow's definition is sound, and what it makes of a
response is a vote that the app takes from whoever was asked, and from nobody else."""

import copy
import json
from datetime import timedelta
from typing import Any

import pytest

from slipway.domain.decide import Decision
from slipway.domain.gate import ApprovalGate
from slipway.domain.people import KnownPerson
from slipway.domain.release import Phase
from slipway.domain.rules import failed
from slipway.domain.tokens import ApprovalClaims
from slipway.effects.notification.asking_card import asking_card
from slipway.effects.notification.teams_flow import question
from slipway.inbound import BadInput, parse_vote
from tests.infra.compiler import INFRA
from tests.infra.logic_app import Run, Wrong, check
from tests.links import link_by, public_of
from tests.unit.domain.samples import ADA, BEN, application, approval, digest, production, staging
from tests.unit.domain.world import World
from tests.unit.effects.notification.samples import BASE, HOSTILE, gate_opened

FLOW = json.loads((INFRA / "teams-flow.json").read_text(encoding="utf-8"))
SEEDS = {"k1": b"k" * 32}
TENANT, ADA_OID, BEN_OID = (f"00000000-0000-0000-0000-00000000000{digit}" for digit in "abc")
PARAMETERS = {
    "queueAddress": "https://sb-x.servicebus.windows.net/approvals/messages",
    "$connections": {"teams": {"connectionId": "/subscriptions/x/teams"}},
}
KNOWN = {ADA_OID: KnownPerson(mail=ADA), BEN_OID: KnownPerson(mail=BEN)}


def waiting(gate: ApprovalGate | None = None) -> World:
    """shop-1 waits for approval in production."""
    world = World(application(staging(), production(gate=gate or approval(people=KNOWN))))
    world.push("v1", actor="ci")
    world.settle()
    assert world.releases[1].phase is Phase.AWAITING_APPROVAL
    return world


def token(world: World, approver: str = ADA) -> str:
    release = world.releases[1]
    assert release.plan_hash is not None
    claims = ApprovalClaims(
        application="shop",
        release=1,
        environment="production",
        plan_hash=release.plan_hash,
        approver=approver,
        expires_at=world.now + timedelta(days=31),
        opening=1,
    )
    return link_by(SEEDS, claims)


def asked(world: World, approver: str = ADA) -> dict[str, Any]:
    """What the product posts to the flow's trigger."""
    link = f"{BASE}/approvals/{token(world, approver)}"
    posted: dict[str, Any] = json.loads(json.dumps(question(gate_opened(recipient=approver, approval_url=link))))
    return posted


def answered(data: dict[str, Any], *, upn: str = ADA, oid: str = ADA_OID, tenant: str = TENANT) -> dict[str, Any]:
    """What Teams gives back once somebody has pressed a button."""
    responder = {"objectId": oid, "tenantId": tenant, "userPrincipalName": upn, "displayName": "Somebody"}
    return {"responseTime": "2026-11-23T09:00:00Z", "messageId": "1", "data": data, "responder": responder}


def run_flow(started_by: dict[str, Any], response: dict[str, Any]) -> Any:
    """The message that the flow puts into the queue."""
    run = Run(trigger=started_by, parameters=PARAMETERS, name="08584")
    (condition,) = FLOW["triggers"]["question"]["conditions"]
    assert run.evaluate(condition["expression"].removeprefix("@")) is True
    run.bodies["Ask"] = response
    return run.fill(FLOW["actions"]["Vote"]["inputs"])


def take(world: World, message: Any) -> Decision:
    body = json.dumps(message["body"]).encode()
    return world.take(parse_vote(body, public_of(SEEDS), tenant=TENANT, message_id="08584", now=world.now))


def refused_by(decision: Decision) -> list[str]:
    return [rule.name for rule in failed(decision.rules)]


def test_the_definition_is_sound_and_every_expression_names_what_is_there() -> None:
    check(FLOW)


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("Vote", "inputs", "body", "token"), "@{body('Asked')?['token']}"),
        (("Vote", "inputs", "uri"), "@parameters('queue')"),
        (("Vote", "inputs", "uri"), "@parameter('queueAddress')"),
        (("Vote", "inputs", "uri"), "@{parameters('queueAddress')"),
        (("Vote", "runAfter"), {"Asked": ["Succeeded"]}),
        (("Vote", "runAfter"), {"Ask": ["Finished"]}),
        (("Vote", "runAfter"), {}),
        (("Ask", "inputs", "body", "notificationUrl"), "@{body('Vote')}"),
        (("Vote", "type"), "Htpp"),
        (("Vote", "retry"), "none"),
    ],
)
def test_the_check_finds_what_is_wrong(place: tuple[str, ...], wrong: Any) -> None:
    changed = copy.deepcopy(FLOW)
    part = changed["actions"]
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = wrong
    with pytest.raises(Wrong):
        check(changed)


def test_the_card_of_the_product_is_posted_to_the_approver_as_it_is_and_without_the_token() -> None:
    started = asked(waiting())
    run = Run(trigger=started, parameters=PARAMETERS)
    inputs = run.fill(FLOW["actions"]["Ask"]["inputs"])
    assert inputs["body"]["body"]["recipient"] == {"to": f"{ADA};"}
    assert json.loads(inputs["body"]["body"]["messageBody"]) == started["card"]
    assert inputs["path"].endswith("/poster/Flow bot/location/Chat%20with%20Flow%20bot/$subscriptions")
    assert inputs["host"]["connection"]["name"] == "/subscriptions/x/teams"


def test_tokens_are_kept_out_of_the_history_of_runs() -> None:
    hidden = {
        name: action["runtimeConfiguration"]["secureData"]
        for name, action in FLOW["actions"].items()
        if name != "Unanswered"
    }
    assert hidden == {"Ask": {"properties": ["inputs"]}, "Vote": {"properties": ["inputs"]}}
    assert FLOW["triggers"]["question"]["runtimeConfiguration"]["secureData"] == {"properties": ["outputs"]}


def test_an_approval_in_teams_passes_the_gate() -> None:
    world = waiting()
    message = run_flow(asked(world), answered({"decision": "approve", "reason": ""}))
    assert message["uri"] == PARAMETERS["queueAddress"]
    assert json.loads(message["headers"]["BrokerProperties"]) == {"MessageId": "08584"}
    take(world, message)
    (record,) = [record for record in world.audit if record.action == "vote.approved"]
    assert (record.actor, record.details["channel"], record.details["signed_in"]) == (ADA, "teams", ADA_OID)
    assert world.releases[1].phase is not Phase.AWAITING_APPROVAL


@pytest.mark.parametrize(
    "data", [{"why": HOSTILE, "reason": "of the other field"}, {"reason": HOSTILE}, {"why": "", "reason": HOSTILE}]
)
def test_a_rejection_carries_its_reason_as_it_was_written(data: dict[str, str]) -> None:
    world = waiting()
    take(world, run_flow(asked(world), answered({"decision": "reject"} | data)))
    assert world.releases[1].phase is Phase.REJECTED
    assert world.releases[1].reason == HOSTILE


def test_a_rejection_without_a_reason_is_refused_by_name() -> None:
    world = waiting()
    decision = take(world, run_flow(asked(world), answered({"decision": "reject", "why": "", "reason": ""})))
    assert refused_by(decision) == ["rejection-has-a-reason"]


def test_somebody_else_who_answers_the_card_is_refused_even_if_they_may_vote_themselves() -> None:
    world = waiting()
    decision = take(world, run_flow(asked(world), answered({"decision": "approve"}, upn=BEN, oid=BEN_OID)))
    assert refused_by(decision) == ["answer-is-from-who-was-asked"]
    assert not world.releases[1].gate or not world.releases[1].gate.votes


def test_an_address_that_now_belongs_to_somebody_else_is_no_proof() -> None:
    """The account of a person who left was made anew: the same address, another object id."""
    world = waiting()
    other = "00000000-0000-0000-0000-00000000000d"
    decision = take(world, run_flow(asked(world), answered({"decision": "approve"}, oid=other)))
    assert refused_by(decision) == ["approver-is-listed", "answer-is-from-who-was-asked"]


def test_an_object_id_is_enough_where_teams_shows_another_address() -> None:
    world = waiting()
    take(world, run_flow(asked(world), answered({"decision": "approve"}, upn="ada.lovelace@contoso.com")))
    assert world.releases[1].phase is not Phase.AWAITING_APPROVAL


def test_without_a_known_object_id_the_address_has_to_be_the_same() -> None:
    world = waiting(approval())
    decision = take(world, run_flow(asked(world), answered({"decision": "approve"}, upn="ada.lovelace@contoso.com")))
    assert refused_by(decision) == ["approver-is-listed", "answer-is-from-who-was-asked"]
    take(world, run_flow(asked(world), answered({"decision": "approve"})))
    assert world.releases[1].phase is not Phase.AWAITING_APPROVAL


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"tenant": BEN_OID}, "approver.tenant"),
        ({"oid": ""}, "approver.object_id"),
        ({"tenant": ""}, "approver.tenant"),
    ],
)
def test_a_guest_of_another_tenant_or_nobody_at_all_is_refused(changed: dict[str, str], field: str) -> None:
    world = waiting()
    with pytest.raises(BadInput) as refused:
        take(world, run_flow(asked(world), answered({"decision": "approve"}, **changed)))
    assert refused.value.field == field


def test_an_answer_to_a_plan_that_was_changed_since_counts_for_nothing() -> None:
    world = waiting()
    started = asked(world)
    world.releases[1] = world.releases[1].evolve(plan_hash=digest("a changed plan"))
    decision = take(world, run_flow(started, answered({"decision": "approve"})))
    assert "vote-is-for-this-plan" in refused_by(decision)


def test_the_buttons_send_what_the_mapping_reads() -> None:
    card = asking_card(gate_opened())
    sent = [action["data"]["decision"] for action in card["actions"] if action["type"] == "Action.Submit"]
    (reject,) = [action for action in card["actions"] if action["type"] == "Action.ShowCard"]
    assert sent == ["approve"]
    assert [action["data"] for action in reject["card"]["actions"]] == [{"decision": "reject"}]
    assert [field["id"] for field in (card["body"][-1], *reject["card"]["body"])] == ["reason", "why"]
