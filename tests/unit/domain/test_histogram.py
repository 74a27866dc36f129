"""Durations in few numbers: sums do not depend on the order, and quantiles keep their promise."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.histogram import ERROR, Histogram

LENGTHS = st.lists(st.integers(0, 400 * 24 * 3600 * 1000), min_size=1, max_size=60)


def of(lengths: list[int]) -> Histogram:
    histogram = Histogram()
    for length in lengths:
        histogram.put(timedelta(milliseconds=length))
    return histogram


@given(LENGTHS, st.floats(0.01, 1))
def test_a_quantile_is_within_its_error_of_a_duration_that_was_put_in(lengths: list[int], share: float) -> None:
    ordered = sorted(lengths)
    rank = max(-(-int(share * 10**9) * len(lengths) // 10**9), 1)
    found = of(lengths).quantile(share)
    assert found is not None
    near = {ordered[min(max(one, 0), len(ordered) - 1)] for one in (rank - 2, rank - 1, rank)}
    assert any(abs(found / timedelta(milliseconds=1) - true) <= ERROR * true + 1e-6 * true + 0.001 for true in near)


@given(LENGTHS, LENGTHS)
def test_two_histograms_add_up_to_that_of_both(first: list[int], second: list[int]) -> None:
    one, other = of(first), of(second)
    one.add(other)
    assert one == of(first + second) == of(second + first)


@given(LENGTHS)
def test_it_survives_being_written_down(lengths: list[int]) -> None:
    assert Histogram.model_validate_json(of(lengths).model_dump_json()) == of(lengths)


def test_it_stays_small_whatever_is_put_in() -> None:
    many = of([n * n * 997 % (366 * 86_400_000) for n in range(20_000)])
    assert many.count == 20_000
    assert len(many.buckets) < 300


def test_without_durations_nothing_is_said() -> None:
    assert Histogram().quantile(0.5) is None
    assert Histogram().mean() is None


def test_what_seems_to_end_before_it_began_took_no_time() -> None:
    histogram = Histogram()
    histogram.put(timedelta(seconds=-3))
    assert histogram.quantile(0.5) == timedelta()
