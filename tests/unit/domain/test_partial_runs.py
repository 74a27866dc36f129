"""Runs that only partially succeeded count where the application says so, and nowhere else."""

import pytest

from slipway.domain.application import Application, Start
from slipway.domain.pipeline import RunResult
from slipway.domain.release import Phase
from tests.unit.domain.samples import ci_run, unattended
from tests.unit.domain.world import World

PARTIAL = "partiallySucceeded"


def application_counting(*results: RunResult) -> Application:
    application = unattended(start=Start.BOTH)
    assert application.pipeline is not None
    return application.evolve(pipeline=application.pipeline.evolve(results=results))


def test_the_image_of_a_partially_succeeded_run_is_released_where_such_runs_count() -> None:
    world = World(application_counting(*RunResult))
    world.push("v1")
    world.run(ci_run("v1", result=PARTIAL), image="v1")
    world.settle()
    assert world.live("production") == 1


def test_a_partially_succeeded_run_cancels_its_release_where_such_runs_do_not_count() -> None:
    world = World(application_counting(RunResult.SUCCEEDED))
    world.push("v1")
    world.run(ci_run("v1", result=PARTIAL), image="v1")
    assert world.phase(1) is Phase.CANCELLED
    assert world.explain(1).headline == f"shop-1 was cancelled: CI run v1 ended as {PARTIAL}."
    assert world.explain(1).next == "Run v1 again: once it succeeds, its image gets a new release."


@pytest.mark.parametrize("result", ["failed", "canceled", "", "partially"])
def test_a_failed_run_cancels_its_release_even_where_partial_success_counts(result: str) -> None:
    world = World(application_counting(*RunResult))
    world.push("v1")
    world.run(ci_run("v1", result=result), image="v1")
    assert world.phase(1) is Phase.CANCELLED
