"""A whole delivery in the ledger, and what `verify` finds when the table is edited behind the ledger's back."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from slipway.domain.actions import Action
from slipway.domain.audit import AuditDraft, AuditRecord, chained
from slipway.domain.release import Phase
from slipway.flow.reading import Verdict
from slipway.ledger import Table, keys
from slipway.ledger.rows import pack, pack_audit, unpack_audit
from slipway.ledger.table import TRANSACTION_LIMIT, Act, Row, Value, Write
from tests.unit.flow.deliveries import write_delivery
from tests.unit.flow.house import House

CHANGED = "its content does not match its hash: it was changed after it was written"
UNLINKED = "it does not name the hash of the record before it"
GARBAGE = "its row is not an audit record any more"


def deliver(house: House) -> None:
    """A release goes through staging, is approved, and is brought to production."""
    house.push("1.0")
    house.settle()
    house.intake.take(house.vote(1))
    house.settle()
    assert house.phase(1) is Phase.COMPLETED


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deliveries")
    write_delivery(folder)
    return folder


@pytest.fixture(scope="module")
def story(deliveries: Path) -> list[Row]:
    """The rows of a whole delivery."""
    house = House(deliveries)
    deliver(house)
    return list(house.table.rows("shop", " ", "~"))


@pytest.fixture
def house(table: Table, deliveries: Path, story: list[Row]) -> House:
    """An installation whose table holds the story."""
    writes = [Write(act=Act.CREATE, key=row.key, values=row.values) for row in story]
    for start in range(0, len(writes), TRANSACTION_LIMIT):
        table.transact("shop", writes[start : start + TRANSACTION_LIMIT])
    return House(deliveries, table=table)


def values(house: House, sequence: int) -> Mapping[str, Value]:
    row = house.table.get("shop", keys.audit(sequence))
    assert row is not None
    return row.values


def put(house: House, sequence: int, changed: Mapping[str, Value]) -> None:
    house.table.transact("shop", [Write(act=Act.PUT, key=keys.audit(sequence), values=changed)])


def remove(house: House, sequence: int) -> None:
    house.table.transact("shop", [Write(act=Act.DELETE, key=keys.audit(sequence))])


def last(house: House) -> int:
    return house.ledger.head("shop").sequence


def fault(house: House) -> tuple[int, str]:
    verdict = house.reader.verify("shop")
    assert not verdict.intact
    assert verdict.fault is not None
    assert verdict.records == verdict.fault.sequence - 1 or "the one that the head names" in verdict.fault.reason
    return verdict.fault.sequence, verdict.fault.reason


def test_a_whole_story_is_intact_and_numbered_without_a_gap(table: Table, deliveries: Path) -> None:
    house = House(deliveries, table=table)
    deliver(house)
    records = house.audit()
    assert [record.sequence for record in records] == list(range(1, last(house) + 1))
    assert house.reader.verify("shop") == Verdict(application="shop", records=len(records), intact=True)
    assert list(house.ledger.outbox("shop")) == []


def test_an_application_without_records_is_intact(house: House) -> None:
    assert house.reader.verify("other") == Verdict(application="other", records=0, intact=True)


@pytest.mark.parametrize("column", ["Actor", "Time", "Action", "Details", "Release", "Hash"])
def test_a_changed_record_is_found(house: House, column: str) -> None:
    other = {"Time": "2026-11-23T09:00:00Z", "Details": '{"reason":"none"}', "Action": "gate.passed"}.get(column, "eve")
    put(house, 7, {**values(house, 7), column: other})
    assert fault(house) == (7, CHANGED)


def test_a_record_that_was_changed_with_its_hash_is_found_at_the_next_one(house: House) -> None:
    forged = unpack_audit({**values(house, 7), "Actor": "eve"})
    put(house, 7, pack_audit(forged.evolve(hash=forged.expected_hash())))
    assert fault(house) == (8, UNLINKED)


def test_a_removed_record_is_found(house: House) -> None:
    remove(house, 5)
    assert fault(house) == (5, "expected sequence 5, found 6: a record is missing")


def test_the_removed_first_record_is_found(house: House) -> None:
    remove(house, 1)
    assert fault(house) == (1, "expected sequence 1, found 2: a record is missing")


def test_two_records_that_changed_places_are_found(house: House) -> None:
    third, fourth = values(house, 3), values(house, 4)
    put(house, 3, fourth)
    put(house, 4, third)
    assert fault(house) == (3, "expected sequence 3, found 4: a record is missing")


def test_two_records_that_changed_places_and_numbers_are_found(house: House) -> None:
    third, fourth = values(house, 3), values(house, 4)
    put(house, 3, {**fourth, "Sequence": 3})
    put(house, 4, {**third, "Sequence": 4})
    assert fault(house) == (3, UNLINKED)


def test_a_record_added_between_others_is_found(house: House) -> None:
    house.table.transact("shop", [Write(act=Act.CREATE, key=keys.audit(4) + "a", values=values(house, 4))])
    assert fault(house)[0] == 5


def test_a_record_added_behind_the_end_is_found_though_it_is_well_linked(house: House) -> None:
    end = unpack_audit(values(house, last(house)))
    draft = AuditDraft(action=Action.GATE_PASSED, actor="eve")
    (forged,) = chained([draft], application="shop", time=end.time, sequence=end.sequence, previous=end.hash)
    put(house, forged.sequence, pack_audit(forged))
    assert fault(house) == (forged.sequence, f"the head names {end.sequence} records, and here is one more")


def test_a_cut_tail_is_found(house: House) -> None:
    end = last(house)
    for sequence in (end, end - 1, end - 2):
        remove(house, sequence)
    assert fault(house) == (end - 2, f"the head names {end} records, {end - 3} were found")


def test_a_tail_that_was_cut_together_with_the_heads_number_is_found(house: House) -> None:
    end = last(house)
    remove(house, end)
    _edit_head(house, sequence=end - 1)
    assert fault(house) == (end - 1, "its hash is not the one that the head names")


def test_a_changed_head_is_found(house: House) -> None:
    end = last(house)
    _edit_head(house, hash="sha256:" + "1" * 64)
    assert fault(house) == (end, "its hash is not the one that the head names")


def test_a_removed_head_is_found(house: House) -> None:
    house.table.transact("shop", [Write(act=Act.DELETE, key=keys.HEAD)])
    assert fault(house) == (1, "the head names 0 records, and here is one more")


@pytest.mark.parametrize("garbage", [{"Nonsense": 1}, {"Sequence": 6, "Details": "{"}, {}], ids=str)
def test_a_row_that_is_garbage_is_found_and_shown_as_damaged(house: House, garbage: Mapping[str, Value]) -> None:
    put(house, 6, garbage)
    assert fault(house) == (6, GARBAGE)
    shown = list(house.reader.audit("shop"))
    assert [index for index, item in enumerate(shown, start=1) if not isinstance(item, AuditRecord)] == [6]


def test_a_record_of_another_application_is_found(house: House) -> None:
    put(house, 2, {**values(house, 2), "Application": "other"})
    assert fault(house) == (2, "it belongs to the chain of 'other'")


def test_a_changed_release_row_does_not_touch_the_trail(house: House) -> None:
    release = house.release(1)
    row = house.table.get("shop", keys.release(1))
    assert row is not None
    house.table.transact("shop", [Write(act=Act.PUT, key=row.key, values={**row.values, "Phase": "failed"})])
    assert house.release(1) == release
    assert house.reader.verify("shop").intact


def _edit_head(house: House, **changes: object) -> None:
    head = house.ledger.head("shop").evolve(**changes)
    house.table.transact("shop", [Write(act=Act.PUT, key=keys.HEAD, values=pack(head))])
