"""Calls that are made ahead run at the same time, however many of them wait for others."""

from functools import partial
from threading import Barrier

import pytest

from slipway.ahead import ahead


def test_calls_made_ahead_run_at_the_same_time_as_their_caller() -> None:
    together = Barrier(3, timeout=60)
    answers = [ahead(together.wait), ahead(together.wait)]
    together.wait()
    assert len({answer() for answer in answers}) == 2


def _down(levels: int) -> int:
    return 1 + ahead(partial(_down, levels - 1))() if levels else 0


def test_calls_made_ahead_may_nest_a_hundred_deep() -> None:
    assert _down(100) == 100


def test_an_exception_of_a_call_made_ahead_is_raised_where_its_answer_is_read() -> None:
    def fails() -> None:
        raise KeyError("gone")

    answer = ahead(fails)
    with pytest.raises(KeyError, match="gone"):
        answer()
