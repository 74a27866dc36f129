"""Services that a project knows: they may be behind a change, bar nobody, and never vote."""

from typing import Any

import pytest

from slipway.domain.application import WrittenApplication
from slipway.domain.gate import ApprovalGate
from slipway.domain.governing import breaches, governed
from slipway.domain.phases import Phase
from slipway.domain.project import Project
from slipway.domain.runs import Fact, InvolvedPerson, Involvement, Run, Trust
from tests.unit.domain.gates import at_the_gate, built, gated, reason_of, refusals
from tests.unit.domain.samples import ADA, BEN, MALLORY
from tests.unit.domain.world import World

CLIENT, OTHER = "0c000000-0000-4000-8000-00000000000c", "0d000000-0000-4000-8000-00000000000d"
BOT = "bot@example.com"
WHY = "Bumper pushed the change, which is not a person: nobody can tell for whom"
SERVICE = InvolvedPerson(
    part=Involvement.PUSHER, trust=Trust.PROVED, name="Bumper", is_service=True, client_id=CLIENT, unknown=WHY
)
REQUESTER = InvolvedPerson(part=Involvement.REQUESTER, trust=Trust.PROVED, mail=MALLORY)


def pushed_by(*people: InvolvedPerson, all_named: bool = True) -> Run:
    """A run that Mallory requested, of a change that these people are behind."""
    who_is_behind = Fact(trust=Trust.NOT_PROVED, why=f"who is behind the change: not proved; {WHY}")
    return built(by=MALLORY, committed_by=MALLORY).evolve(
        behind=who_is_behind, people=(REQUESTER, *people), all_named=all_named
    )


def world_at_the_gate(run: Run, *services: str, approvers: tuple[str, ...] = (ADA, BEN)) -> World:
    return at_the_gate(gated(*approvers, require_known=True, known_services=services), run=run)


def test_a_change_that_a_known_service_pushed_can_be_approved_and_the_rules_name_the_service() -> None:
    world = world_at_the_gate(pushed_by(SERVICE), f"app:{CLIENT.upper()}")
    decision = world.vote(1, ADA)
    assert world.phase(1) is Phase.COPYING
    reason = reason_of(decision, "approver-is-not-committer")
    assert reason == "Bumper pushed the change (a service that the project knows)"


@pytest.mark.parametrize("services", [(), (f"app:{OTHER}",), (f"mail:{BOT}",)])
def test_a_service_that_the_project_does_not_know_keeps_everybody_from_approving(services: tuple[str, ...]) -> None:
    world = world_at_the_gate(pushed_by(SERVICE), *services)
    assert refusals(world.vote(1, ADA)) == ["change-is-known"]


def test_a_known_service_does_not_excuse_an_unknown_person_behind_the_change() -> None:
    stranger = InvolvedPerson(
        part=Involvement.CREATOR, trust=Trust.NOT_PROVED, name="X", unknown="nobody can tell who X is"
    )
    for run in (pushed_by(SERVICE, stranger), pushed_by(SERVICE, all_named=False)):
        assert refusals(world_at_the_gate(run, f"app:{CLIENT}").vote(1, ADA))


def test_an_account_of_a_bot_is_known_by_its_address_and_bars_nobody() -> None:
    proved = InvolvedPerson(part=Involvement.PUSHER, trust=Trust.PROVED, mail=BOT.upper())
    unproved = InvolvedPerson(part=Involvement.COMPLETER, trust=Trust.NOT_PROVED, mail=BOT, unknown="nobody can tell")
    world = world_at_the_gate(pushed_by(proved, unproved), f"mail:{BOT}")
    world.vote(1, ADA)
    assert world.phase(1) is Phase.COPYING


def test_an_address_that_only_a_commit_claims_makes_nobody_a_service() -> None:
    claimed = InvolvedPerson(part=Involvement.AUTHOR, trust=Trust.CLAIMED, mail=BOT, unknown="nobody can tell")
    assert refusals(world_at_the_gate(pushed_by(claimed), f"mail:{BOT}").vote(1, ADA))


def test_a_person_who_is_behind_a_change_beside_a_service_may_not_approve_it() -> None:
    ada = InvolvedPerson(part=Involvement.PUSHER, trust=Trust.PROVED, mail=ADA)
    world = world_at_the_gate(pushed_by(SERVICE, ada), f"app:{CLIENT}")
    assert refusals(world.vote(1, ADA)) == ["approver-is-not-committer"]
    world.vote(1, BEN)
    assert world.phase(1) is Phase.COPYING


def test_a_service_never_votes_even_where_it_is_listed() -> None:
    gate = ApprovalGate(approvers=(ADA, BOT), known_services=(f"mail:{BOT}",))
    assert not gate.lists(gate.identities.names(BOT))
    assert gate.lists(gate.identities.names(ADA))


def application_with(*approvers: str) -> WrittenApplication:
    environment = {"name": "live", "clusters": ["live"], "namespace": "shop"}
    gate = {"kind": "approval", "approvers": approvers, "level": "link"}
    return WrittenApplication.model_validate(
        {
            "application": "shop",
            "project": "team",
            "image": {"registry": "ci", "repository": "team/shop"},
            "environments": [{**environment, "gate": gate}],
        }
    )


def project(*services: str) -> Project:
    fields: dict[str, Any] = {"project": "team", "repositories": ["team/*"], "known_services": services}
    live = {"class": "test", "clusters": ["live"], "namespaces": ["shop"]}
    return Project.model_validate({**fields, "environments": {"live": live}})


def test_every_gate_of_a_project_has_its_services() -> None:
    gate = governed(application_with(ADA), project(f"mail:{BOT}")).environments[0].gate
    assert isinstance(gate, ApprovalGate)
    assert gate.known_services == (f"mail:{BOT}",)


def test_an_approver_who_is_a_service_of_the_project_is_refused_where_it_is_written() -> None:
    (breach,) = breaches(application_with(ADA, BOT.upper()), project(f"mail:{BOT}"))
    assert breach.field == ("environments", 0, "gate", "approvers", 1)
    assert not tuple(breaches(application_with(ADA, BOT), project(f"app:{CLIENT}")))
