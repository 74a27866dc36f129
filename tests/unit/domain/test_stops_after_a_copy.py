"""A copy may take long, and so may the way to the first object: what comes up meanwhile stops the release before
anything in the cluster is changed."""

from datetime import timedelta

import pytest

from slipway.domain.commands import Verb
from slipway.domain.errors import present
from slipway.domain.phases import Phase
from slipway.domain.release import Rollback
from slipway.domain.rules import Rule
from slipway.domain.steps import StepKind
from tests.unit.domain.copies import (
    cancelled_meanwhile,
    changed_meanwhile,
    copying,
    frozen_behind_a_newer_one,
    outside_its_project_at_the_first_object,
    stopped_at_the_first_object,
)
from tests.unit.domain.samples import ADA, application, approval, production, staging
from tests.unit.domain.world import World

HOUR = timedelta(hours=1)


def deployed(world: World) -> bool:
    return any(step.environment == "production" for step in world.steps(StepKind.DEPLOY))


@pytest.mark.parametrize("everything", [False, True])
def test_a_freeze_during_the_copy_holds_the_release_back_until_it_ends(everything: bool) -> None:
    world = copying()
    if everything:
        world.freeze_everything()
    else:
        world.command(Verb.FREEZE, reason="the sale")
    world.settle()
    assert world.phase(1) is Phase.HELD_BACK
    assert world.lanes["production"].rolling is None
    assert not deployed(world)
    if everything:
        world.unfreeze_everything()
    else:
        world.command(Verb.UNFREEZE)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert world.actions(1).count("vote.approved") == 1
    assert world.actions(1).count("promotion.done") == 1


def test_a_release_is_cancelled_while_it_is_copied() -> None:
    world = cancelled_meanwhile()
    assert world.phase(1) is Phase.CANCELLED
    assert not deployed(world)
    assert world.lanes["production"].rolling is None


def test_what_is_being_rolled_out_is_not_cancelled() -> None:
    world = copying()
    world.effects.lose(StepKind.CHECK, "production")
    world.settle()
    assert world.phase(1) is Phase.CHECKING
    world.command(Verb.CANCEL, 1, reason="wrong one")
    assert world.last("command.refused").details["rules"] == ["has-not-begun-to-roll-out"]


def test_an_application_that_changed_during_the_copy_is_planned_and_voted_on_again() -> None:
    world = changed_meanwhile()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert not deployed(world)


def test_a_newer_release_that_waits_takes_the_place_of_one_that_cannot_go_on() -> None:
    world = frozen_behind_a_newer_one()
    assert world.phase(1) is Phase.SUPERSEDED
    assert world.phase(2) is Phase.AWAITING_APPROVAL
    assert not deployed(world)


def test_a_release_that_was_let_past_a_freeze_goes_on_after_its_copy() -> None:
    world = World(application(staging(), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.command(Verb.FREEZE, reason="the sale")
    world.vote(1, ADA)
    world.command(Verb.OVERRIDE, 1, reason="the fix for the incident")
    assert world.phase(1) is Phase.PROMOTING
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert world.releases[1].override is None


def test_a_release_that_was_let_past_a_freeze_is_stopped_by_a_later_one() -> None:
    world = World(application(staging(), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.command(Verb.FREEZE, reason="the sale")
    world.vote(1, ADA)
    world.command(Verb.OVERRIDE, 1, reason="the fix for the incident")
    world.wait(HOUR / 60)
    world.freeze_everything()
    world.settle()
    assert world.phase(1) is Phase.HELD_BACK
    assert not deployed(world)


def test_a_roll_back_by_hand_goes_ahead_of_a_release_that_a_freeze_holds_back_after_its_copy() -> None:
    world = World(application(staging(), production(gate=approval(ADA))))
    for number, tag in enumerate(("v1", "v2"), start=1):
        world.push(tag)
        world.settle()
        world.vote(number, ADA)
        world.settle()
        world.wait(HOUR)
    world.push("v3")
    world.settle()
    world.vote(3, ADA)
    copy = list(world.outbox)
    world.outbox.clear()
    world.command(Verb.ROLLBACK, 1, "production", reason="wrong totals")
    world.settle()
    assert world.phase(4) in (Phase.QUEUED, Phase.HELD_BACK)
    world.command(Verb.FREEZE, reason="the sale")
    world.outbox.extend(copy)
    world.settle()
    assert world.phase(3) is Phase.AWAITING_APPROVAL  # what is live has changed, so people are asked again
    assert world.phase(4) is Phase.COMPLETED
    assert world.lanes["production"].live is not None
    assert world.lanes["production"].live.digest == world.releases[1].digest


def test_a_roll_back_whose_image_was_copied_is_not_copied_again_under_the_same_attempt() -> None:
    world = copying()
    world.settle()
    release = world.releases[1]
    plan_hash = present(release.plan_hash, "its plan")
    back = Rollback(environment="production", to=1, plan_hash=plan_hash, by="op@example.com", reason="totals")
    assert release.evolve(rollback=back).is_copied
    assert not release.evolve(rollback=back, attempt=release.attempt + 1).is_copied


@pytest.mark.parametrize("newer", [False, True])
def test_a_release_that_was_stopped_before_its_first_object_looks_again_soon_unless_a_newer_one_waits(
    newer: bool,
) -> None:
    world = stopped_at_the_first_object(StepKind.DEPLOY)
    assert world.phase(1) is Phase.HELD_BACK
    assert world.releases[1].blocked_by == ("freeze",)
    assert world.lanes["production"].rolling is None
    if newer:
        world.push("v2")
        world.settle()
        assert world.phase(1) is Phase.SUPERSEDED
        return
    world.wait(timedelta(minutes=1))
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert world.actions(1).count("vote.approved") == 1
    assert [step.attempt for step in world.steps(StepKind.DEPLOY) if step.environment == "production"] == [1, 2]


def test_what_is_outside_its_project_by_a_new_version_is_planned_again() -> None:
    world = outside_its_project_at_the_first_object(StepKind.DEPLOY)
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert len(world.steps(StepKind.DEPLOY)) == 2  # in staging, and the one that was stopped


def test_what_is_outside_its_project_though_nothing_has_changed_fails() -> None:
    world = World(application(staging(), production(registry=None, gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.effects.refuse(StepKind.DEPLOY, Rule.WITHIN_PROJECT.fails("a Rollout is none of its kinds"), "production")
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.FAILED
    assert world.releases[1].reason == "within-project: a Rollout is none of its kinds"
    assert "rollback.requested" not in world.actions(1)
