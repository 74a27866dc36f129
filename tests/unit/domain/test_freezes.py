"""Freezes, windows and overrides: which releases wait, for whom, and how they continue."""

from datetime import datetime, timedelta

import pytest

from slipway.domain.commands import Verb
from slipway.domain.release import Phase
from slipway.domain.rules import Rule
from slipway.domain.steps import StepKind
from slipway.domain.windows import WindowStatus
from tests.unit.domain.operations import every_other_hour
from tests.unit.domain.samples import ADA, MORNING, application, approval, production, staging, unattended
from tests.unit.domain.world import OPERATOR, World

HOUR = timedelta(hours=1)


def at_a_gate() -> World:
    world = World(application(staging(), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    return world


def explained(world: World, number: int = 1) -> tuple[str, str, dict[str, str]]:
    explanation = world.explain(number)
    blocking = {
        r.name: r.reason
        for part in explanation.rules
        if part.environment == "production"
        for r in part.rules
        if r.blocks
    }
    return explanation.headline, explanation.next, blocking


def test_a_release_is_approved_ahead_and_goes_live_when_the_freeze_ends() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE, reason="the sale")
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.HELD_BACK
    headline, following, blocking = explained(world)
    assert headline == (
        f"shop-1 is ready, and held back in production: production is frozen by {OPERATOR} since 2026-11-23 08:00 UTC, "
        "until somebody ends it: the sale."
    )
    assert following == "It continues automatically once an operator ends the freeze or lets this release past it."
    assert "freeze" in blocking
    world.command(Verb.UNFREEZE)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert world.actions(1).count("vote.approved") == 1


def test_all_blocks_of_a_release_are_explained_with_what_ends_them() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE)
    world.vote(1, ADA)
    world.settle()
    world.problems = ("project: expected a project of this installation, got 'gone'",)
    assert explained(world)[1] == (
        "It continues automatically once somebody applies a version of shop that is in order, "
        "and an operator ends the freeze or lets this release past it."
    )


def test_a_freeze_with_an_end_ends_by_itself_also_when_its_message_is_lost() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE, until=MORNING + HOUR)
    world.vote(1, ADA)
    world.outbox.clear()
    world.wait(HOUR)
    world.reconcile()
    world.settle()
    assert world.phase(1) is Phase.COMPLETED


def test_a_release_approved_during_a_freeze_is_planned_again_if_its_policy_changed_meanwhile() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE)
    world.vote(1, ADA)
    world.change(application(staging(), production(gate=approval(ADA, "ben@example.com"))))
    world.command(Verb.UNFREEZE)
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert world.last("vote.voided").details["reason"] == "the plan changed: policy"


def test_a_frozen_lane_blocks_no_other_lane_and_no_arrival() -> None:
    world = World(unattended())
    world.command(Verb.FREEZE)
    world.push("v1")
    world.settle()
    world.wait(HOUR)
    world.push("v2")
    world.settle()
    assert world.live("staging") == 2
    assert (world.phase(1), world.phase(2)) == (Phase.SUPERSEDED, Phase.HELD_BACK)


def test_a_freeze_of_everything_holds_a_release_back_and_is_in_the_trail_of_the_application() -> None:
    world = World(unattended())
    world.freeze_everything()
    world.push("v1")
    world.settle()
    assert world.phase(1) is Phase.HELD_BACK
    assert world.releases[1].environment == "staging"
    assert world.last("everything.frozen").actor == OPERATOR
    world.unfreeze_everything()
    world.settle()
    assert world.phase(1) is Phase.COMPLETED


def test_a_second_freeze_is_refused_and_names_the_owner_of_the_first() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE, reason="the sale")
    world.command(Verb.FREEZE, actor="ben@example.com")
    refusal = world.last("command.refused")
    assert refusal.actor == "ben@example.com"
    assert refusal.environment == "production"
    assert refusal.details["rules"] == ["is-not-frozen"]
    assert OPERATOR in refusal.details["reason"]


def test_a_freeze_that_ends_soon_does_not_prevent_a_longer_freeze() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE, actor="mallory@example.com", until=world.now + HOUR / 60)
    world.vote(1, ADA)
    assert world.phase(1) is Phase.HELD_BACK
    world.command(Verb.FREEZE, reason="the sale")
    assert world.last("lane.frozen").actor == OPERATOR
    world.wait(HOUR)
    world.reconcile()
    world.settle()
    assert world.phase(1) is Phase.HELD_BACK
    assert "the sale" in world.explain(1).headline
    world.command(Verb.UNFREEZE)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED


@pytest.mark.parametrize("hours", [1, 2])
def test_a_freeze_that_ends_no_later_is_refused(hours: int) -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE, until=world.now + 2 * HOUR)
    world.command(Verb.FREEZE, until=world.now + hours * HOUR)
    assert world.last("command.refused").details["rules"] == ["is-not-frozen"]
    assert world.lanes["production"].freeze is not None
    assert world.lanes["production"].freeze.until == world.now + 2 * HOUR


def test_the_time_of_a_gate_stands_still_until_the_longer_of_two_freezes_is_over() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE, until=world.now + HOUR)
    world.command(Verb.FREEZE, until=world.now + 30 * HOUR)
    world.wait(2 * HOUR)
    world.reconcile()
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert "gate.extended" not in world.actions()
    world.wait(28 * HOUR)
    world.reconcile()
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert world.actions().count("gate.extended") == 1


def test_a_freeze_without_a_reason_or_that_is_over_already_is_refused() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE, reason=" ", until=MORNING - HOUR)
    assert world.last("command.refused").details["rules"] == ["ends-in-the-future", "reason-is-given"]
    assert world.lanes["production"].freeze is None


def test_a_release_waits_for_its_window_and_goes_on_by_itself() -> None:
    world = World(unattended())
    world.windows["production"] = every_other_hour
    world.wait(HOUR)
    world.push("v1")
    world.settle()
    assert world.phase(1) is Phase.HELD_BACK
    assert explained(world)[1] == "It continues automatically at 2026-11-23 10:00 UTC, if its plan is still current."
    world.wait(HOUR)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED


def test_a_window_that_changes_while_a_release_waits_is_looked_at_by_the_reconcile_timer() -> None:
    world = World(unattended())
    world.windows["production"] = lambda now: WindowStatus(open=False, reason="never")
    world.push("v1")
    world.settle()
    assert world.phase(1) is Phase.HELD_BACK
    world.windows.clear()
    world.change()
    world.reconcile()
    world.settle()
    assert world.phase(1) is Phase.COMPLETED


def test_an_override_lets_one_release_pass_once() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE)
    world.vote(1, ADA)
    world.command(Verb.OVERRIDE, 1, reason="the fix for the incident")
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert world.last("override.used").details["reason"] == "the fix for the incident"
    assert world.releases[1].override is None
    world.push("v2")
    world.settle()
    world.vote(2, ADA)
    assert world.phase(2) is Phase.HELD_BACK


def test_a_counted_override_is_not_answered_with_the_block_that_it_overrides() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE)
    world.vote(1, ADA)
    decision = world.command(Verb.OVERRIDE, 1, reason="the fix for the incident")
    assert [rule.name for rule in decision.rules if rule.blocks] == []


def test_the_end_of_a_freeze_is_not_answered_with_the_freeze_of_everything_that_goes_on() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE)
    world.freeze_everything()
    world.vote(1, ADA)
    decision = world.command(Verb.UNFREEZE)
    assert [rule.name for rule in decision.rules if rule.blocks] == []
    assert world.phase(1) is Phase.HELD_BACK


def test_an_override_is_refused_where_nothing_is_in_the_way_or_a_hold_is() -> None:
    world = at_a_gate()
    world.command(Verb.OVERRIDE, 1)
    assert world.last("command.refused").details["rules"] == ["is-held-back"]
    world.command(Verb.OVERRIDE, 1, "staging")
    assert "is-here" in world.last("command.refused").details["rules"]


def test_the_end_of_a_freeze_that_is_not_here_changes_nothing() -> None:
    world = at_a_gate()
    world.freeze_everything()
    earlier_freeze = world.head.freeze
    assert earlier_freeze is not None
    world.unfreeze_everything()
    world.freeze_everything()
    decision = world.take(world.taken[-2][1])
    assert decision.nothing
    assert world.head.freeze is not None


def test_a_freeze_that_ends_by_itself_ends_within_a_year() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE, until=world.now + timedelta(days=366, seconds=1))
    assert world.last("command.refused").details["rules"] == ["ends-within-a-year"]
    world.command(Verb.FREEZE, until=world.now + timedelta(days=366))
    assert world.lanes["production"].freeze is not None


def test_an_override_that_was_not_needed_lets_no_later_attempt_pass_a_later_freeze() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE)
    world.command(Verb.OVERRIDE, 1)
    world.command(Verb.UNFREEZE)
    world.effects.fail(StepKind.COPY, "production")
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.FAILED
    world.command(Verb.FREEZE, reason="the sale")
    world.command(Verb.RETRY, 1)
    world.settle()
    assert world.phase(1) is Phase.HELD_BACK


def test_an_override_is_over_when_the_release_fails_before_it_was_used() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE)
    world.command(Verb.OVERRIDE, 1)
    world.change()
    world.effects.fail(StepKind.PLAN, "production")
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.FAILED
    world.command(Verb.RETRY, 1)
    world.settle()
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.HELD_BACK


@pytest.mark.parametrize(("first", "second"), [(None, 2), (1, 2), (4, 2), (2, None)])
def test_a_freeze_of_everything_that_replaces_another_decides_when_a_release_goes_on(
    first: int | None, second: int | None
) -> None:
    world = World(unattended())
    start = world.now

    def end_after(hours: int | None) -> datetime | None:
        return start + timedelta(hours=hours) if hours else None

    world.freeze_everything(until=end_after(first))
    world.push("v1")
    world.settle()
    assert (world.phase(1), world.releases[1].due) == (Phase.HELD_BACK, end_after(first))
    world.freeze_everything(until=end_after(second))
    assert world.releases[1].due == end_after(second)
    world.wait(timedelta(hours=3))
    world.settle()
    assert world.phase(1) is (Phase.COMPLETED if second else Phase.HELD_BACK)


def test_each_rule_that_may_hold_a_release_back_says_what_lets_it_go_on() -> None:
    # A release that was called off ends; nothing lets it continue.
    assert {rule for rule in Rule if rule.holds_back and not rule.lets_go} == {Rule.NOT_CALLED_OFF}
