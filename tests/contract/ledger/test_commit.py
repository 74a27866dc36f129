"""Loading a state, committing a decision, and sending what it says: all of it or nothing, once."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.causes import Cause
from slipway.domain.decide import Decision, decide
from slipway.domain.release import Phase
from slipway.domain.snapshot import lookups
from slipway.domain.steps import Outgoing, StepKind
from slipway.flow.intake import Outcome
from slipway.flow.sweep import SEEN_FOR, SETTLED
from slipway.ledger import SEEN_PARTS, AlreadySeen, Conflict, Loaded, Table, keys
from tests.unit.flow.deliveries import write_delivery
from tests.unit.flow.house import House


@pytest.fixture
def house(table: Table, tmp_path: Path) -> House:
    write_delivery(tmp_path)
    return House(tmp_path, table=table)


def loaded(house: House, cause: Cause) -> tuple[Loaded, Decision]:
    entry = house.catalogue.entries["shop"]
    before = house.ledger.load(entry.policy(house.time()), lookups(entry.application, cause))
    return before, decide(before.snapshot, cause)


def test_a_committed_decision_is_loaded_again_as_it_was_decided(house: House) -> None:
    cause = house.pushed("1.0")
    before, decision = loaded(house, cause)
    entries = house.ledger.commit(before, decision, cause).entries
    after, _ = loaded(house, house.pushed("1.1"))
    assert after.snapshot.releases == {release.number: release for release in decision.releases}
    assert after.snapshot.lanes == {lane.environment: lane for lane in decision.lanes}
    assert after.snapshot.head.active == (1,)
    assert after.snapshot.head.sequence == len(decision.records) == len(house.audit())
    assert [entry.message for entry in entries] == list(decision.messages)
    assert [entry.message for entry in house.ledger.outbox("shop")] == list(decision.messages)
    assert house.ledger.seen("shop", cause)
    assert house.ledger.release_of("shop", cause.digest) == 1


def test_a_cause_is_committed_once(house: House) -> None:
    cause = house.pushed("1.0")
    first, decision = loaded(house, cause)
    house.ledger.commit(first, decision, cause)
    rows = list(house.table.rows("shop", " ", "~"))
    with pytest.raises((AlreadySeen, Conflict)):
        house.ledger.commit(first, decision, cause)
    again, other = loaded(house, house.pushed("2.0"))
    with pytest.raises(AlreadySeen):
        house.ledger.commit(again, other, cause)
    assert list(house.table.rows("shop", " ", "~")) == rows


def test_a_decision_about_a_state_that_has_changed_is_refused_whole(house: House) -> None:
    one, two = house.pushed("1.0"), house.pushed("1.1")
    (old, decided_old), (new, decided_new) = loaded(house, one), loaded(house, two)
    house.ledger.commit(new, decided_new, two)
    rows = list(house.table.rows("shop", " ", "~"))
    with pytest.raises(Conflict):
        house.ledger.commit(old, decided_old, one)
    assert list(house.table.rows("shop", " ", "~")) == rows
    assert not house.ledger.unchanged(old)
    assert house.ledger.unchanged(loaded(house, one)[0])


def test_intake_decides_again_when_somebody_else_was_faster(house: House) -> None:
    other = [house.pushed("1.1")]

    def interfere(point: str) -> None:
        if point == "decided" and other:
            house.intake.take(other.pop())

    rival = House(Path(house.catalogue.entries["shop"].delivery.folder).parent, table=house.table, reach=interfere)
    rival.time.wait(timedelta(seconds=1))
    receipt = rival.push("1.2")
    assert receipt.outcome is Outcome.TAKEN
    assert house.phase(1) is Phase.SUPERSEDED
    assert house.phase(2) is Phase.PLANNING
    assert house.reader.verify("shop").intact


def test_a_repeated_cause_is_said_to_be_one(house: House) -> None:
    cause = house.pushed("1.0")
    outcomes = [house.intake.take(cause)[0].outcome for _ in range(3)]
    assert outcomes[0] is Outcome.TAKEN
    assert set(outcomes[1:]) <= {Outcome.REPEATED, Outcome.NOTHING}
    assert house.actions().count("release.created") == 1


def test_a_starting_release_takes_the_place_of_those_that_wait_for_the_facts_of_its_tag(
    table: Table, tmp_path: Path
) -> None:
    write_delivery(tmp_path, "till", start="both")
    house = House(tmp_path, table=table)
    for number in range(6):
        cause = house.pushed("main", app="till").evolve(digest="sha256:" + f"{number:064x}")
        house.intake.take(cause.evolve(pushed_at=house.time()))
        house.time.wait(timedelta(minutes=1))
    assert house.ledger.head("till").active == (1, 2, 3, 4, 5, 6)
    house.intake.take(house.run_ended("77", tag="main", digest="sha256:" + f"{5:064x}"))
    assert house.ledger.head("till").active == (6,)
    assert [str(house.phase(n, "till")) for n in range(1, 7)] == ["superseded"] * 5 + ["planning"]


def test_hundreds_of_images_under_one_tag_do_not_make_a_decision_too_large(tmp_path: Path) -> None:
    write_delivery(tmp_path, "till", start="both")
    house = House(tmp_path)
    for number in range(120):
        cause = house.pushed("main", app="till").evolve(digest="sha256:" + f"{number:064x}")
        house.intake.take(cause.evolve(pushed_at=house.time()))
        house.time.wait(timedelta(seconds=1))
    house.intake.take(house.run_ended("77", tag="main", digest="sha256:" + f"{119:064x}"))
    assert house.phase(120, "till") is Phase.PLANNING
    assert house.phase(119, "till") is Phase.SUPERSEDED
    house.time.wait(timedelta(hours=25))
    house.sweep.run(look_for_pushes=False)
    assert house.ledger.head("till").active == (120,)
    assert house.reader.verify("till").intact


# ---- the outbox


class Bus:
    """Sends to the house's queues, and breaks when told so: before a message is sent, or after."""

    def __init__(self, house: House) -> None:
        self.house, self.inner = house, house.bus
        self.attempts: list[str] = []
        self.crash_after = False

    def send(self, messages: Sequence[Outgoing]) -> None:
        self.attempts += [message.id for message in messages]
        self.inner.send(messages)
        if self.crash_after:
            raise KeyboardInterrupt("the process ends here")


def with_bus(house: House) -> Bus:
    bus = Bus(house)
    house.bus = bus
    house._put_together(lambda point: None)
    return bus


def test_messages_are_sent_after_the_commit_and_forgotten(house: House) -> None:
    house.push("1.0")
    assert [step.kind for step in house.steps()] == [StepKind.PLAN]
    assert list(house.ledger.outbox("shop")) == []


def test_what_could_not_be_sent_is_sent_by_the_sweep_once_it_has_settled(house: House) -> None:
    house.bus.broken = True
    assert house.push("1.0").outcome is Outcome.TAKEN
    assert len(list(house.ledger.outbox("shop"))) == 1
    house.bus.broken = False
    house.time.wait(SETTLED - timedelta(seconds=1))
    assert house.sweep.run(look_for_pushes=False).sent == 0
    house.time.wait(timedelta(seconds=1))
    assert house.sweep.run(look_for_pushes=False).sent == 1
    assert house.sweep.run(look_for_pushes=False).sent == 0
    assert [step.kind for step in house.steps()] == [StepKind.PLAN]


def test_the_sweep_leaves_unsent_what_it_cannot_send_either(house: House) -> None:
    house.bus.broken = True
    house.push("1.0")
    house.time.wait(SETTLED)
    assert house.sweep.run(look_for_pushes=False).sent == 0
    assert len(list(house.ledger.outbox("shop"))) == 1


def test_a_crash_between_sending_and_forgetting_sends_twice_under_one_id(house: House) -> None:
    bus = with_bus(house)
    bus.crash_after = True
    with pytest.raises(KeyboardInterrupt):
        house.push("1.0")
    bus.crash_after = False
    house.time.wait(SETTLED)
    house.sweep.run(look_for_pushes=False)
    assert len(bus.attempts) == 2
    assert len(set(bus.attempts)) == 1
    assert len(bus.inner.sent) == 1
    assert list(house.ledger.outbox("shop")) == []


def test_forgetting_what_another_instance_forgot_is_no_error(house: House) -> None:
    house.bus.broken = True
    house.push("1.0")
    (entry,) = house.ledger.outbox("shop")
    house.ledger.forget(entry)
    house.ledger.forget(entry)
    assert list(house.ledger.outbox("shop")) == []


# ---- tidying


def test_every_old_mark_is_forgotten_in_its_turn_and_no_young_one(house: House) -> None:
    house.push("1.0")
    house.settle()
    marks = len(list(house.table.rows("shop", *keys.span(keys.SEEN))))
    assert marks > 5
    house.time.wait(SEEN_FOR - timedelta(minutes=10))
    house.push("2.0")
    house.time.wait(timedelta(minutes=11))
    forgotten = sum(house.ledger.prune_seen("shop", house.time() - SEEN_FOR, part=part) for part in range(SEEN_PARTS))
    assert forgotten == marks
    assert len(list(house.table.rows("shop", *keys.span(keys.SEEN)))) == 1


def test_a_step_of_every_kind_has_an_outcome_that_fits_into_the_ledger(house: House) -> None:
    """The longest that steps report: many probes that say much, many workloads, an index with many platforms."""
    house.push("1.0")
    step = house.settle_at(StepKind.VERIFY, "staging")
    evidence = [
        {"name": "n" * 128, "environment": "staging", "passed": True, "summary": "ж" * 2000, "log": None}
        for _ in range(21)
    ]
    receipt = house.finish(step, evidence=evidence, manifests=["sha256:" + "0" * 64] * 1000)
    assert receipt.outcome is Outcome.TAKEN
    assert house.reader.verify("shop").intact
    assert len(house.release(1).evidence) == 21
