"""What a step asks of the ledger: each thing once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.release import Phase
from slipway.domain.steps import Step, StepKind
from slipway.engine.outcome import Finished, Outcome
from slipway.engine.run_step import LEASE, Work
from slipway.ledger import OutboxEntry, keys
from slipway.ledger.ledger import BETWEEN
from slipway.ledger.table import Row, Write
from slipway.testing import Installation, MemoryTable, write_application
from tests.unit.engine.test_run_step import DONE, sent, step_runner

MOST = 74
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
    assert (nearby.release, nearby.rows.lanes) == (home.release(1), home.app.ledger.lanes("shop"))
    assert nearby.rows.head == home.app.ledger.head("shop")


def test_a_release_that_many_newer_ones_lie_before_is_read_all_the_same(home: Installation) -> None:
    for number in range(BETWEEN + 1):
        home.push(f"1.{number}")
    nearby = home.app.ledger.nearby("shop", 1)
    assert (nearby.release, nearby.rows.lanes) == (home.release(1), home.app.ledger.lanes("shop"))
    assert keys.release(1) in nearby.etags
    assert keys.HEAD in nearby.etags


def test_a_lease_ends_in_the_transaction_that_commits_the_outcome(home: Installation, table: Watched) -> None:
    home.push("1.0")
    step = home.settle_at(StepKind.DEPLOY, "staging")
    table.asked.clear()
    step_runner(home, lambda work: DONE).run(step)
    taken, committed = table.about("lease")
    assert taken == "create lease delete outbox"
    assert {"delete lease", "replace head", "create audit"} <= {
        " ".join(pair) for pair in zip(*[iter(committed.split())] * 2, strict=True)
    }
    assert len(table.about("head")) == 2, "it was read once, and written once"


def test_the_row_of_a_message_ends_with_the_lease_of_its_step(home: Installation, table: Watched) -> None:
    home.push("1.0")
    step = home.settle_at(StepKind.DEPLOY, "staging")
    assert len(list(home.app.ledger.outbox("shop"))) == 1
    seen = list[OutboxEntry]()

    def effect(work: Work) -> Finished:
        seen.extend(home.app.ledger.outbox("shop"))
        return DONE

    step_runner(home, effect).run(step)
    assert seen == [], "whoever has it in hand needs no second message"
    assert [entry.message.body["kind"] for entry in home.app.ledger.outbox("shop")] == ["check"]


def test_the_row_of_a_message_whose_step_takes_no_lease_ends_with_its_outcome(
    home: Installation, table: Watched
) -> None:
    home.push("1.0")
    step = home.settle_at(StepKind.CHECK, "staging")
    (row,) = [entry.row for entry in home.app.ledger.outbox("shop")]
    table.asked.clear()
    replace(home.app.step_runner, effects={StepKind.CHECK: lambda work: DONE}).run(step.evolve(poll=3))
    assert len(table.about("outbox")) == 1, "in one transaction with all the rest"
    assert row not in [entry.row for entry in home.app.ledger.outbox("shop")]


def test_the_row_of_a_message_that_comes_too_late_is_forgotten(home: Installation) -> None:
    home.push("1.0")
    home.settle_at(StepKind.PLAN, "staging")
    home.push("2.0")
    (late, _) = [Step.model_validate(entry.message.body) for entry in home.app.ledger.outbox("shop")]
    home.run_step(late)
    assert [entry.message.body["release"] for entry in home.app.ledger.outbox("shop")] == [2]


def test_a_step_that_takes_long_is_sent_once_more_and_then_its_row_is_gone(home: Installation) -> None:
    home.push("1.0")
    step = home.settle_at(StepKind.CHECK, "staging")
    home.wait(timedelta(minutes=2))
    assert home.reconcile().sent == 1
    assert home.steps() == [], "its id is the same, so the queue drops it"
    assert list(home.app.ledger.outbox("shop")) == []
    replace(home.app.step_runner, effects={StepKind.CHECK: lambda work: DONE}).run(step)
    assert home.phase(1) is not Phase.CHECKING


def test_an_outcome_is_committed_though_the_row_of_its_message_is_gone_since_it_was_read(
    home: Installation, table: Watched
) -> None:
    home.push("1.0")
    step = home.settle_at(StepKind.CHECK, "staging")

    def meanwhile(work: Work) -> Finished:
        home.app.ledger.forget("shop", [entry.row for entry in home.app.ledger.outbox("shop")])
        return DONE

    replace(home.app.step_runner, effects={StepKind.CHECK: meanwhile}).run(step)
    assert home.phase(1) is not Phase.CHECKING


def test_an_outcome_that_others_were_ahead_of_still_ends_lease_and_row(home: Installation, table: Watched) -> None:
    home.push("1.0")
    step = home.settle_at(StepKind.DEPLOY, "staging")

    def meanwhile(work: Work) -> Finished:
        home.push("2.0")
        table.asked.clear()
        return DONE

    step_runner(home, meanwhile).run(step)
    assert home.phase(1) is Phase.CHECKING
    assert [each for each in table.asked if each.startswith("delete")] == [], "nothing was left to give back"


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
