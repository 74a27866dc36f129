"""A new epoch: what a reset does to releases that are under way."""

from slipway.domain.commands import Verb
from slipway.domain.release import Phase
from tests.unit.domain.gates import at_the_gate, gated
from tests.unit.domain.promises import WatchedWorld
from tests.unit.domain.samples import ADA, MORNING, application, ci_run, production, staging


def test_a_release_behind_one_that_awaits_approval_keeps_its_place_after_a_reset() -> None:
    world = at_the_gate(gated(ADA, when_newer="wait"))
    world.push("v2", "another image")
    world.settle()
    assert world.phase(2) is Phase.QUEUED
    world.command(Verb.FENCE_RESET, reason="the region is gone")
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert world.phase(2) is Phase.QUEUED
    assert world.lanes["production"].next == 2


def test_a_rollout_that_has_begun_is_finished_after_a_reset_and_may_learn_of_its_run() -> None:
    world = WatchedWorld(application(staging(), production()))
    world.push("v1")
    while world.phase(1) is not Phase.DEPLOYING:
        world.deliver(world.outbox.popleft())
    world.command(Verb.FENCE_RESET, reason="the region is gone")
    world.run(ci_run("v1", at=MORNING), image="v1")
    assert (world.phase(1), world.actions()[-1]) == (Phase.DEPLOYING, "release.joined")
    world.settle()
    assert world.live("staging") == 1
