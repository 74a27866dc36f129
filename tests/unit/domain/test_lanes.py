"""Lanes: one rollout at a time per environment, the newest release next."""

from datetime import timedelta

from slipway.domain.release import Phase, Release
from slipway.domain.steps import StepKind
from tests.unit.domain.effects import Outcome
from tests.unit.domain.samples import ADA, MORNING, PROBED, application, production, staging, unattended
from tests.unit.domain.world import World


def rolling_in_staging() -> World:
    """shop-1 is being checked in staging; the check has not reported yet."""
    world = World(unattended())
    world.effects.lose(StepKind.CHECK, "staging")
    world.push("v1")
    world.settle()
    assert world.phase(1) is Phase.CHECKING
    return world


def let_the_check_pass(world: World, number: int = 1) -> None:
    check = next(step for step in world.steps(StepKind.CHECK) if step.id == world.releases[number].step)
    world.finish(check, Outcome())
    world.settle()


def test_a_release_waits_while_another_is_rolled_out() -> None:
    world = rolling_in_staging()
    world.push("v2", at=MORNING + timedelta(minutes=1))
    world.settle()
    assert world.phase(2) is Phase.QUEUED
    assert world.lanes["staging"].in_progress == 1
    assert world.lanes["staging"].waiting == 2
    assert world.last("release.queued").details["behind"] == "shop-1"


def test_the_queued_release_is_planned_when_the_lane_is_free_again() -> None:
    world = rolling_in_staging()
    world.push("v2", at=MORNING + timedelta(minutes=1))
    let_the_check_pass(world)
    assert [world.phase(n) for n in (1, 2)] == [Phase.COMPLETED, Phase.COMPLETED]
    assert world.live("production") == 2


def test_the_queued_release_goes_on_when_the_rollout_before_it_fails() -> None:
    world = rolling_in_staging()
    world.push("v2", at=MORNING + timedelta(minutes=1))
    check = world.steps(StepKind.CHECK)[0]
    world.finish(check, Outcome(passed=False, reason="the pods crash"))
    world.settle()
    assert [world.phase(n) for n in (1, 2)] == [Phase.FAILED, Phase.COMPLETED]


def test_a_newer_release_takes_the_place_of_the_one_that_waits() -> None:
    world = rolling_in_staging()
    world.push("v2", at=MORNING + timedelta(minutes=1))
    world.push("v3", at=MORNING + timedelta(minutes=2))
    assert [world.phase(n) for n in (2, 3)] == [Phase.SUPERSEDED, Phase.QUEUED]
    assert world.releases[2].superseded_by == 3
    assert world.last("release.superseded").details["superseded_by"] == "shop-3"


def test_an_older_release_that_arrives_late_gives_way_to_the_one_that_is_rolled_out() -> None:
    world = rolling_in_staging()
    world.push("v0", at=MORNING - timedelta(minutes=1))
    assert world.phase(2) is Phase.SUPERSEDED
    assert world.releases[2].reason == "the newer shop-1 is being rolled out"


def test_an_older_release_that_arrives_late_gives_way_to_the_one_that_waits() -> None:
    world = rolling_in_staging()
    world.push("v3", at=MORNING + timedelta(minutes=3))
    world.push("v2", at=MORNING + timedelta(minutes=2))
    assert [world.phase(n) for n in (2, 3)] == [Phase.QUEUED, Phase.SUPERSEDED]
    assert world.releases[3].reason == "the newer shop-2 is already here"


def test_an_older_release_that_arrives_late_gives_way_to_what_is_live() -> None:
    world = World(unattended())
    world.push("v2")
    world.settle()
    world.push("v1", at=MORNING - timedelta(minutes=1))
    assert world.phase(2) is Phase.SUPERSEDED
    assert world.releases[2].reason == "the newer shop-1 is live"


def test_the_later_arrival_of_two_images_pushed_at_once_is_the_newer_release() -> None:
    world = World(unattended())
    world.push("v1")
    world.push("v2")
    world.settle()
    assert [world.phase(n) for n in (1, 2)] == [Phase.SUPERSEDED, Phase.COMPLETED]


def test_a_newer_release_takes_the_place_of_the_one_that_waits_for_approval() -> None:
    world = World(application())
    world.push("v1")
    world.settle()
    world.wait(timedelta(minutes=1))
    world.push("v2")
    world.settle()
    assert [world.phase(n) for n in (1, 2)] == [Phase.SUPERSEDED, Phase.AWAITING_APPROVAL]
    assert world.vote(1, ADA).rules[0].reason == "shop-1 was superseded by shop-2"


def test_a_release_that_is_past_its_gate_is_not_superseded_any_more() -> None:
    world = World(application())
    world.push("v1")
    world.settle()
    world.vote(1, ADA)
    world.wait(timedelta(minutes=1))
    world.push("v2")
    world.settle()
    assert [world.phase(n) for n in (1, 2)] == [Phase.COMPLETED, Phase.AWAITING_APPROVAL]


def test_a_release_waits_before_the_next_environment_while_that_is_busy() -> None:
    world = World(unattended())
    world.effects.lose(StepKind.VERIFY, "production")
    world.push("v1")
    world.settle()
    world.wait(timedelta(minutes=1))
    world.push("v2")
    world.settle()
    assert (world.phase(1), world.phase(2)) == (Phase.VERIFYING, Phase.QUEUED)
    assert world.releases[2].environment == "production"
    assert world.live("staging") == 2


def test_a_burst_of_pushes_makes_the_newest_live_and_supersedes_the_rest() -> None:
    world = World(unattended())
    for second in range(200):
        world.push(f"v{second}", at=MORNING + timedelta(seconds=second))
    world.settle()
    phases = [release.phase for release in world.releases.values()]
    assert phases.count(Phase.COMPLETED) == 1
    assert phases.count(Phase.SUPERSEDED) == 199
    assert world.live("production") == 200
    assert not world.head.active


def test_a_burst_that_arrives_backwards_makes_the_newest_live_too() -> None:
    world = World(unattended())
    for second in reversed(range(100)):
        world.push(f"v{second}", at=MORNING + timedelta(seconds=second))
    world.settle()
    assert world.live("production") == 1
    assert world.releases[1].tag == "v99"


def test_an_environment_without_verification_is_live_when_the_cluster_is_ready() -> None:
    without_probes = PROBED.evolve(http=())
    world = World(application(staging(verification=without_probes)))
    world.push("v1")
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert "verification.requested" not in world.actions(1)


def test_the_rollouts_of_a_release_name_each_environment_and_its_outcome() -> None:
    world = World(unattended())
    world.push("v1")
    world.settle()
    release: Release = world.releases[1]
    assert [(rollout.environment, rollout.outcome) for rollout in release.rollouts] == [
        ("staging", "live"),
        ("production", "live"),
    ]
    assert len(release.evidence) == 2


def test_a_release_whose_environment_is_taken_out_of_the_delivery_is_cancelled() -> None:
    world = World(application(staging(), production(gate=None)))
    world.push("v1")
    world.change(application(production(gate=None)))
    world.settle()
    assert world.phase(1) is Phase.CANCELLED
    assert world.releases[1].reason == "the environment 'staging' is no longer one of the application's"


def test_a_rollout_whose_environment_is_taken_out_of_the_delivery_fails_as_it_touched_a_cluster() -> None:
    world = rolling_in_staging()
    world.change(application(production()))
    let_the_check_pass(world)
    assert world.phase(1) is Phase.FAILED
    assert world.lanes["staging"].in_progress is None
