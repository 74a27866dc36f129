"""How many trips wait for each other on the two ways that somebody waits for, whatever runs beside them."""

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
def home(trips: Trips, tmp_path: Path) -> Iterator[Installation]:
    """An installation that has delivered a release before, to clusters that are spoken to by HTTP."""
    write_application(tmp_path, text=WITHOUT_TESTS)
    with ExitStack() as stack:
        clusters = {
            name: stack.enter_context(Kubernetes(KubernetesSettings(simulate=True)))
            for name in ("staging", "production")
        }
        for cluster in clusters.values():
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
            answer = urllib3.request("POST", f"{cluster.url}/api/v1/namespaces", body=json.dumps(namespace), timeout=60)
            assert answer.status == 201, answer.data
        addresses = {name: cluster.url for name, cluster in clusters.items()}
        home = Installation(tmp_path, wrap=partial(trips.counted, clusters=addresses))
        trips.count(home.nonprod)
        trips.count(home.prod)
        home.push("1.0")
        settle_until(home, 1, Phase.AWAITING_APPROVAL)
        home.vote(1)
        settle_until(home, 1, Phase.COMPLETED)
        yield home


def settle_until(home: Installation, number: int, phase: Phase) -> None:
    home.settle(until=lambda: home.phase(number) is phase)
    assert home.phase(number) is phase


def test_from_a_push_to_the_first_patch(home: Installation, trips: Trips) -> None:
    pushed = home.pushed("2.0")
    trips.begin()
    with home.app.beginning.room(Queue.EVENTS, b"", again=False):
        home.app.door.take(pushed)
    assert trips.first("cluster PATCH") == 16


def test_from_a_vote_to_the_first_patch(home: Installation, trips: Trips) -> None:
    home.push("2.0")
    settle_until(home, 2, Phase.AWAITING_APPROVAL)
    vote = home.voted(2)
    trips.begin()
    with home.app.beginning.room(Queue.HINTS, b"", again=False):
        concerns(vote.application)
        home.take(vote)
    assert trips.first("cluster PATCH") == 30
