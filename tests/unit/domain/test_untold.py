"""An open gate of which nobody could be notified: the explanation says so until somebody was."""

from datetime import timedelta

from slipway.domain.release import Phase
from slipway.domain.steps import Notice, StepKind
from tests.unit.domain.samples import ADA, application, approval, production, staging
from tests.unit.domain.world import World

GONE = "channel team: expected a status of 2xx, got 410"


def waiting(*, failing: int, channels: tuple[str, ...] = ("team",)) -> World:
    """shop-1 waits for Ada, and the first notices about it failed."""
    world = World(application(staging(), production(gate=approval(ADA)), notify=channels))
    for _ in range(failing):
        world.effects.fail(StepKind.NOTIFY, reason=GONE)
    world.push("v1")
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    return world


def what_comes_next(world: World) -> str:
    return world.explain(1).next


def test_explain_says_that_nobody_was_notified_until_a_reminder_went_out() -> None:
    world = waiting(failing=1)
    assert what_comes_next(world).startswith(f"Nobody could be told of it yet ({GONE}). ")
    world.wait(timedelta(hours=2))
    world.settle()
    assert world.notices(Notice.REMINDER)
    assert "Nobody could be told" not in what_comes_next(world)


def test_a_gate_counts_as_notified_if_one_channel_of_two_was() -> None:
    assert "Nobody could be told" not in what_comes_next(waiting(failing=1, channels=("team", "ops")))
    assert "Nobody could be told" in what_comes_next(waiting(failing=2, channels=("team", "ops")))


def test_a_gate_of_which_people_were_notified_is_marked_as_notified() -> None:
    world = waiting(failing=0)
    gate = world.releases[1].gate
    assert gate is not None
    assert (gate.notified, gate.why_nobody_was_notified) == (True, "")
