"""Leases: one owner at a time, until its time is over."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from slipway.ledger.leases import Lease, Leases
from slipway.ledger.table import Act, Row, Write
from slipway.testing import MemoryTable
from tests.unit.domain.samples import MORNING

LENGTH = timedelta(minutes=2)
STEP = "shop-1/staging/1/deploy"


class CountingTable(MemoryTable):
    """Counts requests. The answer to the next write may be lost, and the write be sent once more, as the SDK does."""

    requests = 0
    loses_an_answer = False

    def get(self, partition: str, key: str) -> Row | None:
        self.requests += 1
        return super().get(partition, key)

    def transact(self, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        self.requests += 1
        if self.loses_an_answer:
            self.loses_an_answer = False
            super().transact(partition, writes)
        return super().transact(partition, writes)


@pytest.fixture
def table() -> CountingTable:
    return CountingTable()


@pytest.fixture
def leases(table: CountingTable) -> Leases:
    return Leases(table)


def take(leases: Leases, owner: str, *, after: timedelta = timedelta(), step: str = STEP) -> Lease | None:
    return leases.take("shop", step, owner=owner, now=MORNING + after, length=LENGTH)


def lease_of(leases: Leases, owner: str) -> Lease:
    lease = take(leases, owner)
    assert lease is not None
    return lease


def test_one_owner_holds_a_step_and_others_do_not(leases: Leases) -> None:
    assert take(leases, "one")
    assert not take(leases, "two")
    assert take(leases, "two", step="shop-1/staging/2/deploy")


def test_the_owner_prolongs_its_lease(leases: Leases) -> None:
    assert lease_of(leases, "one").renew(now=MORNING + timedelta(minutes=1), length=LENGTH)
    assert not take(leases, "two", after=timedelta(minutes=2, seconds=30))
    assert take(leases, "two", after=timedelta(minutes=3))


def test_a_lease_that_ran_out_is_taken_over_and_its_owner_has_lost_it(leases: Leases) -> None:
    lease = lease_of(leases, "one")
    assert not take(leases, "two", after=LENGTH - timedelta(microseconds=1))
    assert take(leases, "two", after=LENGTH)
    assert not lease.renew(now=MORNING + LENGTH, length=LENGTH)
    assert not take(leases, "one", after=LENGTH)


def test_a_lease_that_ran_out_is_prolonged_if_nobody_took_it(leases: Leases) -> None:
    assert lease_of(leases, "one").renew(now=MORNING + LENGTH, length=LENGTH)
    assert not take(leases, "two", after=LENGTH)


def test_a_lease_that_was_given_back_is_free(leases: Leases) -> None:
    lease_of(leases, "one").give_back()
    assert take(leases, "two")


def test_giving_back_a_lease_that_another_owner_holds_changes_nothing(leases: Leases) -> None:
    lease = lease_of(leases, "one")
    second = take(leases, "two", after=LENGTH)
    assert second
    lease.give_back()
    assert not take(leases, "three", after=LENGTH)
    second.give_back()
    lease.give_back()
    assert take(leases, "three", after=LENGTH)


def test_a_step_that_nobody_else_holds_costs_a_request_to_take_one_to_prolong_and_one_to_give_back(
    leases: Leases, table: CountingTable
) -> None:
    lease = lease_of(leases, "one")
    assert table.requests == 1
    assert lease.renew(now=MORNING, length=LENGTH)
    assert table.requests == 2
    lease.give_back()
    assert table.requests == 3


@pytest.mark.parametrize("lost", ["take", "renew", "give back"])
def test_a_write_whose_answer_was_lost_still_counts_for_the_owner(
    leases: Leases, table: CountingTable, lost: str
) -> None:
    table.loses_an_answer = lost == "take"
    lease = lease_of(leases, "one")
    table.loses_an_answer = lost == "renew"
    assert lease.renew(now=MORNING, length=LENGTH)
    table.loses_an_answer = lost == "give back"
    lease.give_back()
    assert take(leases, "two")


def test_a_lease_can_be_given_back_after_a_renewal_whose_answer_was_lost(leases: Leases, table: MemoryTable) -> None:
    lease = lease_of(leases, "one")
    assert take(leases, "one"), "the same owner's write, of which the lease does not know the ETag"
    lease.give_back()
    assert take(leases, "two")


class OvertakenTable(CountingTable):
    """A table in which another worker takes the lease over right after it was read."""

    def get(self, partition: str, key: str) -> Row | None:
        row = super().get(partition, key)
        columns = {"Owner": "faster", "Until": (MORNING + 2 * LENGTH).isoformat(), "Step": STEP}
        super().transact(partition, [Write(act=Act.PUT, key=key, values=columns)])
        return row


def test_an_owner_that_is_overtaken_while_taking_over_a_lease_does_not_get_it() -> None:
    leases = Leases(OvertakenTable())
    assert take(leases, "one")
    assert not take(leases, "slower", after=LENGTH)
