"""Handling events: repeated, late and unknown ones, and state that is read while others write."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from slipway.domain.errors import Inconsistent
from slipway.domain.events import Event
from slipway.domain.release import Phase, Release, VoteDecision
from slipway.engine.handle import ATTEMPTS, Contended, Outcome, UnknownTarget
from slipway.ledger import Ledger, LedgerUnavailable, keys
from slipway.ledger.rows import pack_release
from slipway.ledger.table import Act, Row, Write
from slipway.testing import BEN, Installation, MemoryTable
from slipway.testing.chains import PUBLIC_KEYS, SIGNER
from tests.interfering import Interfering


class Interrupted(MemoryTable):
    """Runs a function right before a row is read, once for each key in `before_read`."""

    def __init__(self) -> None:
        super().__init__()
        self.before_read: dict[str, Callable[[], object]] = {}

    def get(self, partition: str, key: str) -> Row | None:
        interrupt = self.before_read.pop(key, None)
        if interrupt is not None:
            interrupt()
        return super().get(partition, key)


@pytest.fixture
def interrupted(installation: Installation) -> Installation:
    installation.table = Interrupted()
    installation.restart()
    return installation


def outcome_of(installation: Installation, event: Event) -> Outcome:
    (receipt,) = installation.app.handler.handle(event)
    return receipt.outcome


def test_an_event_that_changes_something_is_taken_once(installation: Installation) -> None:
    event = installation.pushed("1.0")
    assert outcome_of(installation, event) is Outcome.TAKEN
    assert outcome_of(installation, event) in (Outcome.REPEATED, Outcome.NOTHING)
    assert len(list(installation.app.ledger.releases("shop", limit=5))) == 1


def test_a_vote_sent_twice_is_counted_once(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle()
    vote = installation.voted(1)
    assert outcome_of(installation, vote) is Outcome.TAKEN
    assert outcome_of(installation, vote) in (Outcome.REPEATED, Outcome.NOTHING)
    assert installation.actions().count("vote.approved") == 1


def test_an_approval_that_a_rejection_overtakes_while_it_is_decided_is_recorded_as_refused(
    installation: Installation,
) -> None:
    installation.push("1.0")
    installation.settle()
    rejections = [installation.voted(1, BEN, VoteDecision.REJECT).evolve(reason="not today")]
    approval = installation.voted(1)

    def reject() -> None:
        if rejections:
            assert outcome_of(installation, rejections.pop()) is Outcome.TAKEN

    overtaken = Ledger(Interfering(installation.table, reject), signer=lambda: SIGNER, keys=lambda: PUBLIC_KEYS)
    (receipt,) = replace(installation.app.handler, ledger=overtaken).handle(approval)
    installation.settle()
    assert (rejections, receipt.outcome) == ([], Outcome.TAKEN)
    assert installation.phase(1) is Phase.REJECTED
    assert [action for action in installation.actions() if action.startswith("vote.")] == [
        "vote.rejected",
        "vote.refused",
    ]
    assert installation.production.applied == 0


def test_an_event_that_concerns_no_application_names_its_repository_or_pipeline(installation: Installation) -> None:
    with pytest.raises(UnknownTarget, match="no application delivers team/other from registry nonprod"):
        installation.app.handler.handle(installation.pushed("1.0").evolve(repository="team/other"))
    with pytest.raises(UnknownTarget, match="no application is built by pipeline 'build' of project 'Shop'"):
        installation.run("7")


def test_rows_that_were_read_during_another_write_are_read_again(interrupted: Installation) -> None:
    """The lane says that release 1 waits; by the time its row is read, it has already been superseded."""
    table = interrupted.table
    assert isinstance(table, Interrupted)
    interrupted.push("1.0")
    other_instance = replace(interrupted.app.handler)
    later, latest = interrupted.pushed("1.1"), interrupted.pushed("1.2")
    table.before_read[keys.release(1)] = lambda: other_instance.handle(later)
    assert outcome_of(interrupted, latest) is Outcome.TAKEN
    assert [interrupted.phase(n) for n in (1, 2, 3)] == [Phase.SUPERSEDED, Phase.SUPERSEDED, Phase.PLANNING]
    assert interrupted.verify().intact


def test_an_inconsistent_row_is_an_error_and_not_contention(installation: Installation) -> None:
    installation.push("1.0")
    release = installation.release(1)
    rejected_release = release.evolve(phase=Phase.REJECTED)
    _put_release(installation, rejected_release)
    with pytest.raises(Inconsistent, match="no step leads from rejected"):
        installation.push("1.1")


def _put_release(installation: Installation, release: Release) -> None:
    installation.app.table.transact("shop", [Write(act=Act.PUT, key=keys.release(1), values=pack_release(release))])


def test_an_event_that_keeps_losing_to_other_writers_is_given_up_after_growing_pauses(
    installation: Installation,
) -> None:
    waits: list[float] = []
    numbers = iter(range(100))

    def interfere() -> None:
        installation.push(f"2.{next(numbers)}")

    busy = Ledger(Interfering(installation.table, interfere), signer=lambda: SIGNER, keys=lambda: PUBLIC_KEYS)
    backoff = replace(installation.app.handler.backoff, pause=waits.append)
    with pytest.raises(Contended, match=f"shop: {ATTEMPTS} decisions about image-pushed lost to other writers"):
        replace(installation.app.handler, ledger=busy, backoff=backoff).handle(installation.pushed("1.0"))
    assert len(waits) == ATTEMPTS
    assert waits == sorted(waits)
    assert all(0 < wait <= 0.5 for wait in waits)


class LosesReplies(MemoryTable):
    """A table that makes the write and loses the reply."""

    away = False

    def transact(self, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        etags = super().transact(partition, writes)
        if self.away and partition == "shop":
            raise LedgerUnavailable("no answer")
        return etags


def test_a_write_whose_answer_was_lost_is_not_done_twice(installation: Installation) -> None:
    table = LosesReplies()
    installation.table = table
    installation.restart()
    event = installation.pushed("1.0")
    table.away = True
    with pytest.raises(LedgerUnavailable):
        installation.app.handler.handle(event)
    table.away = False
    assert outcome_of(installation, event) in (Outcome.REPEATED, Outcome.NOTHING)
    assert len(list(Ledger(table, signer=lambda: SIGNER, keys=lambda: PUBLIC_KEYS).outbox("shop"))) == 1
    assert installation.actions().count("release.created") == 1
