"""Messages come twice and in any order, while processes die and services are away: the delivery ends the same."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.harness import Faults
from tests.faults.story import differences

SEEDS = 24
LAST = 720
"""Faults at points past the end of a run never happen, which is harmless."""

seeds = st.integers(min_value=0, max_value=2**16)
moments = st.frozensets(st.integers(min_value=0, max_value=LAST), max_size=6)
counts = pytest.mark.parametrize(
    "count", [3, pytest.param(int(os.environ.get("FAULT_SCHEDULES", "40")), marks=pytest.mark.thorough)]
)


def schedules(count: int) -> settings:
    return settings(max_examples=count, derandomize="FAULT_SCHEDULES" not in os.environ, database=None)


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_messages_may_come_twice_and_in_any_order(deliveries: Path, seed: int) -> None:
    assert not differences(deliveries, Faults(seed=seed))


@counts
def test_any_schedule_with_crashes_and_outages_ends_the_same(deliveries: Path, count: int) -> None:
    @schedules(count)
    @given(seed=seeds, crash_at=moments, fail_at=moments)
    def check_outcome(seed: int, crash_at: frozenset[int], fail_at: frozenset[int]) -> None:
        assert not differences(deliveries, Faults(seed=seed, crash_at=crash_at, fail_at=fail_at - crash_at))

    check_outcome()


@counts
def test_a_process_that_dies_again_and_again_gets_there_in_the_end(deliveries: Path, count: int) -> None:
    """Dies at six points in a row, each a few steps after the last: crashes while recovering from crashes."""

    @schedules(count)
    @given(seed=seeds, start=st.integers(min_value=0, max_value=LAST))
    def check_outcome(seed: int, start: int) -> None:
        assert not differences(deliveries, Faults(seed=seed, crash_at=frozenset(range(start, start + 24, 4))))

    check_outcome()


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("start", range(0, LAST, 40))
def test_an_outage_of_all_services_for_a_while_is_waited_out(deliveries: Path, start: int) -> None:
    assert not differences(deliveries, Faults(fail_at=frozenset(range(start, start + 15))))
