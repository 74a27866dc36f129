"""Deadlines of the wall clock on top of a timer that may lag behind it."""

from local.servicebus.queues.deadlines import Deadlines
from local.servicebus.queues.testing import ManualClock


def test_deadlines_come_in_order_of_time_not_of_making() -> None:
    clock = ManualClock()
    deadlines = Deadlines(now=clock.now, call_later=clock.call_later)
    fired: list[str] = []
    deadlines.call_at(clock.now() + 20, lambda: fired.append("late"))
    deadlines.call_at(clock.now() + 10, lambda: fired.append("early"))
    clock.advance(15)
    assert fired == ["early"]
    clock.advance(5)
    assert fired == ["early", "late"]


def test_a_cancelled_deadline_does_not_come_and_many_take_no_room() -> None:
    clock = ManualClock()
    deadlines = Deadlines(now=clock.now, call_later=clock.call_later)
    fired: list[str] = []
    for number in range(10_000):
        deadlines.call_at(clock.now() + 1000 + number, lambda: fired.append("cancelled")).cancel()
    deadline = deadlines.call_at(clock.now() + 1, lambda: fired.append("kept"))
    assert len(deadlines) < 1000
    clock.advance(20_000)
    assert fired == ["kept"]
    deadline.cancel()
    assert len(deadlines) == 0


def test_a_wall_clock_that_jumps_ahead_is_noticed_soon() -> None:
    """A laptop slept: the wall clock moved an hour, the event loop's timers did not."""
    timers = ManualClock()
    jump = 0.0
    deadlines = Deadlines(now=lambda: timers.now() + jump, call_later=timers.call_later)
    fired: list[str] = []
    deadlines.call_at(timers.now() + 3600, lambda: fired.append("due"))
    jump = 3600.0
    timers.advance(6)
    assert fired == ["due"]
