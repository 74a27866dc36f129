"""What a step asks of the ledger: each thing once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from slipway.engine.outcome import Finished, Outcome
from slipway.engine.run_step import LEASE, Work
from slipway.ledger import keys
from slipway.ledger.ledger import BETWEEN
from slipway.ledger.table import Row, Write
from slipway.testing import Installation, MemoryTable, write_application
from tests.unit.engine.test_run_step import DONE, sent, step_runner

MOST = 90
"""What a release asks of ledger and index in memory: `make bench ARGS=costs` counts all of it, on real parts."""


class Watched(MemoryTable):
    """Notes each request: a read by where it begins, a transaction by the kinds of its rows."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = list[str]()

    def get(self, partition: str, key: str) -> Row | None:
        self.asked.append(f"get {_kind(key)}")
        return super().get(partition, key)

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        self.asked.append(f"rows {_kind(first)}..{_kind(last)}")
        return super().rows(partition, first, last, limit=limit)

    def transact(self, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        self.asked.append(" ".join(f"{write.act} {_kind(write.key)}" for write in writes))
        return super().transact(partition, writes)

    def about(self, kind: str) -> list[str]:
        return [each for each in self.asked if f" {kind}" in each]


def _kind(key: str) -> str:
    return key.partition("!")[0]


@pytest.fixture
def table() -> Watched:
    return Watched()


@pytest.fixture
def home(table: Watched, tmp_path: Path) -> Installation:
    write_application(tmp_path)
    return Installation(tmp_path, table=table)


def test_a_release_is_read_together_with_what_stands_beside_it(home: Installation, table: Watched) -> None:
    home.push("1.0")
    home.settle()
    table.asked.clear()
    nearby = home.app.ledger.nearby("shop", 1)
    assert table.asked == ["rows head..release"]
    assert (nearby.release, nearby.standing.lanes) == (home.release(1), home.app.ledger.lanes("shop"))
    assert nearby.standing.head == home.app.ledger.head("shop")


def test_a_release_that_many_newer_ones_lie_before_is_read_all_the_same(home: Installation) -> None:
    for number in range(BETWEEN + 1):
        home.push(f"1.{number}")
    nearby = home.app.ledger.nearby("shop", 1)
    assert (nearby.release, nearby.standing.lanes) == (home.release(1), home.app.ledger.lanes("shop"))
    assert keys.release(1) in nearby.etags
    assert keys.HEAD in nearby.etags


def test_a_lease_ends_in_the_transaction_that_commits_the_outcome(home: Installation, table: Watched) -> None:
    home.push("1.0")
    step = home.settle_at(StepKind.DEPLOY, "staging")
    table.asked.clear()
    step_runner(home, lambda work: DONE).run(step)
    taken, committed = table.about("lease")
    assert taken == "create lease"
    assert {"delete lease", "replace head", "create audit"} <= {
        " ".join(pair) for pair in zip(*[iter(committed.split())] * 2, strict=True)
    }
    assert len(table.about("head")) == 2, "it was read once, and written once"


def test_a_report_that_somebody_else_was_ahead_of_is_decided_on_what_is_there_then(
    home: Installation, table: Watched, tmp_path: Path
) -> None:
    home.push("1.0")
    step = home.settle_at(StepKind.DEPLOY, "staging")

    def meanwhile(work: Work) -> Outcome:
        Installation(tmp_path, table=table).push("2.0")
        return DONE

    step_runner(home, meanwhile).run(step)
    assert home.phase(1) is Phase.CHECKING
    assert home.app.ledger.head("shop").active == (1, 2)
    assert home.app.leases.take("shop", step.id, owner="next", now=home.now, length=LEASE), "its lease was given back"


def test_a_step_that_only_looks_takes_no_lease(home: Installation, table: Watched) -> None:
    home.push("1.0")
    step = home.settle_at(StepKind.CHECK, "staging")
    assert home.app.leases.take("shop", step.id, owner="other", now=home.now, length=LEASE)
    replace(home.app.step_runner, effects={StepKind.CHECK: lambda work: DONE}).run(step)
    assert home.phase(1) is not Phase.CHECKING


def test_whoever_looked_and_is_to_change_something_waits_for_whoever_holds_the_step(home: Installation) -> None:
    home.push("1.0")
    step = home.settle_at(StepKind.CHECK, "staging")
    assert home.app.leases.take("shop", step.id, owner="other", now=home.now, length=LEASE)

    def effect(work: Work) -> Finished:
        work.hold()
        return DONE

    replace(home.app.step_runner, effects={StepKind.CHECK: effect}).run(step)
    ((again, _),) = sent(home)
    assert again == step
    assert home.phase(1) is Phase.CHECKING


def test_a_later_release_asks_no_more_than_an_earlier_one(tmp_path: Path, table: Watched) -> None:
    """Two environments and a vote; without the inbox and what the front asks."""
    index = Watched()
    write_application(tmp_path)
    home, counts = Installation(tmp_path, table=table, index_table=index), list[int]()
    for number in range(1, 6):
        table.asked.clear()
        index.asked.clear()
        home.push(f"{number}.0")
        home.settle()
        home.vote(number)
        home.settle()
        assert home.phase(number) is Phase.COMPLETED
        counts.append(len(table.asked) + len(index.asked))
    assert counts[1:] == counts[1:2] * 4
    assert counts[1] <= MOST, counts
