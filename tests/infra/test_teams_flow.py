"""Answers from Teams, as far as they can be tested without Teams: the flow's definition is sound, and it turns a
response into a vote that the app accepts from the people who were asked, and from nobody else."""

import copy
import json
from typing import Any

import pytest

from slipway.commands.by_message import vote_said
from slipway.domain.decide import Decision
from slipway.domain.gate import ApprovalGate, Level
from slipway.domain.people import KnownPerson
from slipway.domain.release import Phase
from slipway.domain.rules import not_passed
from slipway.effects.notification import VoteTarget
from slipway.effects.notification.asking_card import asking_card
from slipway.effects.notification.teams_flow import question
from slipway.inbound import BadInput
from slipway.inbound.approval_message import VoteMessage, parse_approval
from tests.infra.compiler import INFRA
from tests.infra.logic_app import Run, Wrong, check
from tests.unit.domain.samples import ADA, BEN, application, approval, digest, production, staging
from tests.unit.domain.world import World
from tests.unit.effects.notification.samples import HOSTILE, LOCATE, VOTE, gate_opened

FLOW = json.loads((INFRA / "teams-flow.json").read_text(encoding="utf-8"))
TENANT, ADA_OID, BEN_OID = (f"00000000-0000-0000-0000-00000000000{digit}" for digit in "abc")
PARAMETERS = {
    "queueAddress": "https://sb-x.servicebus.windows.net/approvals/messages",
    "$connections": {"teams": {"connectionId": "/subscriptions/x/teams"}},
}
KNOWN = {ADA_OID: KnownPerson(mail=ADA), BEN_OID: KnownPerson(mail=BEN)}


def world_at_gate(gate: ApprovalGate | None = None) -> World:
    """shop-1 waits for approval in production."""
    world = World(application(staging(), production(gate=gate or approval(people=KNOWN, level=Level.QUEUE))))
    world.push("v1", actor="ci")
    world.settle()
    assert world.releases[1].phase is Phase.AWAITING_APPROVAL
    return world


def trigger_message(world: World, approver: str = ADA) -> dict[str, Any]:
    """The product's message to the flow's trigger."""
    release = world.releases[1]
    assert release.plan_hash is not None
    vote = VoteTarget(
        application="shop", release=1, environment="production", opening=1, plan=release.plan_hash, approves=True
    )
    message: dict[str, Any] = json.loads(json.dumps(question(gate_opened(recipient=approver, vote=vote), vote)))
    return message


def teams_response(data: dict[str, Any], *, upn: str = ADA, oid: str = ADA_OID, tenant: str = TENANT) -> dict[str, Any]:
    """The response of Teams once somebody has pressed a button."""
    responder = {"objectId": oid, "tenantId": tenant, "userPrincipalName": upn, "displayName": "Somebody"}
    return {"responseTime": "2026-11-23T09:00:00Z", "messageId": "1", "data": data, "responder": responder}


def run_flow(started_by: dict[str, Any], response: dict[str, Any]) -> Any:
    """The message that the flow puts into the queue."""
    run = Run(trigger=started_by, parameters=PARAMETERS, name="08584370")
    (condition,) = FLOW["triggers"]["question"]["conditions"]
    assert run.evaluate(condition["expression"].removeprefix("@")) is True
    run.bodies["Ask"] = response
    return run.fill(FLOW["actions"]["Vote"]["inputs"])


def take(world: World, message: Any) -> Decision:
    """Handle the message as the product does, up to the decision."""
    vote_message = parse_approval(json.dumps(message["body"]).encode(), tenant=TENANT)
    assert isinstance(vote_message, VoteMessage)
    return world.take(vote_said(vote_message, now=world.now))


def refused_by(decision: Decision) -> list[str]:
    return [rule.name for rule in not_passed(decision.rules)]


def test_the_definition_is_sound_and_every_expression_names_what_is_there() -> None:
    check(FLOW)


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("Vote", "inputs", "body", "plan"), "@{body('Asked')?['plan']}"),
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
def test_the_check_finds_a_wrong_expression(place: tuple[str, ...], wrong: Any) -> None:
    changed = copy.deepcopy(FLOW)
    part = changed["actions"]
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = wrong
    with pytest.raises(Wrong):
        check(changed)


def test_the_card_of_the_product_is_posted_to_the_approver_as_it_is() -> None:
    message = trigger_message(world_at_gate())
    run = Run(trigger=message, parameters=PARAMETERS)
    inputs = run.fill(FLOW["actions"]["Ask"]["inputs"])
    assert inputs["body"]["body"]["recipient"] == {"to": f"{ADA};"}
    assert json.loads(inputs["body"]["body"]["messageBody"]) == message["card"]
    assert inputs["path"].endswith("/poster/Flow bot/location/Chat%20with%20Flow%20bot/$subscriptions")
    assert inputs["host"]["connection"]["name"] == "/subscriptions/x/teams"


def test_texts_of_people_are_kept_out_of_the_history_of_runs() -> None:
    hidden = {
        name: action["runtimeConfiguration"]["secureData"]
        for name, action in FLOW["actions"].items()
        if name != "Unanswered"
    }
    assert hidden == {"Ask": {"properties": ["inputs"]}, "Vote": {"properties": ["inputs"]}}
    assert FLOW["triggers"]["question"]["runtimeConfiguration"]["secureData"] == {"properties": ["outputs"]}


def test_an_approval_in_teams_passes_a_gate_of_level_queue_on_behalf_of_the_person_who_pressed() -> None:
    world = world_at_gate()
    message = run_flow(trigger_message(world), teams_response({"decision": "approve", "reason": ""}))
    assert message["uri"] == PARAMETERS["queueAddress"]
    assert json.loads(message["headers"]["BrokerProperties"]) == {"MessageId": "08584370"}
    take(world, message)
    (record,) = [record for record in world.audit if record.action == "vote.approved"]
    assert (record.actor, record.details["on_behalf_of"]) == ("approvals", f"oid:{ADA_OID}")
    assert world.releases[1].phase is not Phase.AWAITING_APPROVAL


@pytest.mark.parametrize(("decision", "phase"), [("approve", Phase.AWAITING_APPROVAL), ("reject", Phase.REJECTED)])
def test_teams_can_only_reject_at_a_gate_that_asks_for_a_proof(decision: str, phase: Phase) -> None:
    world = world_at_gate(approval(people=KNOWN, level=Level.SIGNED))
    take(world, run_flow(trigger_message(world), teams_response({"decision": decision, "reason": "no"})))
    assert world.releases[1].phase is phase


@pytest.mark.parametrize(
    "data", [{"why": HOSTILE, "reason": "of the other field"}, {"reason": HOSTILE}, {"why": "", "reason": HOSTILE}]
)
def test_a_rejection_carries_its_reason_as_it_was_written(data: dict[str, str]) -> None:
    world = world_at_gate()
    take(world, run_flow(trigger_message(world), teams_response({"decision": "reject"} | data)))
    assert world.releases[1].phase is Phase.REJECTED
    assert world.releases[1].reason == HOSTILE


def test_a_rejection_without_a_reason_is_refused_by_name() -> None:
    world = world_at_gate()
    decision = take(
        world, run_flow(trigger_message(world), teams_response({"decision": "reject", "why": "", "reason": ""}))
    )
    assert refused_by(decision) == ["rejection-has-a-reason"]


def test_a_person_who_answers_the_card_of_another_approver_votes_in_their_own_name() -> None:
    world = world_at_gate()
    take(world, run_flow(trigger_message(world), teams_response({"decision": "approve"}, upn=BEN, oid=BEN_OID)))
    (record,) = [record for record in world.audit if record.action == "vote.approved"]
    assert record.details["on_behalf_of"] == f"oid:{BEN_OID}"


def test_a_person_who_took_over_an_approvers_address_may_not_vote() -> None:
    """The account of a person who left was created again: the same address, another object id."""
    world = world_at_gate()
    other_oid = "00000000-0000-0000-0000-00000000000d"
    decision = take(world, run_flow(trigger_message(world), teams_response({"decision": "approve"}, oid=other_oid)))
    assert refused_by(decision) == ["approver-is-listed"]


def test_an_approver_listed_by_address_alone_cannot_vote_in_teams() -> None:
    world = world_at_gate(approval(level=Level.QUEUE))
    decision = take(world, run_flow(trigger_message(world), teams_response({"decision": "approve"})))
    assert refused_by(decision) == ["approver-is-listed"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"tenant": BEN_OID}, "on_behalf_of.tid"),
        ({"oid": ""}, "on_behalf_of.oid"),
        ({"tenant": ""}, "on_behalf_of.tid"),
    ],
)
def test_an_answer_of_another_tenant_or_without_a_person_is_refused(changed: dict[str, str], field: str) -> None:
    world = world_at_gate()
    with pytest.raises(BadInput) as refusal:
        take(world, run_flow(trigger_message(world), teams_response({"decision": "approve"}, **changed)))
    assert refusal.value.field == field


def test_an_answer_to_a_plan_that_was_changed_since_counts_for_nothing() -> None:
    world = world_at_gate()
    message = trigger_message(world)
    world.releases[1] = world.releases[1].evolve(plan_hash=digest("a changed plan"))
    decision = take(world, run_flow(message, teams_response({"decision": "approve"})))
    assert "vote-is-for-this-plan" in refused_by(decision)


def test_the_buttons_send_what_the_mapping_reads() -> None:
    card = asking_card(gate_opened())
    decisions = [action["data"]["decision"] for action in card["actions"] if action["type"] == "Action.Submit"]
    (reject,) = [action for action in card["actions"] if action["type"] == "Action.ShowCard"]
    assert decisions == ["approve"]
    assert [action["data"] for action in reject["card"]["actions"]] == [{"decision": "reject"}]
    assert [field["id"] for field in (card["body"][-1], *reject["card"]["body"])] == ["reason", "why"]


def test_a_card_at_a_gate_that_asks_for_a_proof_offers_a_rejection_and_a_link_to_the_page() -> None:
    card = asking_card(gate_opened(locate_url=LOCATE, vote=VOTE.evolve(approves=False)))
    page, reject = card["actions"]
    assert (page["type"], page["url"]) == ("Action.OpenUrl", LOCATE)
    assert [action["data"] for action in reject["card"]["actions"]] == [{"decision": "reject"}]
    assert "Input.Text" not in [element["type"] for element in card["body"]]
