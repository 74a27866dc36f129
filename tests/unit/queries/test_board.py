"""The board and `explain` are two views of one snapshot: neither knows less than the other."""

from datetime import timedelta

from hypothesis import given

from slipway.domain.application import Application
from slipway.domain.commands import Verb
from slipway.domain.explain import explain, rules_in_the_way
from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from slipway.domain.windows import WindowStatus
from slipway.queries.board import ApplicationRow, row
from tests.unit.domain.operations import Operation, any_operations, applications
from tests.unit.domain.samples import unattended
from tests.unit.domain.test_properties import world_after
from tests.unit.domain.world import World


def shown_releases(board: ApplicationRow) -> list[int]:
    cells = [moving.release.number for cell in board.cells for moving in cell.moving]
    return [moving.release.number for moving in board.arriving] + cells


@given(applications(), any_operations())
def test_every_release_on_its_way_is_on_the_board_once_with_the_rules_that_explain_names(
    delivered: Application, operations: list[Operation]
) -> None:
    world = world_after(delivered, operations)
    snapshot = world.board()
    board = row(snapshot)
    assert sorted(shown_releases(board)) == sorted(world.head.active)
    for cell in board.cells:
        for moving in cell.moving:
            assert moving.release.environment == cell.environment.name
            assert moving.rules == rules_in_the_way(explain(snapshot, moving.release), cell.environment.name)


def test_a_release_that_a_closed_window_holds_names_the_window_on_the_board() -> None:
    world = World(unattended())
    world.windows["staging"] = lambda _: WindowStatus(open=False, reason="closed for a holiday")
    world.push("v1")
    world.settle()
    (moving,) = row(world.board()).cells[0].moving
    assert moving.release.phase is Phase.HELD_BACK
    assert [(rule.name, rule.reason) for rule in moving.rules] == [("window", "closed for a holiday")]


def test_a_rollback_that_waits_for_its_lane_is_on_the_board() -> None:
    world = World(unattended())
    for tag in ("v1", "v2"):
        world.push(tag)
        world.settle()
        world.wait(timedelta(minutes=1))
    world.effects.lose(StepKind.CHECK, "staging")
    world.push("v3")
    world.settle()
    world.command(Verb.ROLLBACK, 1, "staging")
    (cell, *_) = row(world.board()).cells
    assert [moving.release.number for moving in cell.moving] == [3, 4]
    assert [rule.name for rule in cell.moving[1].rules] == ["lane-is-free"]
