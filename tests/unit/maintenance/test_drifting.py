"""The looks at clusters: one per namespace, nothing written while nothing changes, and a failed look is not a clean
one."""

from typing import Any

import pytest

from slipway.domain.commands import Verb
from slipway.domain.release import Phase
from slipway.effects.cluster import AccessDenied, ClusterUnreachable
from slipway.maintenance.drifting import PLAN_LOST
from slipway.testing import Installation
from slipway.testing.storage import MemoryBlobs


@pytest.fixture
def live(installation: Installation) -> Installation:
    installation.push("1.0")
    installation.settle()
    installation.vote(1)
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED
    return installation


def edit(installation: Installation, **fields: Any) -> None:
    """Edit an object in production, as somebody might with kubectl."""
    objects = installation.production.objects
    key = next(key for key in objects if key[1] == "Deployment")
    objects[key] = {**objects[key], "spec": {**objects[key]["spec"], **fields}}


def drift_actions(installation: Installation) -> list[str]:
    return [action for action in installation.actions() if action.startswith("drift.")]


def test_a_quiet_installation_is_looked_at_and_nothing_is_written(live: Installation) -> None:
    before = len(live.trail())
    result = live.app.drift_watch.run()
    assert (result.namespaces, result.news, result.problems) == (2, 0, ())
    assert len(live.trail()) == before


def test_a_change_in_the_cluster_is_found_notified_and_undone_by_a_rollback(live: Installation) -> None:
    edit(live, replicas=7)
    for _ in range(2):
        live.app.drift_watch.run()
        live.settle()
    assert drift_actions(live) == ["drift.found"]
    [notice] = [message for message in live.inbox.messages if message.notice == "drift"]
    assert notice.headline.startswith("shop-1 (1.0), which is live in production: Deployment/")
    drift = live.lane("production").drift
    assert drift is not None
    assert drift.seen.document is not None
    document = live.app.blobs.get(drift.seen.document) or b""
    assert "-  replicas: 7" in document.decode()
    live.command(Verb.ROLLBACK, 1, "production", reason="nobody edits production")
    live.settle()
    assert live.phase(2) is Phase.COMPLETED
    assert drift_actions(live) == ["drift.found", "drift.rollback-ordered", "drift.gone"]
    assert live.app.drift_watch.run().news == 0
    assert live.verify().intact


def test_a_cluster_that_is_away_or_refuses_is_unknown_and_harms_no_other(live: Installation) -> None:
    for error in (ClusterUnreachable("production could not be reached"), AccessDenied("it may not list boats")):
        live.production.errors.append(error)
        result = live.app.drift_watch.run()
        assert result.namespaces == 2
    drift = live.lane("production").drift
    assert drift is not None
    assert drift.seen.unknown == "production could not be reached"
    assert live.lane("staging").drift is None
    assert drift_actions(live) == ["drift.unknown"]
    live.app.drift_watch.run()
    assert drift_actions(live) == ["drift.unknown", "drift.gone"]


def test_a_cluster_that_the_settings_lack_is_unknown(live: Installation) -> None:
    live.without("clusters", "production")
    live.app.drift_watch.run()
    drift = live.lane("production").drift
    assert drift is not None
    assert "production" in drift.seen.unknown


def test_a_plan_that_is_no_longer_kept_is_unknown(live: Installation) -> None:
    plan = live.lane("production").live
    assert plan is not None
    blobs = live.blobs
    assert isinstance(blobs, MemoryBlobs)
    blobs.remove(plan.plan_hash)
    live.app.drift_watch.run()
    drift = live.lane("production").drift
    assert drift is not None
    assert drift.seen.unknown == PLAN_LOST
