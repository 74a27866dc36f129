"""Copying may take long, and so may everything else before the first object: what happens meanwhile stops the release
before anything in the cluster is changed."""

from datetime import timedelta

import pytest

from slipway.domain.around import JobsAround
from slipway.domain.commands import Verb
from slipway.domain.errors import present
from slipway.domain.order import Order, TakenOrder
from slipway.domain.phases import Phase
from slipway.domain.release import Rollback, VoteDecision
from slipway.domain.rules import Rule, RuleResult, WaitsFor
from slipway.domain.runs import Fact, Trust
from slipway.domain.steps import Notice, StepKind
from tests.unit.domain.copies import (
    cancelled_before_the_first_object,
    cancelled_meanwhile,
    changed_meanwhile,
    copying,
    frozen_behind_a_newer_one,
    frozen_meanwhile,
    outside_its_project_at_the_first_object,
    rejected_before_the_first_object,
    stopped_at_the_first_object,
)
from tests.unit.domain.effects import Effects, Outcome
from tests.unit.domain.samples import ADA, BEN, application, approval, ci_run, production, staging
from tests.unit.domain.world import OPERATOR, World

HOUR = timedelta(hours=1)


def at_the_first_object(*, notify: tuple[str, ...] = ()) -> World:
    """shop-1 was approved, and the message of the step that writes its first object is on its way."""
    world = World(application(staging(), production(registry=None, gate=approval(ADA)), notify=notify))
    world.push("v1")
    world.settle()
    world.effects.lose(StepKind.DEPLOY, "production")
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.DEPLOYING
    return world


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
    assert world.lanes["production"].in_progress is None
    assert not deployed(world)
    if everything:
        world.unfreeze_everything()
    else:
        world.command(Verb.UNFREEZE)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert world.actions(1).count("vote.approved") == 1
    assert world.actions(1).count("copy.done") == 1


def test_a_release_is_cancelled_while_it_is_copied() -> None:
    world = cancelled_meanwhile()
    assert world.phase(1) is Phase.CANCELLED
    assert not deployed(world)
    assert world.lanes["production"].in_progress is None


def test_a_release_that_is_being_rolled_out_cannot_be_cancelled() -> None:
    world = copying()
    world.effects.lose(StepKind.CHECK, "production")
    world.settle()
    assert world.phase(1) is Phase.CHECKING
    world.command(Verb.CANCEL, 1, reason="wrong one")
    assert world.last("command.refused").details["rules"] == ["has-not-begun-to-roll-out"]


@pytest.mark.parametrize("kind", [StepKind.BEFORE, StepKind.DEPLOY])
def test_a_release_that_is_cancelled_before_its_first_object_ends_there(
    kind: StepKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind is StepKind.BEFORE:
        monkeypatch.setattr(Effects, "usual_jobs", JobsAround(before=("migrate",)))
    world = cancelled_before_the_first_object(kind)
    assert world.phase(1) is Phase.CANCELLED
    record = world.last("release.cancelled")
    assert (record.actor, record.details["reason"], record.details["channel"]) == (OPERATOR, "wrong one", "cli")
    call_off = world.last("rollout.called-off")
    assert (call_off.actor, call_off.details["reason"]) == (OPERATOR, "wrong one")
    lane = world.lanes["production"]
    assert (lane.in_progress, lane.called_off) == (None, None)


def test_a_rollout_that_went_on_despite_a_late_cancel_is_recorded_as_such() -> None:
    world = at_the_first_object()
    world.command(Verb.CANCEL, 1, reason="wrong one")
    assert "ends before its first object, unless that was written already" in world.explain(1).headline
    assert "not-called-off" in {rule.rule for group in world.explain(1).rules for rule in group.rules}
    order_taken = TakenOrder(cluster="production", namespace="shop", order=Order(epoch=0, number=1))
    world.effects.answer(StepKind.DEPLOY, "production", taken=order_taken.model_dump(mode="json"))
    world.wait(HOUR)
    world.reconcile()
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert world.last("rollout.went-on").details["reason"].endswith(": wrong one")
    assert world.lanes["production"].called_off is None


def test_contradicting_reports_end_no_release_that_may_have_written_an_object() -> None:
    world = at_the_first_object()
    contradicted = Fact(trust=Trust.CONTRADICTED, why="the run published two documents")
    world.run(ci_run("9").evolve(built=contradicted), image="v1")
    assert world.last("run.contradicted").release == "shop-1"
    assert world.phase(1) is Phase.DEPLOYING


def test_a_second_cancel_does_not_call_a_rollout_off_again() -> None:
    world = at_the_first_object()
    world.command(Verb.CANCEL, 1, reason="wrong one")
    world.command(Verb.CANCEL, 1, reason="really")
    assert world.actions(1).count("rollout.called-off") == 1
    assert world.last("command.refused").details["rules"] == ["not-called-off"]


def test_a_rollout_known_to_have_written_its_first_object_is_not_called_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Effects, "usual_jobs", JobsAround(before=("migrate",)))
    world = World(application(staging(), production(registry=None, gate=approval(ADA))))
    world.push("v1")
    world.settle()
    order_taken = TakenOrder(cluster="production", namespace="shop", order=Order(epoch=0, number=1))
    world.effects.answer(StepKind.BEFORE, "production", jobs=[], taken=order_taken.model_dump(mode="json"))
    world.effects.lose(StepKind.DEPLOY, "production")
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.DEPLOYING
    world.command(Verb.CANCEL, 1, reason="wrong one")
    assert world.last("command.refused").details["rules"] == ["has-not-begun-to-roll-out"]


def test_a_rollback_that_is_cancelled_before_its_first_object_leaves_the_lane_held() -> None:
    world = World(application(staging(), production(registry=None, gate=approval(ADA))))
    for number, tag in enumerate(("v1", "v2"), start=1):
        world.push(tag)
        world.settle()
        world.vote(number, ADA)
        world.settle()
        world.wait(HOUR)
    world.effects.lose(StepKind.DEPLOY, "production")
    world.command(Verb.ROLLBACK, 1, "production", reason="wrong totals")
    world.settle()
    assert world.phase(3) is Phase.DEPLOYING
    world.command(Verb.CANCEL, 3, reason="the totals are right")
    assert world.lanes["production"].hold is not None
    world.wait(HOUR)
    world.reconcile()
    world.settle()
    assert world.phase(3) is Phase.CANCELLED
    assert world.lanes["production"].hold is not None
    assert world.live("production") == 2


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
    assert world.phase(1) is Phase.COPYING
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


def test_a_manual_rollback_goes_ahead_of_a_release_that_a_freeze_holds_back_after_its_copy() -> None:
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


def test_a_rollback_whose_image_was_copied_is_not_copied_again_under_the_same_attempt() -> None:
    world = copying()
    world.settle()
    release = world.releases[1]
    plan_hash = present(release.plan_hash, "its plan")
    rollback = Rollback(environment="production", to=1, plan_hash=plan_hash, by="op@example.com", reason="totals")
    assert release.evolve(rollback=rollback).is_copied
    assert not release.evolve(rollback=rollback, attempt=release.attempt + 1).is_copied


@pytest.mark.parametrize("newer", [False, True])
def test_a_release_stopped_before_its_first_object_tries_again_soon_unless_a_newer_one_waits(
    newer: bool,
) -> None:
    world = stopped_at_the_first_object(StepKind.DEPLOY)
    assert world.phase(1) is Phase.HELD_BACK
    assert world.releases[1].blocked_by == ("freeze",)
    assert world.lanes["production"].in_progress is None
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


def test_a_release_that_a_new_version_puts_outside_its_project_is_planned_again() -> None:
    world = outside_its_project_at_the_first_object(StepKind.DEPLOY)
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert len(world.steps(StepKind.DEPLOY)) == 2  # in staging, and the one that was stopped


def test_a_release_outside_its_unchanged_project_fails() -> None:
    world = World(application(staging(), production(registry=None, gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.effects.refuse(StepKind.DEPLOY, Rule.WITHIN_PROJECT.fails("a Rollout is none of its kinds"), "production")
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.FAILED
    assert world.releases[1].reason == "within-project: a Rollout is none of its kinds"
    assert "rollback.requested" not in world.actions(1)


@pytest.mark.parametrize("kind", [StepKind.BEFORE, StepKind.DEPLOY])
def test_a_release_that_is_rejected_before_its_first_object_ends_as_rejected(
    kind: StepKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind is StepKind.BEFORE:
        monkeypatch.setattr(Effects, "usual_jobs", JobsAround(before=("migrate",)))
    world = rejected_before_the_first_object(kind)
    assert world.phase(1) is Phase.REJECTED
    record = world.last("release.rejected")
    assert (record.actor, record.details["reason"], record.details["channel"]) == (ADA, "the prices are wrong", "page")
    assert world.last("rollout.called-off").actor == ADA
    assert [vote.decision for vote in present(world.releases[1].gate, "the gate").votes] == [VoteDecision.REJECT]
    lane = world.lanes["production"]
    assert (lane.in_progress, lane.called_off) == (None, None)


def test_a_rejection_counts_while_a_release_that_was_let_through_is_copied() -> None:
    world = copying()
    world.reject(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.REJECTED
    assert not deployed(world)


def test_a_rejection_counts_while_a_release_that_was_let_through_is_held_back() -> None:
    world = frozen_meanwhile()
    assert world.phase(1) is Phase.HELD_BACK
    world.reject(1, ADA)
    assert world.phase(1) is Phase.REJECTED


def test_a_rejection_counts_while_the_plan_that_people_were_asked_about_is_made_again() -> None:
    world = World(application(staging(), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.change(application(staging(), production(gate=approval(ADA, BEN))))
    world.vote(1, ADA)
    assert world.phase(1) is Phase.PLANNING
    world.reject(1, ADA)
    assert world.phase(1) is Phase.REJECTED
    world.settle()
    assert world.phase(1) is Phase.REJECTED


def test_only_an_approver_rejects_a_release_that_has_passed_its_gate() -> None:
    world = copying()
    world.reject(1, "mallory@example.com")
    assert world.last("vote.refused").details["rules"] == ["approver-is-listed"]
    world.settle()
    assert world.phase(1) is Phase.COMPLETED


def test_an_approval_after_the_gate_has_passed_does_not_count() -> None:
    world = World(application(staging(), production(gate=approval(ADA, BEN))))
    world.push("v1")
    world.settle()
    world.vote(1, ADA)
    world.vote(1, BEN)
    assert world.last("vote.refused").details["rules"] == ["gate-is-open"]


def test_a_rollout_that_has_written_something_is_not_rejected_half_way() -> None:
    world = World(application(staging(), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.effects.lose(StepKind.CHECK, "production")
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.CHECKING
    world.reject(1, ADA)
    refusal = world.last("vote.refused").details
    assert refusal["rules"] == ["gate-is-open"]
    assert "a rollout is never stopped half-way" in refusal["reason"]


def test_a_rejection_after_a_cancel_does_not_call_a_rollout_off_again() -> None:
    world = at_the_first_object()
    world.command(Verb.CANCEL, 1, reason="wrong one")
    world.reject(1, ADA)
    assert world.last("vote.refused").details["rules"] == ["not-called-off"]
    assert world.actions(1).count("rollout.called-off") == 1


def test_a_voter_whose_rejection_came_too_late_is_notified_that_the_rollout_went_on() -> None:
    world = at_the_first_object(notify=("mail",))
    world.reject(1, ADA, "the prices are wrong")
    assert "unless its first object has been written already" in world.notices(Notice.VOTE_COUNTED)[-1].why
    order_taken = TakenOrder(cluster="production", namespace="shop", order=Order(epoch=0, number=1))
    world.effects.answer(StepKind.DEPLOY, "production", taken=order_taken.model_dump(mode="json"))
    world.wait(HOUR)
    world.reconcile()
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    (notice,) = world.notices(Notice.VOTE_REFUSED)
    assert notice.recipients == (ADA,)
    assert "the prices are wrong; its first object had been written" in notice.why
    assert [vote.decision for vote in present(world.releases[1].gate, "the gate").votes] == [VoteDecision.APPROVE]


def seen_before_it_was_said(world: World, rule: RuleResult) -> None:
    """The worker looked at the lane before somebody stopped the release, and reports only now what it saw."""
    step = next(step for step in reversed(world.steps(StepKind.DEPLOY)) if step.environment == "production")
    world.finish(step, Outcome(passed=False, reason=rule.reason, broken=(rule,)))
    world.settle()


FROZEN = Rule.FREEZE.not_yet("everything is frozen", WaitsFor.PERSON)


def test_a_rejection_is_not_lost_to_a_freeze_that_the_worker_saw_before_it() -> None:
    world = at_the_first_object()
    world.reject(1, ADA, "the prices are wrong")
    seen_before_it_was_said(world, FROZEN)
    assert world.phase(1) is Phase.REJECTED
    assert world.last("release.rejected").details["reason"] == "the prices are wrong"
    assert world.lanes["production"].called_off is None


def test_a_cancel_is_not_lost_to_a_freeze_that_the_worker_saw_before_it() -> None:
    world = at_the_first_object()
    world.command(Verb.CANCEL, 1, reason="wrong one")
    seen_before_it_was_said(world, FROZEN)
    assert world.phase(1) is Phase.CANCELLED


def sent_out_again(world: World) -> None:
    assert world.phase(1) in (Phase.FAILED, Phase.ROLLED_BACK)
    world.command(Verb.RETRY, 1, reason="it works now")
    world.settle()


def test_a_retry_asks_people_again_if_the_release_failed_before_its_rejection_was_seen() -> None:
    world = at_the_first_object()
    world.reject(1, ADA, "the prices are wrong")
    seen_before_it_was_said(world, Rule.ON_RECORD.fails("the trail was cut"))
    sent_out_again(world)
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert [vote.reason for vote in world.releases[1].rejections] == ["the prices are wrong"]


def test_a_retry_asks_people_again_if_the_release_failed_after_a_late_rejection() -> None:
    world = at_the_first_object()
    world.reject(1, ADA, "the prices are wrong")
    order_taken = TakenOrder(cluster="production", namespace="shop", order=Order(epoch=0, number=1))
    world.effects.fail(StepKind.DEPLOY, "production", taken=order_taken.model_dump(mode="json"))
    world.wait(HOUR)
    world.reconcile()
    world.settle()
    assert world.last("rollout.went-on").release == "shop-1"
    sent_out_again(world)
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert [vote.voter for vote in world.releases[1].rejections] == [ADA]
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
