"""A whole delivery in the ledger, and what `verify` finds when the table is edited behind the ledger's back."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from slipway.domain.actions import Action
from slipway.domain.audit import AuditDraft, AuditRecord
from slipway.domain.release import Phase
from slipway.ledger import Table, keys
from slipway.ledger.rows import pack, pack_audit, unpack_audit
from slipway.ledger.table import TRANSACTION_LIMIT, Act, Row, Value, Write
from slipway.testing import Installation, write_application
from slipway.testing.chains import signed_anew, signed_chain

CHANGED = "its content does not match its hash: it was changed after it was written"
UNLINKED = "it does not name the hash of the record before it"
GARBAGE = "its row is not an audit record any more"


def deliver(installation: Installation) -> None:
    """A release goes through staging, is approved, and is brought to production."""
    installation.push("1.0")
    installation.settle()
    installation.vote(1)
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deliveries")
    write_application(folder)
    return folder


@pytest.fixture(scope="module")
def story(deliveries: Path) -> list[Row]:
    """The rows of a whole delivery."""
    installation = Installation(deliveries)
    deliver(installation)
    return list(installation.app.table.rows("shop", " ", "~"))


@pytest.fixture
def installation(table: Table, deliveries: Path, story: list[Row]) -> Installation:
    """An installation whose table holds the story."""
    writes = [Write(act=Act.CREATE, key=row.key, values=row.values) for row in story]
    for start in range(0, len(writes), TRANSACTION_LIMIT):
        table.transact("shop", writes[start : start + TRANSACTION_LIMIT])
    return Installation(deliveries, table=table)


def values(installation: Installation, sequence: int) -> Mapping[str, Value]:
    row = installation.app.table.get("shop", keys.audit(sequence))
    assert row is not None
    return row.values


def put(installation: Installation, sequence: int, changed: Mapping[str, Value]) -> None:
    installation.app.table.transact("shop", [Write(act=Act.PUT, key=keys.audit(sequence), values=changed)])


def remove(installation: Installation, sequence: int) -> None:
    installation.app.table.transact("shop", [Write(act=Act.DELETE, key=keys.audit(sequence))])


def last(installation: Installation) -> int:
    return installation.app.ledger.head("shop").sequence


def fault(installation: Installation) -> tuple[int, str]:
    verdict = installation.verify()
    assert not verdict.intact
    assert verdict.fault is not None
    assert verdict.records == verdict.fault.sequence - 1 or "the one that the head names" in verdict.fault.reason
    return verdict.fault.sequence, verdict.fault.reason


def test_a_whole_story_is_intact_and_numbered_without_a_gap(table: Table, deliveries: Path) -> None:
    installation = Installation(deliveries, table=table)
    deliver(installation)
    records = installation.trail()
    assert [record.sequence for record in records] == list(range(1, last(installation) + 1))
    verdict = installation.verify()
    assert (verdict.records, verdict.intact) == (len(records), True)
    assert list(installation.app.ledger.outbox("shop")) == []


def test_an_application_without_records_is_intact(installation: Installation) -> None:
    verdict = installation.verify("other")
    assert (verdict.records, verdict.intact) == (0, True)


@pytest.mark.parametrize("column", ["Actor", "Time", "Action", "Details", "Release", "Hash"])
def test_a_changed_record_is_found(installation: Installation, column: str) -> None:
    replacement = {"Time": "2026-11-23T09:00:00Z", "Details": '{"reason":"none"}', "Action": "gate.passed"}.get(
        column, "eve"
    )
    put(installation, 7, {**values(installation, 7), column: replacement})
    assert fault(installation) == (7, CHANGED)


def test_a_record_that_was_changed_with_its_hash_is_found_at_the_next_one(installation: Installation) -> None:
    forged = unpack_audit({**values(installation, 7), "Actor": "eve"})
    put(installation, 7, pack_audit(signed_anew(forged)))
    assert fault(installation) == (8, UNLINKED)


def test_a_removed_record_is_found(installation: Installation) -> None:
    remove(installation, 5)
    assert fault(installation) == (5, "expected sequence 5, found 6: a record is missing")


def test_the_removed_first_record_is_found(installation: Installation) -> None:
    remove(installation, 1)
    assert fault(installation) == (1, "expected sequence 1, found 2: a record is missing")


def test_two_records_that_changed_places_are_found(installation: Installation) -> None:
    third, fourth = values(installation, 3), values(installation, 4)
    put(installation, 3, fourth)
    put(installation, 4, third)
    assert fault(installation) == (3, "expected sequence 3, found 4: a record is missing")


def test_two_records_that_changed_places_and_numbers_are_found(installation: Installation) -> None:
    third, fourth = values(installation, 3), values(installation, 4)
    put(installation, 3, {**fourth, "Sequence": 3})
    put(installation, 4, {**third, "Sequence": 4})
    assert fault(installation) == (3, UNLINKED)


def test_a_record_added_between_others_is_found(installation: Installation) -> None:
    installation.app.table.transact(
        "shop", [Write(act=Act.CREATE, key=keys.audit(4) + "a", values=values(installation, 4))]
    )
    assert fault(installation)[0] == 5


def test_a_record_added_behind_the_end_is_found_though_it_is_well_linked(installation: Installation) -> None:
    end = unpack_audit(values(installation, last(installation)))
    draft = AuditDraft(action=Action.GATE_PASSED, actor="eve")
    (forged,) = signed_chain([draft], application="shop", time=end.time, sequence=end.sequence, previous=end.hash)
    put(installation, forged.sequence, pack_audit(forged))
    assert fault(installation) == (forged.sequence, f"the head names {end.sequence} records, and here is one more")


def test_a_cut_tail_is_found(installation: Installation) -> None:
    end = last(installation)
    for sequence in (end, end - 1, end - 2):
        remove(installation, sequence)
    assert fault(installation) == (end - 2, f"the head names {end} records, {end - 3} were found")


def test_a_tail_that_was_cut_together_with_the_heads_number_is_found(installation: Installation) -> None:
    end = last(installation)
    remove(installation, end)
    _edit_head(installation, sequence=end - 1)
    assert fault(installation) == (end - 1, "its hash is not the one that the head names")


def test_a_changed_head_is_found(installation: Installation) -> None:
    end = last(installation)
    _edit_head(installation, hash="sha256:" + "1" * 64)
    assert fault(installation) == (end, "its hash is not the one that the head names")


def test_a_removed_head_is_found(installation: Installation) -> None:
    installation.app.table.transact("shop", [Write(act=Act.DELETE, key=keys.HEAD)])
    assert fault(installation) == (1, "the head names 0 records, and here is one more")


@pytest.mark.parametrize("garbage", [{"Nonsense": 1}, {"Sequence": 6, "Details": "{"}, {}], ids=str)
def test_a_row_that_is_garbage_is_found_and_shown_as_damaged(
    installation: Installation, garbage: Mapping[str, Value]
) -> None:
    put(installation, 6, garbage)
    assert fault(installation) == (6, GARBAGE)
    rows = list(installation.app.reader.audit("shop"))
    assert [index for index, item in enumerate(rows, start=1) if not isinstance(item, AuditRecord)] == [6]


def test_a_record_of_another_application_is_found(installation: Installation) -> None:
    put(installation, 2, {**values(installation, 2), "Application": "other"})
    assert fault(installation) == (2, "it belongs to the chain of 'other'")


def test_a_changed_release_row_does_not_touch_the_trail(installation: Installation) -> None:
    release = installation.release(1)
    row = installation.app.table.get("shop", keys.release(1))
    assert row is not None
    installation.app.table.transact("shop", [Write(act=Act.PUT, key=row.key, values={**row.values, "Phase": "failed"})])
    assert installation.release(1) == release
    assert installation.verify().intact


def _edit_head(installation: Installation, **changes: object) -> None:
    head = installation.app.ledger.head("shop").evolve(**changes)
    installation.app.table.transact("shop", [Write(act=Act.PUT, key=keys.HEAD, values=pack(head))])
