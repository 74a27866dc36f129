"""Reminders come at growing intervals, no more often than the policy says, and never for a closed gate."""

from datetime import timedelta

from slipway.domain.events import EVENT, ReminderDue
from slipway.domain.release import Phase
from slipway.domain.steps import Notice
from tests.unit.domain.gates import at_the_gate, gated
from tests.unit.domain.samples import ADA, BEN, CLEO
from tests.unit.domain.world import World

HOUR = timedelta(hours=1)


def reminded_after(world: World, *, hours: int) -> list[int]:
    """The hours after which people were reminded, while time passes hour by hour."""
    hours_of_reminders = []
    for hour in range(1, hours + 1):
        reminders_before = world.actions().count("gate.reminded")
        world.wait(HOUR)
        world.settle()
        if world.actions().count("gate.reminded") > reminders_before:
            hours_of_reminders.append(hour)
    return hours_of_reminders


def test_people_are_reminded_with_pauses_that_grow_until_the_gate_expires() -> None:
    world = at_the_gate()
    assert reminded_after(world, hours=30) == [2, 6, 14]
    assert world.phase(1) is Phase.EXPIRED


def test_people_are_not_reminded_more_often_than_the_policy_says() -> None:
    world = at_the_gate(gated(reminders={"after": "1h", "factor": 1, "most": 3}))
    assert reminded_after(world, hours=23) == [1, 2, 3]


def test_nobody_is_reminded_where_the_policy_says_so() -> None:
    world = at_the_gate(gated(reminders={"most": 0}))
    assert reminded_after(world, hours=23) == []


def test_a_reminder_names_who_has_not_answered_yet() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.wait(2 * HOUR)
    world.settle()
    assert world.last("gate.reminded").details["asked"] == [BEN, CLEO]
    notices = world.notices(Notice.REMINDER)
    assert [(step.channel, step.number) for step in notices] == [("team", 1), ("mail", 1)]
    assert len({step.id for step in notices}) == 2


def test_reminders_stop_when_the_gate_is_passed() -> None:
    world = at_the_gate()
    world.vote(1, ADA)
    assert reminded_after(world, hours=23) == []


def test_reminders_stop_when_the_release_is_rejected() -> None:
    world = at_the_gate()
    assert reminded_after(world, hours=2) == [2]
    world.reject(1, ADA)
    assert reminded_after(world, hours=23) == []


def test_the_reconcile_timer_reminds_when_the_message_is_lost() -> None:
    world = at_the_gate()
    world.outbox.clear()
    world.wait(2 * HOUR)
    world.reconcile()
    assert world.actions().count("gate.reminded") == 1
    world.reconcile()
    assert world.actions().count("gate.reminded") == 1


def test_a_reminder_that_comes_twice_or_early_reminds_once() -> None:
    world = at_the_gate()
    message = next(message for message in world.outbox if message.body["kind"] == "reminder-due")
    assert world.take(EVENT.validate_python(message.body)).nothing
    world.wait(2 * HOUR)
    for _ in range(3):
        world.deliver(message)
    assert world.actions().count("gate.reminded") == 1


def test_a_reminder_of_a_release_that_does_not_exist_does_nothing() -> None:
    world = at_the_gate()
    event = ReminderDue(received_at=world.now, application="shop", release=99, due=world.now)
    assert world.take(event).nothing


def test_an_outdated_plan_is_made_again_instead_of_reminding_people_of_it() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.change(gated(required=2, deadline=5 * HOUR))
    world.wait(2 * HOUR)
    world.settle()
    assert "gate.reminded" not in world.actions()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert world.last("vote.voided").details["voters"] == [ADA]
    assert reminded_after(world, hours=2) == [2]


def test_reminders_go_on_as_they_were_when_planning_again_gives_the_same_plan() -> None:
    world = at_the_gate(gated(required=2))
    assert reminded_after(world, hours=2) == [2]
    world.change()
    world.vote(1, ADA)
    world.settle()
    assert reminded_after(world, hours=12) == [4, 12]
