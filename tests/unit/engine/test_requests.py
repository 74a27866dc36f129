"""The requests that a step makes to the ledger: each only once."""

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
from tests.unit.engine.test_run_step import DONE, scheduled_steps, step_runner

MOST = 74
"""The requests that a release makes to ledger and index in memory; `make bench ARGS=costs` counts on real parts."""


class Watched(MemoryTable):
    """Records each request: a read by the kind of its key, a transaction by the kinds of its rows."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = list[str]()

    def get(self, partition: str, key: str) -> Row | None:
        self.requests.append(f"get {_kind(key)}")
        return super().get(partition, key)

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        self.requests.append(f"rows {_kind(first)}..{_kind(last)}")
        return super().rows(partition, first, last, limit=limit)

    def transact(self, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        self.requests.append(" ".join(f"{write.act} {_kind(write.key)}" for write in writes))
        return super().transact(partition, writes)

    def about(self, kind: str) -> list[str]:
        return [request for request in self.requests if f" {kind}" in request]


def _kind(key: str) -> str:
    return key.partition("!")[0]


@pytest.fixture
def table() -> Watched:
    return Watched()


@pytest.fixture
def installation(table: Watched, tmp_path: Path) -> Installation:
    write_application(tmp_path)
    return Installation(tmp_path, table=table)


def test_a_release_is_read_in_one_request_with_its_head_and_lanes(installation: Installation, table: Watched) -> None:
    installation.push("1.0")
    installation.settle()
    table.requests.clear()
    nearby = installation.app.ledger.nearby("shop", 1)
    assert table.requests == ["rows head..release"]
    assert (nearby.release, nearby.rows.lanes) == (installation.release(1), installation.app.ledger.lanes("shop"))
    assert nearby.rows.head == installation.app.ledger.head("shop")


def test_a_release_that_is_older_than_many_others_is_read_with_its_head_and_lanes(installation: Installation) -> None:
    for number in range(BETWEEN + 1):
        installation.push(f"1.{number}")
    nearby = installation.app.ledger.nearby("shop", 1)
    assert (nearby.release, nearby.rows.lanes) == (installation.release(1), installation.app.ledger.lanes("shop"))
    assert keys.release(1) in nearby.etags
    assert keys.HEAD in nearby.etags


def test_a_lease_ends_in_the_transaction_that_commits_the_outcome(installation: Installation, table: Watched) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.DEPLOY, "staging")
    table.requests.clear()
    step_runner(installation, lambda work: DONE).run(step)
    lease_taken, committed = table.about("lease")
    assert lease_taken == "create lease delete outbox"
    assert {"delete lease", "replace head", "create audit"} <= {
        " ".join(pair) for pair in zip(*[iter(committed.split())] * 2, strict=True)
    }
    assert len(table.about("head")) == 2, "it was read once, and written once"


def test_the_row_of_a_message_ends_with_the_lease_of_its_step(installation: Installation, table: Watched) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.DEPLOY, "staging")
    assert len(list(installation.app.ledger.outbox("shop"))) == 1
    outbox_during_step = list[OutboxEntry]()

    def effect(work: Work) -> Finished:
        outbox_during_step.extend(installation.app.ledger.outbox("shop"))
        return DONE

    step_runner(installation, effect).run(step)
    assert outbox_during_step == [], "whoever runs the step needs no second message"
    assert [entry.message.body["kind"] for entry in installation.app.ledger.outbox("shop")] == ["check"]


def test_the_row_of_a_message_whose_step_takes_no_lease_ends_with_its_outcome(
    installation: Installation, table: Watched
) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.CHECK, "staging")
    (row,) = [entry.row for entry in installation.app.ledger.outbox("shop")]
    table.requests.clear()
    replace(installation.app.step_runner, effects={StepKind.CHECK: lambda work: DONE}).run(step.evolve(poll=3))
    assert len(table.about("outbox")) == 1, "in one transaction with everything else"
    assert row not in [entry.row for entry in installation.app.ledger.outbox("shop")]


def test_the_row_of_a_message_that_comes_too_late_is_forgotten(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle_at(StepKind.PLAN, "staging")
    installation.push("2.0")
    (late_step, _) = [Step.model_validate(entry.message.body) for entry in installation.app.ledger.outbox("shop")]
    installation.run_step(late_step)
    assert [entry.message.body["release"] for entry in installation.app.ledger.outbox("shop")] == [2]


def test_a_step_that_takes_long_is_sent_once_more_and_then_its_row_is_gone(installation: Installation) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.CHECK, "staging")
    installation.wait(timedelta(minutes=2))
    assert installation.reconcile().sent == 1
    assert installation.steps() == [], "its id is the same, so the queue drops it"
    assert list(installation.app.ledger.outbox("shop")) == []
    replace(installation.app.step_runner, effects={StepKind.CHECK: lambda work: DONE}).run(step)
    assert installation.phase(1) is not Phase.CHECKING


def test_an_outcome_is_committed_though_the_row_of_its_message_is_gone_since_it_was_read(
    installation: Installation, table: Watched
) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.CHECK, "staging")

    def change_meanwhile(work: Work) -> Finished:
        installation.app.ledger.forget("shop", [entry.row for entry in installation.app.ledger.outbox("shop")])
        return DONE

    replace(installation.app.step_runner, effects={StepKind.CHECK: change_meanwhile}).run(step)
    assert installation.phase(1) is not Phase.CHECKING


def test_an_outcome_after_another_commit_gives_the_lease_back_without_a_request_of_its_own(
    installation: Installation, table: Watched
) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.DEPLOY, "staging")

    def change_meanwhile(work: Work) -> Finished:
        installation.push("2.0")
        table.requests.clear()
        return DONE

    step_runner(installation, change_meanwhile).run(step)
    assert installation.phase(1) is Phase.CHECKING
    assert [request for request in table.requests if request.startswith("delete")] == [], (
        "nothing was left to give back"
    )
    assert installation.app.leases.begun("shop") == {}
    assert step.message_id not in [entry.message.id for entry in installation.app.ledger.outbox("shop")]


def test_an_outcome_after_a_commit_of_another_instance_is_decided_on_the_new_state(
    installation: Installation, table: Watched, tmp_path: Path
) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.DEPLOY, "staging")

    def change_meanwhile(work: Work) -> Outcome:
        Installation(tmp_path, table=table).push("2.0")
        return DONE

    step_runner(installation, change_meanwhile).run(step)
    assert installation.phase(1) is Phase.CHECKING
    assert installation.app.ledger.head("shop").active == (1, 2)
    assert installation.app.leases.take("shop", step.id, owner="next", now=installation.now, length=LEASE), (
        "its lease was given back"
    )


def test_a_step_that_only_looks_takes_no_lease(installation: Installation, table: Watched) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.CHECK, "staging")
    assert installation.app.leases.take("shop", step.id, owner="other", now=installation.now, length=LEASE)
    replace(installation.app.step_runner, effects={StepKind.CHECK: lambda work: DONE}).run(step)
    assert installation.phase(1) is not Phase.CHECKING


def test_a_poll_that_has_to_change_something_waits_for_the_holder_of_the_step(installation: Installation) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.CHECK, "staging")
    assert installation.app.leases.take("shop", step.id, owner="other", now=installation.now, length=LEASE)

    def effect(work: Work) -> Finished:
        work.hold()
        return DONE

    replace(installation.app.step_runner, effects={StepKind.CHECK: effect}).run(step)
    ((next_try, _),) = scheduled_steps(installation)
    assert next_try == step
    assert installation.phase(1) is Phase.CHECKING


def test_a_later_release_costs_no_more_requests_than_an_earlier_one(tmp_path: Path, table: Watched) -> None:
    """Counts two environments and a vote, without the inbox and the front's requests."""
    index = Watched()
    write_application(tmp_path)
    installation, counts = Installation(tmp_path, table=table, index_table=index), list[int]()
    for number in range(1, 6):
        table.requests.clear()
        index.requests.clear()
        installation.push(f"{number}.0")
        installation.settle()
        installation.vote(number)
        installation.settle()
        assert installation.phase(number) is Phase.COMPLETED
        counts.append(len(table.requests) + len(index.requests))
    assert counts[1:] == counts[1:2] * 4
    assert counts[1] <= MOST, counts
