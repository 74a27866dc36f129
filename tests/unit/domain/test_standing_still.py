"""While a lane is frozen, the time of its gate stands still; it goes on when the freeze ends."""

from datetime import timedelta

import pytest

from slipway.domain.commands import Verb
from slipway.domain.release import GateState, Phase
from slipway.domain.steps import Notice
from tests.unit.domain.gates import at_the_gate, gated
from tests.unit.domain.samples import ADA, BEN, CLEO, MORNING
from tests.unit.domain.world import World

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)


def at_a_gate() -> World:
    """shop-1 waits at production's gate, which is open for a day."""
    return at_the_gate(gated(ADA, BEN, required=2))


def pass_hours(world: World, hours: int) -> None:
    for _ in range(hours):
        world.wait(HOUR)
        world.reconcile()
        world.settle()


def gate_of(world: World) -> GateState:
    gate = world.releases[1].gate
    assert gate is not None
    return gate


def test_a_gate_does_not_expire_while_it_is_frozen_and_has_the_rest_of_its_time_afterwards() -> None:
    world = at_a_gate()
    pass_hours(world, 20)
    world.command(Verb.FREEZE, reason="the sale")
    pass_hours(world, 48)
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    world.command(Verb.UNFREEZE)
    assert gate_of(world).deadline == MORNING + 48 * HOUR + DAY
    pass_hours(world, 3)
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    pass_hours(world, 1)
    assert world.phase(1) is Phase.EXPIRED


def test_votes_count_during_a_freeze_even_after_the_former_deadline() -> None:
    world = at_a_gate()
    world.vote(1, ADA)
    world.command(Verb.FREEZE, reason="the sale")
    pass_hours(world, 30)
    world.vote(1, BEN)
    assert world.phase(1) is Phase.HELD_BACK
    world.command(Verb.UNFREEZE)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED


def test_nobody_is_reminded_of_a_gate_that_has_its_votes_when_it_is_planned_again_after_the_freeze() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE, reason="the sale")
    pass_hours(world, 1)
    world.vote(1, ADA)
    world.vote(1, BEN)
    assert world.phase(1) is Phase.HELD_BACK
    application = world.application
    world.change(gated(ADA, BEN, CLEO, required=2))
    world.change(application)
    world.command(Verb.UNFREEZE)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert "gate.extended" in world.actions(1)
    assert world.notices(Notice.REMINDER) == []


def test_no_reminder_goes_out_during_a_freeze_and_one_names_the_new_deadline_afterwards() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE, reason="the sale")
    pass_hours(world, 30)
    assert world.notices(Notice.REMINDER) == []
    world.command(Verb.UNFREEZE)
    assert {(step.channel, step.number) for step in world.notices(Notice.REMINDER)} == {("team", 1), ("mail", 1)}
    details = world.last("gate.extended").details
    assert details["deadline"] == (MORNING + 30 * HOUR + DAY).isoformat()
    pass_hours(world, 4)
    assert "gate.reminded" in world.actions(1)


def test_nobody_is_notified_of_the_end_of_a_freeze_where_the_policy_wants_no_reminders() -> None:
    world = at_the_gate(gated(ADA, reminders={"most": 0}))
    world.command(Verb.FREEZE, reason="the sale")
    pass_hours(world, 30)
    world.command(Verb.UNFREEZE)
    assert world.notices(Notice.REMINDER) == []


def test_a_second_freeze_extends_the_deadline_again_and_its_end_is_notified_again() -> None:
    world = at_a_gate()
    for _ in range(2):
        world.command(Verb.FREEZE, reason="the sale")
        pass_hours(world, 10)
        world.command(Verb.UNFREEZE)
    assert gate_of(world).deadline == MORNING + 20 * HOUR + DAY
    assert len({step.id for step in world.notices(Notice.REMINDER)}) == 4


@pytest.mark.parametrize("settled", [True, False], ids=["its message arrives", "its message is lost"])
def test_a_freeze_that_ends_by_itself_lets_the_time_go_on(settled: bool) -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE, until=MORNING + 30 * HOUR, reason="the sale")
    if not settled:
        world.outbox.clear()
    pass_hours(world, 31)
    assert gate_of(world).frozen_since is None
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    pass_hours(world, 22)
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    pass_hours(world, 2)
    assert world.phase(1) is Phase.EXPIRED


def test_the_time_stands_still_until_the_last_of_two_freezes_is_over() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE, reason="the sale", until=MORNING + 5 * HOUR)
    pass_hours(world, 1)
    world.freeze_everything()
    pass_hours(world, 30)
    assert gate_of(world).frozen_since == MORNING
    world.unfreeze_everything()
    assert gate_of(world).deadline == MORNING + 31 * HOUR + DAY


def test_a_gate_that_opens_during_a_freeze_has_all_of_its_time_afterwards() -> None:
    world = World(gated(ADA))
    world.command(Verb.FREEZE, reason="the sale")
    world.push("v1")
    world.settle()
    assert len(world.notices(Notice.GATE_OPENED)) == 2
    pass_hours(world, 40)
    world.command(Verb.UNFREEZE)
    assert gate_of(world).deadline == MORNING + 40 * HOUR + DAY


def test_a_plan_that_is_made_again_during_a_freeze_keeps_the_time_of_the_gate_still() -> None:
    world = at_a_gate()
    pass_hours(world, 23)
    world.command(Verb.FREEZE, reason="the sale")
    pass_hours(world, 5)
    world.change(gated(ADA, BEN, CLEO, required=2))
    world.vote(1, ADA)
    world.settle()
    pass_hours(world, 25)
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    world.command(Verb.UNFREEZE)
    pass_hours(world, 23)
    assert world.phase(1) is Phase.AWAITING_APPROVAL


def test_a_gate_that_is_over_already_is_not_kept_open_by_a_freeze() -> None:
    world = at_a_gate()
    world.wait(DAY + HOUR)  # nobody has closed it yet
    world.command(Verb.FREEZE, reason="the sale")
    world.reconcile()
    world.settle()
    assert world.phase(1) is Phase.EXPIRED


def test_explain_says_that_the_time_stands_still_and_since_when() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE, reason="the sale")
    explanation = world.explain(1)
    reasons = {rule.name: rule.reason for part in explanation.rules for rule in part.rules}
    assert (
        reasons["gate-is-open"] == "it is open; its time has stood still since 2026-11-23 08:00 UTC, while it is frozen"
    )


def test_the_end_of_a_freeze_is_not_shown_as_the_deadline_of_the_gate() -> None:
    world = at_a_gate()
    world.command(Verb.FREEZE, reason="the sale", until=world.now + 4 * HOUR)
    assert world.releases[1].due == world.now + 4 * HOUR
    headline = "shop-1 waits in production for 2 more approvals, and its time stands still while it is frozen."
    assert world.explain(1).headline == headline
    world.wait(5 * HOUR)  # the freeze is over, and nobody has looked yet
    assert "deadline passed" not in world.explain(1).next
