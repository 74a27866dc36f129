"""The commands cancel, retry, manual rollback and resume."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pydantic import ValidationError

from slipway.domain.application import Start
from slipway.domain.commands import OF_A_LANE, OF_A_RELEASE, OF_THE_INSTALLATION, Verb
from slipway.domain.decide.blocks import hold_text
from slipway.domain.events import CommandGiven
from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from tests.unit.domain.samples import ADA, BEN, MORNING, application, approval, production, staging, unattended
from tests.unit.domain.world import OPERATOR, World

MINUTE = timedelta(minutes=1)


def live(*tags: str, gated: bool = False) -> World:
    world = World(application(staging(), production(gate=approval(ADA))) if gated else unattended())
    for tag in tags:
        world.push(tag)
        world.settle()
        world.vote(max(world.releases), ADA)
        world.settle()
        world.wait(MINUTE)
    return world


# ---- manual rollback
def test_an_earlier_release_comes_back_without_a_vote_and_holds_the_lane() -> None:
    world = live("v1", "v2", gated=True)
    world.command(Verb.ROLLBACK, 1, reason="v2 loses orders")
    world.settle()
    brought_back = world.releases[3]
    assert (brought_back.phase, brought_back.digest, brought_back.tag) == (
        Phase.COMPLETED,
        world.releases[1].digest,
        "v1",
    )
    assert world.live("production") == 3
    order = world.last("rollback.ordered")
    assert (order.actor, order.details["to"], order.details["instead_of"]) == (OPERATOR, "shop-1", "shop-2")
    hold = world.lanes["production"].hold
    assert hold is not None
    assert (hold.owner, hold.reason, hold.to) == (OPERATOR, "v2 loses orders", 1)


def test_nothing_undoes_a_rollback_until_somebody_resumes() -> None:
    world = live("v1", "v2")
    world.command(Verb.ROLLBACK, 1)
    world.settle()
    world.push("v3")
    world.settle()
    assert world.phase(4) is Phase.HELD_BACK
    assert world.releases[4].blocked_by == ("hold",)
    assert world.live("production") == 3
    world.command(Verb.RESUME)
    world.settle()
    assert world.phase(4) is Phase.COMPLETED
    assert world.live("production") == 4


def test_a_release_that_was_on_its_way_when_somebody_rolled_back_still_counts_as_newer() -> None:
    world = live("v1", "v2")
    world.push("v3")
    world.command(Verb.ROLLBACK, 1)
    world.settle()
    assert world.phase(3) is Phase.HELD_BACK
    world.command(Verb.RESUME)
    world.settle()
    assert world.live("production") == 3


def test_a_rollback_waits_for_the_rollout_that_is_under_way() -> None:
    world = live("v1", "v2")
    world.effects.lose(StepKind.CHECK, "production")
    world.push("v3")
    world.settle()
    world.command(Verb.ROLLBACK, 1)
    assert world.phase(4) is Phase.QUEUED
    world.wait(timedelta(hours=1))
    world.reconcile()
    world.settle()
    assert world.phase(4) is Phase.COMPLETED
    assert world.live("production") == 4


def test_a_rollback_goes_before_a_release_that_waits_for_the_same_rollout() -> None:
    world = live("v1", "v2")
    world.effects.lose(StepKind.CHECK, "production")
    world.push("v3")
    world.settle()
    world.wait(MINUTE)
    world.push("v4")
    world.settle()
    world.command(Verb.ROLLBACK, 1)
    assert (world.phase(4), world.phase(5)) == (Phase.QUEUED, Phase.QUEUED)
    world.wait(timedelta(hours=1))
    world.reconcile()
    world.settle()
    assert (world.phase(3), world.phase(5), world.live("production")) == (Phase.COMPLETED, Phase.COMPLETED, 5)
    assert (world.phase(4), world.releases[4].blocked_by) == (Phase.HELD_BACK, ("hold",))
    world.command(Verb.RESUME)
    world.settle()
    assert world.live("production") == 4


def test_a_rollback_passes_freezes() -> None:
    world = live("v1", "v2")
    world.freeze_everything()
    world.command(Verb.FREEZE)
    world.command(Verb.ROLLBACK, 1)
    world.settle()
    assert world.live("production") == 3


@pytest.mark.parametrize(("target", "rule"), [(2, "is-not-live-now"), (3, "was-live-here")])
def test_a_rollback_to_a_release_that_is_live_or_never_was_live_is_refused(target: int, rule: str) -> None:
    world = live("v1", "v2")
    world.effects.fail(StepKind.CHECK, "staging")
    world.push("v3")
    world.settle()
    world.command(Verb.ROLLBACK, target)
    assert world.last("command.refused").details["rules"] == [rule]


def test_a_second_rollback_is_refused_while_one_is_under_way() -> None:
    world = live("v1", "v2", "v3")
    world.command(Verb.ROLLBACK, 1)
    world.command(Verb.ROLLBACK, 2)
    assert world.last("command.refused").details["rules"] == ["one-rollback-at-a-time"]


def test_a_cancelled_rollback_leaves_the_lane_on_hold() -> None:
    """A cancel needs no proof; letting newer releases through needs one."""
    world = live("v1", "v2")
    world.command(Verb.ROLLBACK, 1)
    world.command(Verb.CANCEL, 3)
    world.settle()
    assert world.phase(3) is Phase.CANCELLED
    hold = world.lanes["production"].hold
    assert hold is not None
    assert hold.reason.endswith("(shop-3 was cancelled before it was rolled out)")
    assert "ordered production back to shop-1" in hold_text("shop", "production", hold)
    assert world.live("production") == 2


def test_a_release_behind_a_cancelled_rollback_goes_on_once_the_lane_is_resumed() -> None:
    world = live("v1", "v2")
    world.command(Verb.ROLLBACK, 1)
    world.push("v3")
    planning = world.outbox.popleft()
    world.settle()
    assert (planning.body["release"], world.phase(3), world.phase(4)) == (3, Phase.PLANNING, Phase.HELD_BACK)
    world.command(Verb.CANCEL, 3)
    world.settle()
    assert (world.phase(3), world.phase(4)) == (Phase.CANCELLED, Phase.HELD_BACK)
    world.command(Verb.RESUME)
    world.settle()
    assert world.phase(4) is Phase.COMPLETED


def test_cancelling_a_second_rollback_leaves_the_hold_of_the_first() -> None:
    world = live("v1", "v2", "v3")
    world.command(Verb.ROLLBACK, 2, reason="v3 loses orders")
    world.settle()
    world.command(Verb.ROLLBACK, 1)
    world.command(Verb.CANCEL, 5)
    world.push("v4")
    world.settle()
    hold = world.lanes["production"].hold
    assert hold is not None
    assert (hold.release, hold.to, hold.reason) == (4, 2, "v3 loses orders")
    assert world.last("hold.ended").details["still_held_for"] == "shop-4"
    assert world.phase(6) is Phase.HELD_BACK
    assert world.live("production") == 4


def test_a_push_under_the_same_tag_does_not_take_a_rollback_away() -> None:
    world = live("v1", "v2")
    world.command(Verb.ROLLBACK, 1)
    world.push("v1", "another image")
    world.settle()
    assert world.live("production") == 3
    assert world.phase(4) is Phase.HELD_BACK


def test_resume_without_a_hold_is_refused() -> None:
    world = live("v1")
    world.command(Verb.RESUME)
    assert world.last("command.refused").details["rules"] == ["is-on-hold"]


# ---- cancel
def test_a_release_that_waits_is_cancelled_by_name_and_reason() -> None:
    world = World(application(staging(), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.command(Verb.CANCEL, 1, reason="not this one")
    assert world.phase(1) is Phase.CANCELLED
    record = world.last("release.cancelled")
    assert (record.actor, record.details["reason"], record.details["channel"]) == (OPERATOR, "not this one", "cli")
    world.push("v2")
    world.settle()
    assert world.phase(2) is Phase.AWAITING_APPROVAL


def test_a_rollout_is_not_cancelled_half_way() -> None:
    world = World(unattended())
    world.effects.lose(StepKind.CHECK, "staging")
    world.push("v1")
    world.settle()
    world.command(Verb.CANCEL, 1)
    assert world.phase(1) is Phase.CHECKING
    refusal = world.last("command.refused").details
    assert refusal["rules"] == ["has-not-begun-to-roll-out"]
    assert "then roll back" in refusal["reason"]


def test_a_release_that_has_ended_cannot_be_cancelled() -> None:
    world = live("v1")
    world.command(Verb.CANCEL, 1)
    assert world.last("command.refused").details["rules"] == ["is-under-way"]


# ---- retry
def test_a_failed_release_goes_on_where_it_failed_and_keeps_its_votes() -> None:
    world = World(application(staging(), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.effects.fail(StepKind.COPY, "production", reason="the registry was full")
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.FAILED
    world.command(Verb.RETRY, 1)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    details = world.last("release.retried").details
    assert (details["failed_step"], details["ended_because"]) == ("copy", "the registry was full")
    assert world.actions(1).count("vote.approved") == 1
    assert [step.environment for step in world.steps(StepKind.DEPLOY)] == ["staging", "production"]


def test_a_retry_after_failed_acceptance_tests_asks_again_because_there_is_new_evidence() -> None:
    world = live("v1")
    world.effects.fail(StepKind.VERIFY, "production", reason="500")
    world.push("v2")
    world.settle()
    assert world.phase(2) is Phase.ROLLED_BACK
    assert world.releases[2].failed_step == "verify"
    world.command(Verb.RETRY, 2)
    world.settle()
    assert world.phase(2) is Phase.COMPLETED
    assert world.live("production") == 2


def test_a_retry_is_refused_once_a_newer_release_is_live_there() -> None:
    world = World(unattended())
    world.effects.fail(StepKind.CHECK, "staging")
    world.push("v1")
    world.settle()
    world.push("v2", at=MORNING + MINUTE)
    world.settle()
    world.command(Verb.RETRY, 1)
    assert world.last("command.refused").details["rules"] == ["no-newer-release"]


def test_a_live_release_cannot_be_retried() -> None:
    world = live("v1")
    world.command(Verb.RETRY, 1)
    assert world.last("command.refused").details["rules"] == ["did-not-go-live"]


def at_the_gate() -> World:
    world = World(application(staging(), production(gate=approval(ADA, BEN, required=2))))
    world.push("v1")
    world.settle()
    world.vote(1, BEN)
    return world


def expired(world: World) -> None:
    world.wait(timedelta(hours=25))
    world.settle()


def rejected(world: World) -> None:
    world.reject(1, ADA, "wrong totals")


def cancel(world: World) -> None:
    world.command(Verb.CANCEL, 1)


@pytest.mark.parametrize("ends", [expired, rejected, cancel])
def test_a_release_that_ended_at_its_gate_can_be_retried_and_no_earlier_vote_counts(
    ends: Callable[[World], None],
) -> None:
    world = at_the_gate()
    ends(world)
    assert world.releases[1].phase.final
    world.command(Verb.RETRY, 1)
    world.settle()
    gate = world.releases[1].gate
    assert gate is not None
    assert (world.phase(1), gate.opening, gate.votes) == (Phase.AWAITING_APPROVAL, 2, ())
    world.vote(1, ADA)
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    world.vote(1, BEN, reason="it is right now")
    world.settle()
    assert world.live("production") == 1


def test_earlier_rejections_stay_with_a_release_that_is_retried_until_it_leaves_the_environment() -> None:
    world = World(application(staging(gate=approval(ADA)), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    for reason in ("wrong totals", "still wrong"):
        world.reject(1, ADA, reason)
        world.command(Verb.RETRY, 1)
        world.settle()
    assert [vote.reason for vote in world.releases[1].rejections] == ["wrong totals", "still wrong"]
    world.vote(1, ADA)
    world.settle()
    assert (world.releases[1].environment, world.phase(1)) == ("production", Phase.AWAITING_APPROVAL)
    assert world.releases[1].rejections == ()


def test_a_release_that_ended_before_its_first_environment_cannot_be_retried() -> None:
    world = World(application(start=Start.BOTH))
    world.push("v1")
    world.wait(timedelta(days=1))
    world.settle()
    assert world.phase(1) is Phase.EXPIRED
    world.command(Verb.RETRY, 1)
    refusal = world.last("command.refused").details
    assert refusal["rules"] == ["environment-exists"]
    assert "push its image or run its pipeline again" in refusal["reason"]


def test_a_superseded_release_can_be_retried_once_the_newer_release_was_rejected() -> None:
    world = World(application(staging(), production(gate=approval(ADA, BEN))))
    world.push("v1")
    world.settle()
    world.push("v2", at=MORNING + MINUTE)
    world.settle()
    assert world.phase(1) is Phase.SUPERSEDED
    world.command(Verb.RETRY, 1)
    assert world.last("command.refused").details["rules"] == ["no-newer-release"]
    world.reject(2, ADA, "it loses orders")
    world.command(Verb.RETRY, 1)
    world.settle()
    assert (world.phase(1), world.releases[1].superseded_by) == (Phase.AWAITING_APPROVAL, None)


def test_a_retry_after_a_failed_plan_opens_the_gate_with_its_votes_and_a_new_deadline() -> None:
    world = World(application(staging(), production(gate=approval(ADA, "ben@example.com", required=2))))
    world.push("v1")
    world.settle()
    world.vote(1, ADA)
    world.change()
    world.effects.fail(StepKind.PLAN, "production")
    world.vote(1, "ben@example.com")
    world.settle()
    assert world.phase(1) is Phase.FAILED
    world.wait(timedelta(days=3))
    world.command(Verb.RETRY, 1)
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    gate = world.releases[1].gate
    assert gate is not None
    assert gate.deadline == world.now + timedelta(hours=24)
    assert [vote.voter for vote in gate.votes] == [ADA]


def test_a_command_for_a_release_that_is_not_there_leaves_no_record() -> None:
    world = live("v1")
    records_before = len(world.audit)
    decision = world.command(Verb.CANCEL, 9)
    assert [rule.name for rule in decision.rules] == ["release-exists"]
    assert len(world.audit) == records_before


@pytest.mark.parametrize("verb", sorted(OF_THE_INSTALLATION))
def test_a_command_for_the_installation_is_refused_as_an_event_of_an_application(verb: Verb) -> None:
    with pytest.raises(ValidationError, match=f"{verb} is for the installation, not for an application"):
        CommandGiven(
            received_at=MORNING, verb=verb, application="shop", actor="ada", channel="cli", submission="one-of-them"
        )


@pytest.mark.parametrize("verb", sorted(set(Verb) - OF_THE_INSTALLATION))
def test_an_event_of_a_command_names_the_release_and_environment_of_its_verb_and_nothing_else(verb: Verb) -> None:
    given = {"verb": verb, "application": "shop", "actor": "ada", "channel": "cli", "submission": "one-of-them"}
    base = {"received_at": MORNING, **given}
    uses = {"release": (3, verb in OF_A_RELEASE), "environment": ("staging", verb in OF_A_LANE)}
    named = {name: value for name, (value, needed) in uses.items() if needed}
    assert CommandGiven.model_validate(base | named).verb is verb
    for name, (value, needed) in uses.items():
        wrong = {key: named[key] for key in named if key != name} if needed else named | {name: value}
        with pytest.raises(ValidationError, match=f"{name}: {'is missing' if needed else f'is not for {verb}'}"):
            CommandGiven.model_validate(base | wrong)
