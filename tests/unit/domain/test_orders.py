"""Orders: each rollout and each rollback gets a higher one than any before in its lane."""

from datetime import timedelta

import pytest

from slipway.domain.commands import Verb
from slipway.domain.order import PLACES_KEPT, Order, TakenOrder, last_taken_order, with_taken_order
from slipway.domain.release import Phase
from slipway.domain.rules import Rule
from slipway.domain.steps import StepKind
from tests.unit.domain.samples import unattended
from tests.unit.domain.world import World

ORDERED = (StepKind.DEPLOY, StepKind.CHECK, StepKind.VERIFY, StepKind.ROLL_BACK)


def order(number: int, epoch: int = 0) -> Order:
    return Order(epoch=epoch, number=number)


def taken_order(number: int, *, cluster: str = "staging", epoch: int = 0) -> TakenOrder:
    return TakenOrder(cluster=cluster, namespace="shop", order=order(number, epoch))


def push_and_settle(world: World, tag: str) -> None:
    world.push(tag)
    world.settle()
    world.wait(timedelta(minutes=1))


def orders_of_steps(world: World, kind: StepKind, environment: str = "staging") -> list[str]:
    return [str(step.order) for step in world.steps(kind) if step.environment == environment]


def test_each_rollout_of_a_lane_has_a_higher_order_and_each_lane_counts_by_itself() -> None:
    world = World(unattended())
    for tag in ("v1", "v2"):
        push_and_settle(world, tag)
    assert (
        orders_of_steps(world, StepKind.DEPLOY)
        == orders_of_steps(world, StepKind.DEPLOY, "production")
        == ["0.1", "0.2"]
    )


def test_all_steps_of_a_rollout_have_its_order_and_no_others_have_one() -> None:
    world = World(unattended())
    push_and_settle(world, "v1")
    of_rollout = {str(step.order) for kind in ORDERED for step in world.steps(kind)}
    assert of_rollout == {"0.1"}
    assert [step.order for kind in StepKind if kind not in ORDERED for step in world.steps(kind) if step.order] == []


def test_a_rollback_has_a_higher_order_than_the_rollout_that_failed_and_a_retry_than_both() -> None:
    world = World(unattended())
    push_and_settle(world, "v1")
    world.effects.fail(StepKind.CHECK, "staging")
    push_and_settle(world, "v2")
    assert orders_of_steps(world, StepKind.ROLL_BACK) == ["0.3"]
    world.command(Verb.RETRY, 2)
    world.settle()
    assert orders_of_steps(world, StepKind.DEPLOY) == ["0.1", "0.2", "0.4"]
    assert (
        next(
            r for r in reversed(world.audit) if r.action == "rollout.requested" and r.environment == "staging"
        ).details["order"]
        == "0.4"
    )


def test_a_step_that_is_sent_again_keeps_its_order() -> None:
    world = World(unattended())
    world.effects.lose(StepKind.DEPLOY, "staging")
    push_and_settle(world, "v1")
    world.wait(timedelta(hours=1))
    world.reconcile()
    world.settle()
    assert orders_of_steps(world, StepKind.DEPLOY) == ["0.1", "0.1"]


def test_a_taken_order_is_recorded_and_passed_to_the_next_rollout() -> None:
    world = World(unattended())
    world.effects.answer(StepKind.DEPLOY, "staging", taken=taken_order(1).model_dump(mode="json"))
    push_and_settle(world, "v1")
    assert next(r for r in world.audit if r.action == "rollout.applied").details["taken"] == taken_order(1).model_dump(
        mode="json"
    )
    push_and_settle(world, "v2")
    second = world.steps(StepKind.DEPLOY)[-2]
    assert (second.environment, second.taken) == ("staging", (taken_order(1),))


@pytest.mark.parametrize("kind", ORDERED[:3])
def test_a_rollout_that_was_overtaken_in_the_cluster_is_superseded_and_rolls_nothing_back(kind: StepKind) -> None:
    world = World(unattended())
    push_and_settle(world, "v1")
    rule = Rule.NO_NEWER_ROLLOUT.fails("superseded by a newer rollout: order 0.9 was taken, and this one has 0.2")
    order_found = order(9).model_dump(mode="json")
    world.effects.refuse(kind, rule, "staging", found=order_found, removed=["ConfigMap/old"])
    push_and_settle(world, "v2")
    assert world.phase(2) is Phase.SUPERSEDED
    assert "superseded by a newer rollout" in world.releases[2].reason
    record = world.last("rollout.overtaken")
    assert (record.details["found"], record.details["removed"]) == (order_found, ["ConfigMap/old"])
    assert not world.steps(StepKind.ROLL_BACK)
    assert world.lanes["staging"].failed is None
    push_and_settle(world, "v3")
    assert orders_of_steps(world, StepKind.DEPLOY)[-1] == "0.10"


def test_orders_do_not_continue_from_one_of_another_epoch() -> None:
    world = World(unattended())
    order_found = order(9, epoch=1).model_dump(mode="json")
    world.effects.refuse(
        StepKind.DEPLOY, Rule.NO_NEWER_ROLLOUT.fails("order 1.9 was taken"), "staging", found=order_found
    )
    push_and_settle(world, "v1")
    push_and_settle(world, "v2")
    assert orders_of_steps(world, StepKind.DEPLOY) == ["0.1", "0.2"]


def test_a_fence_that_somebody_touched_stops_the_release_by_name() -> None:
    world = World(unattended())
    world.effects.refuse(StepKind.DEPLOY, Rule.FENCE_IS_UNTOUCHED.fails("the Lease is gone"), "staging")
    push_and_settle(world, "v1")
    assert world.phase(1) is Phase.FAILED
    assert world.last("fence.touched").details["rules"] == ["fence-is-untouched"]
    assert not world.steps(StepKind.ROLL_BACK)


def test_a_ledger_that_the_lease_contradicts_holds_the_next_release_back() -> None:
    world = World(unattended())
    world.effects.refuse(StepKind.DEPLOY, Rule.LEDGER_IS_WHOLE.fails("record 9 is missing"), "production")
    push_and_settle(world, "v1")
    assert world.phase(1) is Phase.FAILED
    assert world.last("ledger.rewound").details["reason"].endswith("record 9 is missing")
    push_and_settle(world, "v2")
    assert world.phase(2) is Phase.HELD_BACK


def test_orders_are_compared_by_epoch_and_then_by_number() -> None:
    assert order(2) < order(10) < order(1, epoch=1)
    assert not order(2) < order(2)


def test_each_place_keeps_its_last_order_and_the_oldest_places_are_forgotten() -> None:
    orders_taken = with_taken_order(
        with_taken_order((taken_order(1),), taken_order(2, cluster="other")), taken_order(3)
    )
    assert (last_taken_order(orders_taken, cluster="staging", namespace="shop"), len(orders_taken)) == (order(3), 2)
    assert last_taken_order(orders_taken, cluster="staging", namespace="elsewhere") is None
    for number in range(PLACES_KEPT):
        orders_taken = with_taken_order(orders_taken, taken_order(number, cluster=f"c{number}"))
    assert (len(orders_taken), last_taken_order(orders_taken, cluster="staging", namespace="shop")) == (
        PLACES_KEPT,
        None,
    )
