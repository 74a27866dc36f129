"""Whether an image that has had a release gets another one when it is pushed or built again."""

from datetime import timedelta

import pytest

from slipway.domain.application import Start
from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from tests.unit.domain.gates import at_the_gate, gated
from tests.unit.domain.samples import ADA, ci_run, digest, unattended
from tests.unit.domain.world import World

HOUR = timedelta(hours=1)


def delivered(*tags: str, start: Start = Start.PUSH) -> World:
    """The images of these tags went live everywhere, one hour apart."""
    world = World(unattended(start=start))
    for tag in tags:
        world.push(tag)
        world.settle()
        world.wait(HOUR)
    return world


def test_a_revert_to_an_image_that_was_live_before_goes_live_again() -> None:
    world = delivered("v1", "v2")
    world.push("v3", "v1")
    world.settle()
    assert (world.live("production"), world.releases[3].digest) == (3, digest("v1"))
    assert (world.releases[3].tag, world.tags["v3"], world.digests[digest("v1")]) == ("v3", 3, 3)


def test_a_tag_that_is_moved_back_while_its_successor_waits_takes_the_successors_place() -> None:
    world = World(gated())
    world.push("latest", "v1")
    world.settle()
    world.wait(HOUR)
    world.push("latest", "v2")
    world.wait(HOUR)
    world.push("latest", "v1")
    world.settle()
    assert [world.phase(number) for number in (1, 2)] == [Phase.SUPERSEDED, Phase.SUPERSEDED]
    assert (world.phase(3), world.releases[3].digest) == (Phase.AWAITING_APPROVAL, digest("v1"))


def test_an_image_whose_release_failed_is_tried_again_when_it_is_pushed_again() -> None:
    world = World(unattended())
    world.effects.fail(StepKind.PLAN, reason="the cluster is away")
    world.push("v1")
    world.settle()
    assert world.phase(1) is Phase.FAILED
    world.wait(HOUR)
    world.push("v1")
    world.settle()
    assert world.live("production") == 2


def test_another_tag_for_an_image_that_is_live_everywhere_is_recorded_and_starts_nothing() -> None:
    world = delivered("v1")
    world.push("stable", "v1")
    assert (list(world.releases), world.last("image.tagged").details["tag"]) == ([1], "stable")


def test_a_report_that_comes_after_the_release_has_ended_does_not_start_it_again() -> None:
    """CI pushes an image under two tags at once, and the event of the second tag is late."""
    world = World(unattended())
    pushed_at = world.now
    world.effects.fail(StepKind.PLAN, reason="the cluster is away")
    world.push("v1")
    world.wait(timedelta(minutes=1))
    world.settle()
    world.wait(HOUR)
    world.push("latest", "v1", at=pushed_at + timedelta(seconds=2))
    world.push("v1", at=pushed_at, source="reconcile")
    assert list(world.releases) == [1]
    assert world.last("image.tagged").details["tag"] == "latest"


def test_a_tag_that_goes_back_and_forth_is_followed_each_time() -> None:
    world = delivered()
    for image in ("a", "b", "a", "b", "a"):
        world.push("latest", image)
        world.settle()
        world.wait(HOUR)
    assert (world.live("production"), world.releases[5].digest) == (5, digest("a"))


def test_a_push_does_not_release_a_rejected_image_again_and_the_trail_says_why() -> None:
    world = at_the_gate()
    world.reject(1, ADA, "wrong totals")
    world.wait(HOUR)
    world.push("v9", "v1")
    record = world.last("image.ignored")
    assert (list(world.releases), record.details["rule"]) == ([1], "was-not-rejected")
    assert "shop-1 with this image was rejected: wrong totals" in record.details["reason"]


@pytest.mark.parametrize("run_first", [True, False])
def test_a_revert_waits_for_its_own_run_where_releases_need_one(run_first: bool) -> None:
    """The run of the first build does not say who requested the second one."""
    world = World(unattended(start=Start.BOTH))
    for number, image in enumerate(("v1", "v2", "v1"), start=1):
        if number == 3 and run_first:
            world.run(ci_run(f"run {number}", identity=number, at=world.now), image=image)
            world.push(f"b{number}", image)
        else:
            world.push(f"b{number}", image)
            assert world.phase(number) is Phase.JOINING
            world.run(ci_run(f"run {number}", identity=number, at=world.now), image=image)
        world.settle()
        world.wait(HOUR)
    run = world.releases[3].run
    assert run is not None
    assert (world.live("production"), run.id) == (3, 3)


def test_a_run_that_builds_an_older_image_again_starts_a_release_where_runs_start_releases() -> None:
    world = World(unattended(start=Start.RUN))
    for number, image in enumerate(("v1", "v2", "v1"), start=1):
        world.run(ci_run(f"run {number}", identity=number, at=world.now), image=image, tag=f"b{number}")
        world.settle()
        world.wait(HOUR)
    assert (world.live("production"), world.releases[3].digest) == (3, digest("v1"))


def test_a_second_run_for_an_image_that_runs_everywhere_starts_nothing() -> None:
    world = World(unattended(start=Start.RUN))
    for number in (1, 2):
        world.run(ci_run(f"run {number}", identity=number, at=world.now), image="v1", tag="v1")
        world.settle()
        world.wait(HOUR)
    assert list(world.releases) == [1]
    assert world.last("run.recorded").details["reason"] == "shop-1 has a CI run already"


def test_a_run_that_is_reported_after_its_release_has_ended_does_not_hide_a_later_push() -> None:
    """The run of the first build becomes known only after its image was pushed again."""
    world = delivered("v1", "v2")
    pushed_at = world.now
    world.wait(HOUR)
    world.run(ci_run("run 1", identity=1, at=world.now), image="v1")
    world.push("v3", "v1", at=pushed_at)
    world.settle()
    assert world.live("production") == 3


def test_a_run_is_joined_by_its_own_late_push_although_a_newer_release_exists() -> None:
    world = World(unattended(start=Start.BOTH))
    world.run(ci_run("run 1", identity=1, at=world.now), image="v1")
    world.wait(timedelta(minutes=1))
    world.push("b2", "v2")
    world.wait(timedelta(minutes=1))
    world.push("b1", "v1")
    world.settle()
    assert (list(world.releases), world.live("production")) == ([1, 2], 1)
