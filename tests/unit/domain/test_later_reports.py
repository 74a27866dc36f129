"""What a release that waits for its push or its run shows of the pushes and runs that did not join it."""

from datetime import timedelta

from slipway.domain.application import Start
from slipway.domain.later_reports import SHOWN, LaterReport
from slipway.domain.release import Phase
from tests.unit.domain.samples import application, ci_run, staging
from tests.unit.domain.world import World


def world_that_joins() -> World:
    return World(application(staging(), start=Start.BOTH))


def reports_of(world: World, number: int = 1) -> tuple[LaterReport, ...]:
    return world.explain(number).later_reports


def test_a_run_of_another_branch_is_named_with_its_branch() -> None:
    world = world_that_joins()
    world.push("v1")
    world.run(ci_run("7", branch="refs/heads/topic"), image="v1")
    (only,) = reports_of(world)
    assert only.what == "run 7"
    assert only.why == "branch-counts: branch topic, of main"


def test_a_run_of_another_digest_is_named_with_both_digests() -> None:
    world = world_that_joins()
    world.push("v1")
    world.run(ci_run("7"), image="other", tag="v1")
    world.settle()
    assert world.phase(1) is Phase.JOINING
    (only,) = reports_of(world)
    assert only.what == "run 7"
    assert only.why.startswith("it began shop-2: its digest is ")
    assert ", here it is " in only.why


def test_a_run_of_another_tag_and_the_push_that_it_lacks_name_each_other() -> None:
    world = world_that_joins()
    world.push("v1")
    world.run(ci_run("7"), image="other", tag="v2")
    (of_the_push,) = reports_of(world, 1)
    assert of_the_push.why.startswith("it began shop-2: its tag is v2, here it is v1; its digest is ")
    (of_the_run,) = reports_of(world, 2)
    assert of_the_run.what == "push of v1"
    assert of_the_run.why.startswith("it began shop-1: its tag is v1, here it is v2")


def test_a_run_that_joined_another_release_is_named_with_that_release() -> None:
    world = world_that_joins()
    world.push("v1")
    world.push("v2")
    world.run(ci_run("7"), image="v1")
    (only,) = reports_of(world, 2)
    assert (only.what, only.why) == ("run 7", "it joined shop-1")


def test_a_report_from_shortly_before_the_release_is_shown_as_well() -> None:
    world = world_that_joins()
    world.run(ci_run("7", branch="refs/heads/topic"), image="v1")
    world.wait(timedelta(minutes=1))
    world.push("v1")
    assert [report.what for report in reports_of(world)] == ["run 7"]


def test_an_expired_release_still_shows_the_reports_of_its_time() -> None:
    world = world_that_joins()
    world.push("v1")
    world.run(ci_run("7", branch="refs/heads/topic"), image="v1")
    world.wait(timedelta(days=2))
    world.reconcile()
    world.wait(timedelta(minutes=1))
    world.run(ci_run("8", branch="refs/heads/topic"), image="v1")
    assert world.phase(1) is Phase.EXPIRED
    assert [report.what for report in reports_of(world)] == ["run 7"]


def test_a_report_from_long_before_the_release_is_not_shown() -> None:
    world = world_that_joins()
    world.run(ci_run("7", branch="refs/heads/topic"), image="v1")
    world.wait(timedelta(days=30))
    world.push("v1")
    assert reports_of(world) == ()


def test_a_release_that_no_longer_waits_shows_no_reports() -> None:
    world = world_that_joins()
    world.push("v1")
    world.run(ci_run("7", branch="refs/heads/topic"), image="v1")
    world.run(ci_run("8"), image="v1")
    assert world.phase(1) is not Phase.JOINING
    assert reports_of(world) == ()


def test_only_the_newest_of_many_reports_are_shown() -> None:
    world = world_that_joins()
    world.push("v1")
    for number in range(100, 100 + 2 * SHOWN):
        world.wait(timedelta(seconds=1))
        world.run(ci_run(str(number), branch="refs/heads/topic"), image="v1")
    assert [report.what for report in reports_of(world)] == [f"run {number}" for number in range(119, 109, -1)]
