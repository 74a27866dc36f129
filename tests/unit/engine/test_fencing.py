"""Rollouts through the whole app under the fence: what the Lease holds, and what happens if it was changed."""

from pathlib import Path

import pytest

from slipway.domain.fence import Fence
from slipway.domain.order import Order, TakenOrder
from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from slipway.testing import Installation, MemoryCluster, write_application
from slipway.testing.claims import claim


@pytest.fixture
def live(tmp_path: Path) -> Installation:
    """Release 1 is live everywhere."""
    write_application(tmp_path)
    installation = Installation(tmp_path)
    deliver(installation, 1)
    assert installation.phase(1) is Phase.COMPLETED
    return installation


def deliver(installation: Installation, number: int) -> None:
    """Push the version and approve its release if it waits for approval."""
    installation.push(f"1.{number}.0")
    installation.settle()
    newest = installation.app.ledger.head("shop").next_release - 1
    if installation.phase(newest) is Phase.AWAITING_APPROVAL:
        installation.vote(newest)
        installation.settle()


def lease(cluster: MemoryCluster, environment: str) -> Fence:
    (text,) = (text for (_, name), text in cluster.leases.items() if name == f"slipway-shop-{environment}")
    return Fence.model_validate_json(text)


def record(installation: Installation, action: str) -> dict[str, object]:
    return next(entry.details for entry in reversed(list(installation.trail())) if entry.action == action)


def test_the_lease_names_the_order_and_a_record_that_the_ledger_holds(live: Installation) -> None:
    for cluster, environment in ((live.staging, "staging"), (live.production, "production")):
        fence = lease(cluster, environment)
        assert fence.order == Order(epoch=0, number=1)
        assert fence.head.hash in {entry.hash for entry in live.trail() if entry.sequence == fence.head.sequence}
        assert live.app.public_keys.fault(fence.sig, fence.hash.encode()) == ""
    assert set(live.staging.orders.values()) == {"0.1"}


def test_an_order_is_recorded_in_its_lane_once_it_was_taken(live: Installation) -> None:
    orders_taken = live.app.ledger.lanes("shop")["staging"].taken
    assert orders_taken == (TakenOrder(cluster="staging", namespace="shop", order=Order(epoch=0, number=1)),)


def test_a_rollback_takes_a_higher_order_and_records_it(live: Installation) -> None:
    live.staging.broken.add(live.build("1.2.0"))
    deliver(live, 2)
    assert live.phase(2) is Phase.ROLLED_BACK
    assert lease(live.staging, "staging").order == Order(epoch=0, number=3)
    assert live.app.ledger.lanes("shop")["staging"].taken[0].order == Order(epoch=0, number=3)


def test_a_step_that_runs_again_after_a_newer_rollout_changes_nothing_and_fails_nothing(live: Installation) -> None:
    live.push("1.2.0")
    late_step = live.settle_at(StepKind.DEPLOY, "staging")
    live.run_step(late_step)
    live.settle()
    deliver(live, 3)
    applied_before = live.staging.applied
    live.run_step(late_step)
    live.settle()
    assert live.staging.applied == applied_before
    assert live.phase(2) is not Phase.FAILED
    assert lease(live.staging, "staging").order == Order(epoch=0, number=3)


def test_a_lease_that_was_deleted_stops_the_next_rollout_by_name(live: Installation) -> None:
    live.staging.leases.clear()
    applied = live.staging.applied
    deliver(live, 2)
    assert live.phase(2) is Phase.FAILED
    assert "fence-is-untouched: the Lease slipway-shop-staging is gone" in live.release(2).reason
    assert record(live, "fence.touched")["rules"] == ["fence-is-untouched"]
    assert live.staging.applied == applied


def test_a_lease_that_was_rewritten_is_reported_with_the_writer_that_the_cluster_names(live: Installation) -> None:
    (key,) = live.staging.leases
    live.staging.leases[key] = claim(9, installation="elsewhere").fence.text
    live.staging.wrote_lease = "kubectl-edit at 2026-11-28T09:30:00Z"
    deliver(live, 2)
    assert live.phase(2) is Phase.FAILED
    assert "its managed fields name last: kubectl-edit" in str(record(live, "fence.touched")["reason"])
