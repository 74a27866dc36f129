"""Calls that are made ahead run at the same time, however many of them wait for others."""

from functools import partial
from threading import Barrier

import pytest

from slipway.ahead import ahead


def test_what_is_asked_ahead_goes_on_beside_everything_else() -> None:
    together = Barrier(3, timeout=60)
    answers = [ahead(together.wait), ahead(together.wait)]
    together.wait()
    assert len({answer() for answer in answers}) == 2


def _down(levels: int) -> int:
    return 1 + ahead(partial(_down, levels - 1))() if levels else 0


def test_a_question_may_ask_ahead_and_wait_for_the_answer() -> None:
    assert _down(100) == 100


def test_the_answer_raises_what_asking_raised() -> None:
    def fails() -> None:
        raise KeyError("gone")

    answer = ahead(fails)
    with pytest.raises(KeyError, match="gone"):
        answer()
