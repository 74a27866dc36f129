"""The process dies, or a service is away, at each single point of a delivery: the outcome is the same.

Each test takes a share of the points, so that the work can be spread over processes.
"""

from pathlib import Path

import pytest

from tests.faults.harness import Faults
from tests.faults.story import deaths, differences, expected, play, points, services

SHARES = 40


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("share", range(SHARES))
def test_the_process_may_die_at_any_point(deliveries: Path, share: int) -> None:
    for number in deaths(deliveries)[share::SHARES]:
        differing = differences(deliveries, Faults(crash_at=frozenset({number})))
        assert not differing, f"died at point {number}, {points(deliveries)[number]}"


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("share", range(SHARES))
def test_a_service_may_be_away_at_any_point(deliveries: Path, share: int) -> None:
    for number in services(deliveries)[share::SHARES]:
        differing = differences(deliveries, Faults(fail_at=frozenset({number})))
        assert not differing, f"away at point {number}, {points(deliveries)[number]}"


def test_without_faults_the_first_release_is_live_and_the_second_was_rolled_back(deliveries: Path) -> None:
    outcome = expected(deliveries)
    assert outcome["phases"] == {"1.0": "completed", "2.0": "rolled_back"}
    assert outcome["live"] == {"production": "1.0", "staging": "2.0"}
    assert outcome["config maps"] == []
    assert outcome["actions"]["objects.deleted"] == 2
    assert outcome["intact"] == (True, None)
    assert outcome["actions"]["vote.approved"] == 2
    assert outcome["parked"] == outcome["unsent"] == outcome["dead letters"] == []


def test_the_points_cover_every_port_before_and_after_a_call(deliveries: Path) -> None:
    kinds = {" ".join(point.split()[:2]) for point in points(deliveries)}
    ports = ("table", "index", "bus", "blobs", "anchors", "registry", "cluster", "channel")
    assert kinds == {f"{port} {when}" for port in ports for when in ("before", "after")} | {"message before"}


def test_a_crash_that_is_set_at_a_point_does_happen(deliveries: Path) -> None:
    run = play(deliveries, Faults(crash_at=frozenset({100})))
    assert run.crashes == 1
