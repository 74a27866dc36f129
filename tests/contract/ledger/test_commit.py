"""Loading a state, committing a decision, and sending its messages: all or nothing, and once."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.decide import Decision, decide
from slipway.domain.events import Event
from slipway.domain.release import Phase
from slipway.domain.snapshot import lookups
from slipway.domain.steps import Outgoing, StepKind
from slipway.engine.handle import Outcome
from slipway.ledger import SEEN_PARTS, AlreadySeen, Conflict, LoadedSnapshot, Table, keys
from slipway.ledger.due import SETTLED
from slipway.ledger.pruning import prune_seen
from slipway.ledger.table import Act, Write
from slipway.maintenance.reconcile import SEEN_FOR
from slipway.testing import Installation, MemoryBus, write_application
from tests.interfering import Interfering


@pytest.fixture
def installation(table: Table, tmp_path: Path) -> Installation:
    write_application(tmp_path)
    return Installation(tmp_path, table=table)


def loaded(installation: Installation, event: Event) -> tuple[LoadedSnapshot, Decision]:
    entry = installation.app.catalogue.entries["shop"]
    before = installation.app.ledger.load(entry.policy(installation.now), lookups(entry.application, event))
    return before, decide(before.snapshot, event)


def test_a_committed_decision_is_loaded_again_as_it_was_decided(installation: Installation) -> None:
    event = installation.pushed("1.0")
    before, decision = loaded(installation, event)
    entries = installation.app.ledger.commit(before, decision, event).entries
    after, _ = loaded(installation, installation.pushed("1.1"))
    assert after.snapshot.releases == {release.number: release for release in decision.releases}
    assert after.snapshot.lanes == {lane.environment: lane for lane in decision.lanes}
    assert after.snapshot.head.active == (1,)
    assert after.snapshot.head.sequence == len(decision.records) == len(installation.trail())
    assert [entry.message for entry in entries] == list(decision.messages)
    assert [entry.message for entry in installation.app.ledger.outbox("shop")] == list(decision.messages)
    assert installation.app.ledger.was_handled("shop", event)
    assert installation.app.ledger.release_of("shop", event.digest) == 1


def test_an_event_is_committed_once(installation: Installation) -> None:
    event = installation.pushed("1.0")
    first, decision = loaded(installation, event)
    installation.app.ledger.commit(first, decision, event)
    rows = list(installation.app.table.rows("shop", " ", "~"))
    with pytest.raises((AlreadySeen, Conflict)):
        installation.app.ledger.commit(first, decision, event)
    again, later_decision = loaded(installation, installation.pushed("2.0"))
    with pytest.raises(AlreadySeen):
        installation.app.ledger.commit(again, later_decision, event)
    assert list(installation.app.table.rows("shop", " ", "~")) == rows


def test_a_decision_about_a_state_that_has_changed_is_refused_whole(installation: Installation) -> None:
    first_push, second_push = installation.pushed("1.0"), installation.pushed("1.1")
    (old, decided_old), (new, decided_new) = loaded(installation, first_push), loaded(installation, second_push)
    installation.app.ledger.commit(new, decided_new, second_push)
    rows = list(installation.app.table.rows("shop", " ", "~"))
    with pytest.raises(Conflict):
        installation.app.ledger.commit(old, decided_old, first_push)
    assert list(installation.app.table.rows("shop", " ", "~")) == rows
    assert not installation.app.ledger.unchanged(old)
    assert installation.app.ledger.unchanged(loaded(installation, first_push)[0])


def test_the_handler_decides_again_when_another_instance_committed_first(installation: Installation) -> None:
    pending = [installation.pushed("1.1")]

    def interfere() -> None:
        if pending:
            installation.take(pending.pop())

    rival = Installation(installation.deliveries, table=Interfering(installation.table, interfere))
    rival.wait(timedelta(seconds=1))
    receipt = rival.push("1.2")
    assert receipt.outcome is Outcome.TAKEN
    assert installation.phase(1) is Phase.SUPERSEDED
    assert installation.phase(2) is Phase.PLANNING
    assert installation.verify().intact


def test_a_repeated_event_is_reported_as_repeated_and_creates_no_second_release(installation: Installation) -> None:
    event = installation.pushed("1.0")
    outcomes = [installation.app.handler.handle(event)[0].outcome for _ in range(3)]
    assert outcomes[0] is Outcome.TAKEN
    assert set(outcomes[1:]) <= {Outcome.REPEATED, Outcome.NOTHING}
    assert installation.actions().count("release.created") == 1


def test_a_starting_release_takes_the_place_of_those_that_wait_for_the_facts_of_its_tag(
    table: Table, tmp_path: Path
) -> None:
    write_application(tmp_path, "till", start="both")
    installation = Installation(tmp_path, table=table)
    for number in range(6):
        event = installation.pushed("main", app="till").evolve(digest="sha256:" + f"{number:064x}")
        installation.app.handler.handle(event.evolve(pushed_at=installation.now))
        installation.wait(timedelta(minutes=1))
    assert installation.app.ledger.head("till").active == (1, 2, 3, 4, 5, 6)
    installation.run("77", app="till", tag="main", digest="sha256:" + f"{5:064x}")
    assert installation.app.ledger.head("till").active == (6,)
    assert [str(installation.phase(n, "till")) for n in range(1, 7)] == ["superseded"] * 5 + ["planning"]


def test_hundreds_of_images_under_one_tag_do_not_make_a_decision_too_large(tmp_path: Path) -> None:
    write_application(tmp_path, "till", start="both")
    installation = Installation(tmp_path)
    for number in range(120):
        event = installation.pushed("main", app="till").evolve(digest="sha256:" + f"{number:064x}")
        installation.app.handler.handle(event.evolve(pushed_at=installation.now))
        installation.wait(timedelta(seconds=1))
    installation.run("77", app="till", tag="main", digest="sha256:" + f"{119:064x}")
    assert installation.phase(120, "till") is Phase.PLANNING
    assert installation.phase(119, "till") is Phase.SUPERSEDED
    installation.wait(timedelta(hours=25))
    installation.reconcile()
    assert installation.app.ledger.head("till").active == (120,)
    assert installation.verify("till").intact


# ---- the outbox


class Bus(MemoryBus):
    """Can be made to crash after a message was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts: list[str] = []
        self.crash_after = False

    def send(self, messages: Sequence[Outgoing]) -> None:
        self.attempts += [message.id for message in messages]
        super().send(messages)
        if self.crash_after:
            raise KeyboardInterrupt("the process ends here")


def with_bus(installation: Installation) -> Bus:
    installation.bus = bus = Bus()
    installation.restart()
    return bus


def test_messages_are_sent_after_the_commit_and_leave_the_outbox_once_their_step_is_taken(
    installation: Installation,
) -> None:
    installation.push("1.0")
    assert [step.kind for step in installation.steps()] == [StepKind.PLAN]
    (plan_entry,) = installation.app.ledger.outbox("shop")
    installation.settle_at(StepKind.DEPLOY, "staging")
    (deploy_entry,) = installation.app.ledger.outbox("shop")
    assert (plan_entry.message.body["kind"], deploy_entry.message.body["kind"]) == ("plan", "deploy")


def test_a_message_that_could_not_be_sent_is_sent_by_the_reconcile_timer_once_it_has_settled(
    installation: Installation,
) -> None:
    installation.bus.broken = True
    assert installation.push("1.0").outcome is Outcome.TAKEN
    assert len(list(installation.app.ledger.outbox("shop"))) == 1
    installation.bus.broken = False
    installation.wait(SETTLED - timedelta(seconds=1))
    assert installation.reconcile().sent == 0
    installation.wait(timedelta(seconds=1))
    assert installation.reconcile().sent == 1
    assert installation.reconcile().sent == 0
    assert [step.kind for step in installation.steps()] == [StepKind.PLAN]


def test_a_message_that_the_reconcile_timer_cannot_send_stays_in_the_outbox(installation: Installation) -> None:
    installation.bus.broken = True
    installation.push("1.0")
    installation.wait(SETTLED)
    assert installation.reconcile().sent == 0
    assert len(list(installation.app.ledger.outbox("shop"))) == 1


def test_a_crash_between_sending_and_forgetting_sends_twice_under_one_id(installation: Installation) -> None:
    bus = with_bus(installation)
    bus.crash_after = True
    with pytest.raises(KeyboardInterrupt):
        installation.push("1.0")
    bus.crash_after = False
    installation.wait(SETTLED)
    installation.reconcile()
    assert len(bus.attempts) == 2
    assert len(set(bus.attempts)) == 1
    assert len(bus.sent) == 1
    assert list(installation.app.ledger.outbox("shop")) == []


def test_forgetting_what_another_instance_forgot_is_not_an_error(installation: Installation) -> None:
    installation.bus.broken = True
    installation.push("1.0")
    (entry,) = installation.app.ledger.outbox("shop")
    installation.app.ledger.forget("shop", [entry.row])
    installation.app.ledger.forget("shop", [entry.row])
    assert list(installation.app.ledger.outbox("shop")) == []


def test_an_entry_that_another_instance_removed_does_not_keep_the_others_from_being_removed(
    installation: Installation,
) -> None:
    table = installation.app.table
    table.transact("shop", [Write(act=Act.CREATE, key=key) for key in ("a", "c")])
    installation.app.ledger.forget("shop", ["a", "b", "c"])
    assert list(table.rows("shop", "a", "c")) == []


# ---- tidying


def test_every_old_mark_is_forgotten_in_its_turn_and_no_young_one(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle()
    marks = len(list(installation.app.table.rows("shop", *keys.range_of(keys.SEEN))))
    assert marks > 5
    installation.wait(SEEN_FOR - timedelta(minutes=10))
    installation.push("2.0")
    installation.wait(timedelta(minutes=11))
    forgotten = sum(
        prune_seen(installation.app.table, "shop", installation.now - SEEN_FOR, part=part) for part in range(SEEN_PARTS)
    )
    assert forgotten == marks
    assert len(list(installation.app.table.rows("shop", *keys.range_of(keys.SEEN)))) == 1


def test_a_step_of_every_kind_has_an_outcome_that_fits_into_the_ledger(installation: Installation) -> None:
    """The largest report of a step: many probes with long summaries, and an index with many platforms."""
    installation.push("1.0")
    step = installation.settle_at(StepKind.VERIFY, "staging")
    evidence = [
        {"name": "n" * 128, "environment": "staging", "passed": True, "summary": "ж" * 2000, "log": None}
        for _ in range(21)
    ]
    receipt = installation.finish(step, evidence=evidence, manifests=["sha256:" + "0" * 64] * 1000)
    assert receipt.outcome is Outcome.TAKEN
    assert installation.verify().intact
    assert len(installation.release(1).evidence) == 21
