"""Histograms of durations: sums do not depend on the order, and quantiles are within their stated error."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.histogram import ERROR, Histogram

LENGTHS = st.lists(st.integers(0, 400 * 24 * 3600 * 1000), min_size=1, max_size=60)


def histogram_of(lengths: list[int]) -> Histogram:
    histogram = Histogram()
    for length in lengths:
        histogram.put(timedelta(milliseconds=length))
    return histogram


@given(LENGTHS, st.floats(0.01, 1))
def test_a_quantile_is_within_its_error_of_a_duration_that_was_put_in(lengths: list[int], share: float) -> None:
    ordered = sorted(lengths)
    rank = max(-(-int(share * 10**9) * len(lengths) // 10**9), 1)
    quantile = histogram_of(lengths).quantile(share)
    assert quantile is not None
    neighbours = {ordered[min(max(index, 0), len(ordered) - 1)] for index in (rank - 2, rank - 1, rank)}
    assert any(
        abs(quantile / timedelta(milliseconds=1) - length) <= ERROR * length + 1e-6 * length + 0.001
        for length in neighbours
    )


@given(LENGTHS, LENGTHS)
def test_the_sum_of_two_histograms_equals_one_of_all_durations(first: list[int], second: list[int]) -> None:
    total, addend = histogram_of(first), histogram_of(second)
    total.add(addend)
    assert total == histogram_of(first + second) == histogram_of(second + first)


@given(LENGTHS)
def test_a_histogram_reads_back_unchanged(lengths: list[int]) -> None:
    assert Histogram.model_validate_json(histogram_of(lengths).model_dump_json()) == histogram_of(lengths)


def test_a_histogram_of_many_durations_stays_small() -> None:
    many = histogram_of([n * n * 997 % (366 * 86_400_000) for n in range(20_000)])
    assert many.count == 20_000
    assert len(many.buckets) < 300


def test_an_empty_histogram_has_no_quantile_and_no_mean() -> None:
    assert Histogram().quantile(0.5) is None
    assert Histogram().mean() is None


def test_a_negative_duration_counts_as_zero() -> None:
    histogram = Histogram()
    histogram.put(timedelta(seconds=-3))
    assert histogram.quantile(0.5) == timedelta()
