"""Leases: one owner at a time, until its time is over."""

from datetime import timedelta

import pytest

from slipway.ledger.leases import Leases
from slipway.testing import MemoryTable
from tests.unit.domain.samples import MORNING

LENGTH = timedelta(minutes=2)
STEP = "shop-1/staging/1/deploy"


@pytest.fixture
def leases() -> Leases:
    return Leases(MemoryTable())


def take(leases: Leases, owner: str, *, after: timedelta = timedelta(), step: str = STEP) -> bool:
    return leases.take("shop", step, owner=owner, now=MORNING + after, length=LENGTH)


def test_one_owner_holds_a_step_and_others_do_not(leases: Leases) -> None:
    assert take(leases, "one")
    assert not take(leases, "two")
    assert take(leases, "two", step="shop-1/staging/2/deploy")


def test_the_owner_prolongs_its_lease(leases: Leases) -> None:
    assert take(leases, "one")
    assert take(leases, "one", after=timedelta(minutes=1))
    assert not take(leases, "two", after=timedelta(minutes=2, seconds=30))
    assert take(leases, "two", after=timedelta(minutes=3))


def test_a_lease_that_ran_out_is_taken_over_and_its_owner_has_lost_it(leases: Leases) -> None:
    assert take(leases, "one")
    assert not take(leases, "two", after=LENGTH - timedelta(microseconds=1))
    assert take(leases, "two", after=LENGTH)
    assert not take(leases, "one", after=LENGTH)


def test_a_lease_that_was_given_back_is_free(leases: Leases) -> None:
    assert take(leases, "one")
    leases.give_back("shop", STEP, owner="one")
    assert take(leases, "two")


def test_giving_back_what_somebody_else_holds_changes_nothing(leases: Leases) -> None:
    assert take(leases, "one")
    leases.give_back("shop", STEP, owner="two")
    leases.give_back("shop", "another step", owner="one")
    assert not take(leases, "two")
