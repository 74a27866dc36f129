"""Every change to the plan that was voted on voids the votes; the voters are told which part changed."""

from datetime import timedelta
from typing import Any

import pytest

from slipway.domain.environment import policy_hash
from slipway.domain.plan import Plan, changed_parts
from slipway.domain.release import Evidence, Phase
from slipway.domain.rules import Rule
from slipway.domain.steps import Notice, StepKind
from tests.unit.domain.gates import at_the_gate, gated, voters
from tests.unit.domain.samples import ADA, BEN, CLEO, digest

JOB: dict[str, Any] = {"kind": "Job", "metadata": {"name": "shop-1-production-1", "labels": {}}, "spec": {"tests": 1}}


def plan(**changes: Any) -> Plan:
    environment = gated().environments[-1]
    fields: dict[str, Any] = {
        "application": "shop",
        "release": 1,
        "environment": "production",
        "registry": "prod",
        "repository": "team/shop",
        "digest": digest("v1"),
        "tag": "v1",
        "images": (f"prod.example.com/team/shop@{digest('v1')}",),
        "cluster": "production",
        "namespace": "shop",
        "copy_from": "nonprod",
        "manifests": ({"kind": "Deployment"},),
        "verification": JOB,
        "base": digest("live"),
        "policy": policy_hash(environment),
    }
    return Plan.model_validate(fields | changes)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"digest": digest("other")}, "artifact"),
        ({"images": (f"prod.example.com/team/shop@{digest('other')}",)}, "artifact"),
        ({"manifests": ({"kind": "Deployment", "spec": {"replicas": 3}},)}, "manifests"),
        ({"policy": digest("stricter")}, "policy"),
        ({"cluster": "elsewhere"}, "target"),
        ({"namespace": "elsewhere"}, "target"),
        ({"registry": "elsewhere"}, "target"),
        ({"run": "https://dev.azure.com/contoso/shop/_build/results?buildId=2"}, "evidence"),
        ({"evidence": (Evidence(name="load", environment="staging", passed=True, summary="ok"),)}, "evidence"),
        ({"supply_chain": (Rule.HAS_SBOM.holds("there"),)}, "evidence"),
        ({"verification": {**JOB, "spec": {"tests": 2}}}, "acceptance tests"),
        ({"base": digest("something newer")}, "what is live"),
    ],
)
def test_each_change_of_a_plan_makes_another_hash_and_has_a_name(changes: dict[str, Any], part: str) -> None:
    original, changed = plan(), plan(**changes)
    assert original.hash != changed.hash
    assert changed_parts(original.parts, changed.parts) == (part,)


def test_the_name_of_the_next_job_is_not_named_as_a_change_of_the_plan() -> None:
    job = {**JOB, "metadata": {"name": "shop-1-production-2", "labels": {}}}
    assert changed_parts(plan().parts, plan(verification=job).parts) == ()


@pytest.mark.parametrize("part", ["artifact", "manifests", "policy", "target", "evidence"])
def test_a_vote_is_void_and_its_voter_notified_when_this_part_of_the_plan_changed(part: str) -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    release = world.releases[1]
    assert release.gate is not None
    parts = release.gate.parts | {part: "changed"}
    world.effects.answer(
        StepKind.PLAN, plan_hash=digest("plan anew"), base=None, definition=digest("anew"), parts=parts, changed=1
    )
    world.change()
    world.delivery = digest("anew")
    world.vote(1, BEN)  # the worker notices here that the plan is out of date
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert voters(world) == []
    details = world.last("vote.voided").details
    assert details == {"voters": [ADA], "plan_hash": release.plan_hash, "reason": f"the plan changed: {part}"}
    notices = world.notices(Notice.VOTES_VOIDED)
    assert {(step.recipients, step.why) for step in notices} == {((ADA,), f"the plan changed: {part}")}
    decision = world.vote(1, ADA, plan_hash=release.plan_hash)
    assert "vote-is-for-this-plan" in [rule.name for rule in decision.rules if rule.blocks]


# ---- an open gate blocks nobody
def test_an_open_gate_blocks_neither_arrivals_nor_other_lanes() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, CLEO)
    world.wait(timedelta(hours=3))
    world.push("v2")
    world.settle()
    assert world.live("staging") == 2
    assert world.phase(2) is Phase.AWAITING_APPROVAL
