"""A person starts a release of an artifact that an earlier release delivered, with the current manifests."""

import pytest

from slipway.domain.commands import Verb
from slipway.domain.phases import Phase
from slipway.domain.rules import Rule
from slipway.domain.steps import StepKind
from tests.unit.domain.samples import ADA, BEN, MORNING, application, approval, ci_run, digest, production, staging
from tests.unit.domain.world import World

from .test_operators import MINUTE, live


def rules_of_refusal(world: World) -> list[str]:
    return list(world.last("command.refused").details["rules"])


def test_a_live_release_is_released_again_from_the_first_environment_without_a_push() -> None:
    world = live("v1")
    world.change()
    world.command(Verb.CREATE, 1, reason="more memory")
    world.settle()
    created = world.releases[2]
    assert (created.phase, world.live("staging"), world.live("production")) == (Phase.COMPLETED, 2, 2)
    assert (created.digest, created.tag) == (world.releases[1].digest, "v1")
    assert [step.environment for step in world.steps(StepKind.DEPLOY)][-2:] == ["staging", "production"]
    created_record = next(
        record for record in world.audit if record.action == "release.created" and record.release == "shop-2"
    )
    assert (created_record.details["of"], created_record.details["reason"]) == ("shop-1", "more memory")


def test_the_gate_is_asked_again_and_no_earlier_vote_counts() -> None:
    world = World(application(staging(), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.vote(1, ADA)
    world.settle()
    world.command(Verb.CREATE, 1, actor=BEN)
    world.settle()
    assert world.phase(2) is Phase.AWAITING_APPROVAL
    assert world.live("production") == 1
    world.vote(2, ADA)
    world.settle()
    assert world.live("production") == 2


@pytest.mark.parametrize("own_change", [False, True])
def test_the_person_who_started_a_release_approves_it_only_where_own_work_may_be_approved(own_change: bool) -> None:
    world = World(application(staging(), production(gate=approval(ADA, BEN, own_change=own_change))))
    world.push("v1")
    world.settle()
    world.vote(1, BEN)
    world.settle()
    world.command(Verb.CREATE, 1, actor=ADA)
    world.settle()
    world.vote(2, ADA)
    world.settle()
    assert world.phase(2) is (Phase.COMPLETED if own_change else Phase.AWAITING_APPROVAL)
    if not own_change:
        assert Rule.NOT_REQUESTER in world.last("vote.refused").details["rules"]
        assert "started the release" in world.last("vote.refused").details["reason"]


def test_the_run_and_the_push_of_an_artifact_stay_known_when_it_is_released_again() -> None:
    world = live("v1")
    world.run(ci_run("1"), image="v1")
    world.settle()
    world.command(Verb.CREATE, 1)
    world.settle()
    assert world.releases[2].run == world.releases[1].run
    assert world.releases[2].push == world.releases[1].push


def test_an_older_artifact_is_released_again_and_a_newer_push_can_follow() -> None:
    world = live("v1")
    world.push("v2", at=MORNING + MINUTE)
    world.settle()
    world.wait(MINUTE)
    world.command(Verb.CREATE, 1)
    world.settle()
    assert world.live("production") == 3
    assert world.releases[3].digest == digest("v1")
    world.push("v3", at=world.now)
    world.settle()
    assert world.live("production") == 4


def test_no_release_is_created_from_one_that_is_still_under_way() -> None:
    world = World(application(staging(), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.command(Verb.CREATE, 1)
    assert (rules_of_refusal(world), set(world.releases)) == ([str(Rule.HAS_ENDED)], {1})


def test_a_rejected_release_is_not_created_again_and_the_refusal_names_retry() -> None:
    world = World(application(staging(), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.reject(1, ADA)
    world.settle()
    world.command(Verb.CREATE, 1)
    assert rules_of_refusal(world) == [str(Rule.WAS_NOT_REJECTED)]
    assert "slipway retry shop-1" in world.last("command.refused").details["reason"]


def test_a_push_that_is_reported_again_starts_nothing_afterwards() -> None:
    world = live("v1")
    world.wait(MINUTE)
    world.command(Verb.CREATE, 1)
    world.settle()
    world.push("v1", at=MORNING, source="reconcile")
    world.settle()
    assert set(world.releases) == {1, 2}
