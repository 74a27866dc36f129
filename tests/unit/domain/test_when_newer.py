"""A newer release arrives while people are asked about an older one, and the gate lets them finish that first."""

from datetime import timedelta
from typing import Any

import pytest

from slipway.domain.commands import Verb
from slipway.domain.gate import WhenNewer
from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from tests.unit.domain.effects import Outcome
from tests.unit.domain.gates import gated, voters
from tests.unit.domain.samples import ADA, BEN
from tests.unit.domain.world import World

TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture
def world() -> World:
    """People are asked about shop-1; shop-2 and shop-3 arrived afterwards, ten minutes apart."""
    world = World(gated(ADA, BEN, required=2, when_newer=WhenNewer.WAIT))
    for number in (1, 2, 3):
        world.push(f"v{number}")
        world.settle()
        world.wait(TEN_MINUTES)
    return world


def test_people_are_asked_about_the_older_release_and_only_the_newest_waits_behind_it(world: World) -> None:
    assert [world.phase(number) for number in (1, 2, 3)] == [Phase.AWAITING_APPROVAL, Phase.SUPERSEDED, Phase.QUEUED]
    assert (world.lanes["production"].waiting, world.lanes["production"].next) == (1, 3)
    assert world.last("release.queued").details["behind"] == "shop-1"
    assert world.releases[2].superseded_by == 3


def test_the_explanation_of_the_newer_release_says_what_it_waits_for(world: World) -> None:
    explanation = world.explain(3)
    assert explanation.headline == "shop-3 waits in production behind shop-1, which is awaiting approval."
    assert explanation.next == "People decide on shop-1 first; then this release is planned automatically."
    reasons = [rule.reason for environment in explanation.rules for rule in environment.rules]
    assert "people are asked about shop-1 first" in reasons


def test_people_are_asked_about_the_newest_release_once_the_older_is_live(world: World) -> None:
    for voter in (ADA, BEN):
        world.vote(1, voter)
    world.settle()
    assert (world.live("production"), world.phase(3)) == (1, Phase.AWAITING_APPROVAL)
    assert (world.lanes["production"].waiting, world.lanes["production"].next) == (3, None)


def test_the_next_release_waits_in_the_lane_while_the_older_is_rolled_out(world: World) -> None:
    world.effects.lose(StepKind.CHECK, "production")
    for voter in (ADA, BEN):
        world.vote(1, voter)
    world.settle()
    lane = world.lanes["production"]
    assert (lane.in_progress, lane.waiting, lane.next, world.phase(3)) == (1, 3, None, Phase.QUEUED)


@pytest.mark.parametrize("ends", ["reject", "expire", "cancel"])
def test_the_newest_release_is_planned_once_the_older_has_ended(world: World, ends: str) -> None:
    if ends == "reject":
        world.reject(1, ADA)
    elif ends == "cancel":
        world.command(Verb.CANCEL, 1)
    else:
        world.wait(timedelta(hours=24))
    world.settle()
    assert world.releases[1].phase.final
    assert world.phase(3) is Phase.AWAITING_APPROVAL


def test_the_release_that_waits_behind_another_can_be_cancelled(world: World) -> None:
    world.command(Verb.CANCEL, 3)
    assert (world.phase(3), world.lanes["production"].next) == (Phase.CANCELLED, None)
    assert world.phase(1) is Phase.AWAITING_APPROVAL


def test_an_older_release_that_arrives_late_gives_way_to_the_one_that_waits(world: World) -> None:
    world.push("v2b", at=world.now - 2 * TEN_MINUTES)
    world.settle()
    assert (world.phase(4), world.lanes["production"].next) == (Phase.SUPERSEDED, 3)


def test_a_newer_release_takes_the_place_where_the_gate_does_not_say_wait() -> None:
    world = World(gated(ADA, BEN, required=2))
    for number in (1, 2):
        world.push(f"v{number}")
        world.settle()
        world.wait(TEN_MINUTES)
    assert [world.phase(number) for number in (1, 2)] == [Phase.SUPERSEDED, Phase.AWAITING_APPROVAL]


@pytest.fixture
def replacing() -> World:
    """Ben has approved shop-1, and Ada is still asked."""
    world = World(gated(ADA, BEN, required=2))
    world.push("v1")
    world.settle()
    world.vote(1, BEN)
    world.wait(TEN_MINUTES)
    return world


def report_lost_plan(world: World, *, passed: bool = False, **result: Any) -> None:
    """Report the outcome of shop-2's plan step for production, whose message was lost."""
    step = next(step for step in reversed(world.steps(StepKind.PLAN)) if step.release == 2)
    assert step.environment == "production"
    world.finish(step, Outcome(passed=passed, reason="a Rollout is none of its kinds", result=result))
    world.settle()


def test_an_older_release_keeps_its_place_and_its_votes_until_the_newer_has_a_plan(replacing: World) -> None:
    replacing.effects.lose(StepKind.PLAN, "production")
    replacing.push("v2")
    replacing.settle()
    lane = replacing.lanes["production"]
    assert (lane.waiting, lane.next, replacing.phase(2)) == (1, 2, Phase.PLANNING)
    assert voters(replacing) == [BEN]
    assert "it takes the place of shop-1 once it has a plan" in reasons(replacing, 2)
    replacing.wait(timedelta(hours=1))
    replacing.reconcile()
    replacing.settle()
    assert [replacing.phase(number) for number in (1, 2)] == [Phase.SUPERSEDED, Phase.AWAITING_APPROVAL]
    assert replacing.releases[1].reason == "the newer shop-2 has a plan"
    assert replacing.last("vote.voided").details["voters"] == [BEN]
    assert (replacing.lanes["production"].waiting, replacing.lanes["production"].next) == (2, None)


def reasons(world: World, number: int) -> list[str]:
    return [rule.reason for environment in world.explain(number).rules for rule in environment.rules]


def test_a_newer_release_whose_plan_fails_voids_no_vote(replacing: World) -> None:
    replacing.effects.fail(StepKind.PLAN, "production", reason="a Rollout is none of its kinds")
    replacing.push("v2")
    replacing.settle()
    assert [replacing.phase(number) for number in (1, 2)] == [Phase.AWAITING_APPROVAL, Phase.FAILED]
    assert "vote.voided" not in replacing.actions()
    assert replacing.lanes["production"].next is None
    replacing.vote(1, ADA)
    replacing.settle()
    assert replacing.live("production") == 1


def test_a_newer_release_waits_for_an_older_one_that_was_approved_while_its_plan_was_made(replacing: World) -> None:
    replacing.effects.lose(StepKind.PLAN, "production")
    replacing.push("v2")
    replacing.settle()
    replacing.effects.lose(StepKind.CHECK, "production")
    replacing.vote(1, ADA)
    replacing.settle()
    lane = replacing.lanes["production"]
    assert (lane.in_progress, lane.waiting, replacing.phase(2)) == (1, 2, Phase.QUEUED)
    report_lost_plan(replacing)
    assert replacing.phase(2) is Phase.QUEUED
    replacing.wait(timedelta(hours=1))
    replacing.reconcile()
    replacing.settle()
    assert (replacing.live("production"), replacing.phase(2)) == (1, Phase.AWAITING_APPROVAL)


def test_a_newer_release_goes_on_by_itself_if_the_older_is_rejected_while_its_plan_is_made(
    replacing: World,
) -> None:
    replacing.effects.lose(StepKind.PLAN, "production")
    replacing.push("v2")
    replacing.settle()
    replacing.reject(1, ADA)
    assert (replacing.lanes["production"].waiting, replacing.lanes["production"].next) == (2, None)
    replacing.wait(timedelta(hours=1))
    replacing.reconcile()
    replacing.settle()
    assert replacing.phase(2) is Phase.AWAITING_APPROVAL


def test_only_the_newest_of_several_newer_releases_takes_the_place_of_the_older(replacing: World) -> None:
    replacing.effects.lose(StepKind.PLAN, "production")
    for tag in ("v2", "v3"):
        replacing.push(tag)
        replacing.settle()
        replacing.wait(TEN_MINUTES)
    assert [replacing.phase(n) for n in (1, 2, 3)] == [Phase.SUPERSEDED, Phase.SUPERSEDED, Phase.AWAITING_APPROVAL]
