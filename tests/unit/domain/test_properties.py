"""Properties that hold for every sequence of events, with messages out of order, repeated, late or lost, and with
failing steps."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.application import Application, Start
from slipway.domain.commands import Verb
from slipway.domain.gate import ApprovalGate
from slipway.domain.release import Lane, Phase
from tests.unit.domain.operations import GATES, Operation, any_operations, applications, votes_on_one_gate
from tests.unit.domain.promises import WatchedWorld
from tests.unit.domain.samples import MORNING, application, ci_run, digest, production, staging, unattended
from tests.unit.domain.world import World


def world_after(delivered: Application, operations: Sequence[Operation]) -> WatchedWorld:
    world = WatchedWorld(delivered)
    for operation in operations:
        operation.apply(world)
    return world


def end_everything(world: World) -> None:
    """Let time pass and reconcile until no release is active. People end the freezes and holds that people set."""
    for _ in range(100):
        for environment, lane in lanes_in_order(world):
            for verb, block in ((Verb.UNFREEZE, lane.freeze), (Verb.RESUME, lane.hold)):
                if block is not None:
                    world.command(verb, None, environment)
        if world.head.freeze is not None:
            world.unfreeze_everything()
        world.settle()
        if not world.head.active:
            return
        # The windows are open every other hour: an even time could miss them on every pass.
        world.wait(timedelta(hours=2, minutes=25))
        world.reconcile()
    raise AssertionError(f"still active: {[world.releases[n] for n in world.head.active]}")


def state_of(world: World) -> tuple[object, ...]:
    return world.head, world.releases, world.lanes, world.digests, world.tags, world.audit, world.sent


@given(applications(), any_operations())
def test_every_promise_holds_after_every_event(delivered: Application, operations: list[Operation]) -> None:
    world_after(delivered, operations)


@given(st.sampled_from([gate for gate in GATES if isinstance(gate, ApprovalGate)]), votes_on_one_gate())
def test_no_gate_is_passed_without_the_people_it_demands(gate: ApprovalGate, operations: list[Operation]) -> None:
    world = WatchedWorld(application(staging(), production(gate=gate), notify=("team",)))
    world.push("v1")
    world.settle()
    for operation in operations:
        operation.apply(world)
    end_everything(world)


@given(applications(), any_operations())
def test_everything_ends_when_time_passes(delivered: Application, operations: list[Operation]) -> None:
    world = world_after(delivered, operations)
    end_everything(world)
    assert world.nothing_is_left()
    assert all(release.phase.final for release in world.releases.values())


@given(applications(), any_operations())
def test_nothing_is_stuck_when_every_step_was_answered(delivered: Application, operations: list[Operation]) -> None:
    without_losses = [operation for operation in operations if getattr(operation, "outcome", "") != "is lost"]
    world = world_after(delivered, without_losses)
    world.settle()
    assert not world.steps_under_way()
    behind_others = {lane.next for lane in world.lanes.values()}
    waiting = {world.phase(number) for number in world.head.active if number not in behind_others}
    assert waiting <= {Phase.JOINING, Phase.SOAKING, Phase.AWAITING_APPROVAL, Phase.HELD_BACK}


@given(applications(), any_operations(changes=False))
def test_taking_in_every_event_twice_is_the_same_as_once(delivered: Application, operations: list[Operation]) -> None:
    taken_once = world_after(delivered, operations)
    taken_twice = WatchedWorld(delivered)
    for now, event in taken_once.taken:
        taken_twice.now = now
        taken_twice.take(event)
        taken_twice.take(event)
    assert state_of(taken_twice) == state_of(taken_once)


@given(applications(), any_operations(changes=False), st.randoms(use_true_random=False))
def test_the_promises_hold_when_everything_comes_again_in_another_order(
    delivered: Application, operations: list[Operation], random: Random
) -> None:
    first = world_after(delivered, operations)
    shuffled = WatchedWorld(delivered)
    shuffled.effects.registry.update(first.effects.registry)
    events = [event for _, event in first.taken] * 2
    random.shuffle(events)
    for event in events:
        shuffled.take(event)
        if random.random() < 0.2:
            shuffled.settle()
    end_everything(shuffled)
    assert shuffled.nothing_is_left()


@given(st.permutations(range(8)), st.lists(st.booleans(), min_size=8, max_size=8))
def test_the_newest_push_is_live_in_the_end_whatever_the_order_of_arrival(
    minutes: list[int], settled: list[bool]
) -> None:
    world = WatchedWorld(unattended())
    for minute, settle in zip(minutes, settled, strict=True):
        world.push(f"v{minute}", at=MORNING + timedelta(minutes=minute))
        if settle:
            world.settle()
    world.settle()
    live = world.lanes["production"].live
    assert live is not None
    assert live.tag == "v7"
    assert {release.phase for release in world.releases.values()} <= {Phase.COMPLETED, Phase.SUPERSEDED}


@given(
    st.sampled_from(list(Start)),
    st.permutations([(fact, minute) for fact in ("push", "run") for minute in range(4)]),
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.booleans(),
)
def test_the_newest_image_is_live_in_the_end_whatever_the_order_of_pushes_and_runs(
    start: Start, facts: list[tuple[str, int]], settled: list[bool], twice: bool
) -> None:
    world = WatchedWorld(unattended(start=start))
    for minute in range(4):
        world.effects.registry[f"v{minute}"] = digest(f"v{minute}")
    for (fact, minute), settle in zip(facts, settled, strict=True):
        at = MORNING + timedelta(minutes=minute)
        for _ in range(2 if twice else 1):
            if fact == "push":
                world.push(f"v{minute}", at=at)
            else:
                world.run(ci_run(f"v{minute}", at=at))
        if settle:
            world.settle()
    world.settle()
    live = world.lanes["production"].live
    assert live is not None
    assert live.tag == "v3"


@given(applications(), any_operations())
def test_every_release_can_be_explained_at_any_time(delivered: Application, operations: list[Operation]) -> None:
    world = world_after(delivered, operations)
    for release in world.releases.values():
        explanation = world.explain(release.number)
        assert explanation.headline.startswith(release.id)
        assert explanation.headline.endswith(".")
        assert explanation.next.endswith(".")
        live = [
            part.environment for part in explanation.rules if part.rules[-1].name == "is-live" and part.rules[-1].passed
        ]
        assert live == [
            name for name, lane in lanes_in_order(world) if lane.live and lane.live.release == release.number
        ]


def lanes_in_order(world: World) -> list[tuple[str, Lane]]:
    names = [environment.name for environment in world.application.environments]
    return [(name, world.lanes[name]) for name in names if name in world.lanes]
