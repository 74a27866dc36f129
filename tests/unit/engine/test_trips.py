"""How many round trips follow one another on the two paths that people wait for, whatever runs in parallel."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import urllib3

from local.kubernetes.server import Kubernetes
from local.kubernetes.settings import KubernetesSettings
from slipway.domain.queues import Queue
from slipway.domain.release import Phase
from slipway.engine.beginning import concerns
from slipway.testing import APPLICATION, Installation, write_application
from tests.unit.engine.trips import Trips

WITHOUT_TESTS = re.sub(r"    verification:\n(      .*\n)+", "", APPLICATION)


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Trips:
    trips = Trips()
    trips.watch(monkeypatch)
    return trips


@pytest.fixture
def installation(trips: Trips, tmp_path: Path) -> Iterator[Installation]:
    """An installation that has delivered a release before, to clusters over HTTP."""
    write_application(tmp_path, text=WITHOUT_TESTS)
    with ExitStack() as stack:
        clusters = {
            name: stack.enter_context(Kubernetes(KubernetesSettings(simulate=True)))
            for name in ("staging", "production")
        }
        for cluster in clusters.values():
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
            response = urllib3.request(
                "POST", f"{cluster.url}/api/v1/namespaces", body=json.dumps(namespace), timeout=60
            )
            assert response.status == 201, response.data
        addresses = {name: cluster.url for name, cluster in clusters.items()}
        installation = Installation(tmp_path, wrap=partial(trips.counted, clusters=addresses))
        trips.count(installation.nonprod)
        trips.count(installation.prod)
        installation.push("1.0")
        settle_until(installation, 1, Phase.AWAITING_APPROVAL)
        installation.vote(1)
        settle_until(installation, 1, Phase.COMPLETED)
        yield installation


def settle_until(installation: Installation, number: int, phase: Phase) -> None:
    installation.settle(until=lambda: installation.phase(number) is phase)
    assert installation.phase(number) is phase


def test_the_first_patch_after_a_push_takes_as_many_round_trips_as_expected(
    installation: Installation, trips: Trips
) -> None:
    push_event = installation.pushed("2.0")
    trips.begin()
    with installation.app.beginning.room(Queue.EVENTS, b"", again=False):
        installation.app.door.take(push_event)
    assert trips.first("cluster PATCH") == 16


def test_the_first_patch_after_a_vote_takes_as_many_round_trips_as_expected(
    installation: Installation, trips: Trips
) -> None:
    installation.push("2.0")
    settle_until(installation, 2, Phase.AWAITING_APPROVAL)
    vote = installation.voted(2)
    trips.begin()
    with installation.app.beginning.room(Queue.HINTS, b"", again=False):
        concerns(vote.application)
        installation.take(vote)
    assert trips.first("cluster PATCH") == 30
