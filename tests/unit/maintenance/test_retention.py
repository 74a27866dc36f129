"""Retention: records move, and nobody who reads or verifies the trail notices it. If the process dies in between,
nothing is lost and nothing is there twice."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.audit import AuditRecord
from slipway.domain.audit_query import AuditQuery
from slipway.ledger import keys
from slipway.ledger.audit_index import AuditIndex
from slipway.ledger.reindexing import Reindexing
from slipway.ledger.rows import unpack_audit
from slipway.ledger.table import Act, Write
from slipway.maintenance.retention import RetentionRun
from slipway.testing import MemoryAdded, MemoryBlobs, MemoryTable, write_application
from tests.contract.audit.installation import Audited
from tests.contract.audit.odd import ODD
from tests.faults.mortal import Crash, Life, MortalTable, mortal_port

DAY = timedelta(days=1)
AGE = 30 * DAY


@pytest.fixture
def deliveries(tmp_path: Path) -> Path:
    write_application(tmp_path)
    return tmp_path


@dataclass
class Past:
    """Two old releases and one of today, all of them anchored; each test continues a copy of it."""

    deliveries: Path
    table: MemoryTable = field(default_factory=MemoryTable)
    added: MemoryAdded = field(default_factory=MemoryAdded)

    def __post_init__(self) -> None:
        installation = Audited(self.deliveries, table=self.table, added=self.added)
        installation.deliver("1.0")
        installation.append(*ODD)
        installation.wait(DAY)
        installation.deliver("1.1")
        installation.wait(AGE)
        installation.deliver("1.2")
        installation.app.anchoring.run()


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    folder = tmp_path_factory.mktemp("deliveries")
    write_application(folder)
    return Past(folder)


@pytest.fixture
def installation(past: Past) -> Audited:
    home = Audited(past.deliveries, table=deepcopy(past.table), added=deepcopy(past.added))
    home.wait(DAY + AGE)
    return home


def rows(installation: Audited) -> list[int]:
    """Sequences that are rows of the table."""
    audit_rows = installation.app.table.rows("shop", *keys.range_of(keys.AUDIT))
    return [unpack_audit(row.values).sequence for row in audit_rows]


def trail(installation: Audited) -> list[AuditRecord]:
    return [item for item in installation.app.ledger.audit("shop") if isinstance(item, AuditRecord)]


def test_old_records_leave_the_table_and_are_read_as_before(installation: Audited) -> None:
    before = trail(installation)
    result = installation.retention(AGE).run()
    assert result.moved == len(before) - len(rows(installation)) > 20
    assert result.problems == ()
    assert min(rows(installation)) > 1
    assert trail(installation) == before


def test_a_moved_trail_verifies_through_archive_and_table(installation: Audited) -> None:
    installation.retention(AGE).run()
    verdict = installation.verify()
    assert (verdict.intact, verdict.records) == (True, installation.app.ledger.head("shop").sequence)


@pytest.mark.parametrize(("first", "last", "limit"), [(1, None, None), (7, 25, None), (9, None, 3), (15, 15, 1)])
def test_any_part_of_the_trail_is_read_across_documents_and_rows(
    installation: Audited, first: int, last: int | None, limit: int | None
) -> None:
    ledger = installation.app.ledger
    before = list(ledger.audit("shop", first=first, last=last, limit=limit))
    installation.retention(AGE).run()
    assert list(ledger.audit("shop", first=first, last=last, limit=limit)) == before


def test_the_records_of_a_release_are_found_wherever_they_lie(installation: Audited) -> None:
    reader = installation.app.reader
    before = list(reader.audit("shop", release=reader.release("shop-1")))
    installation.retention(AGE).run()
    assert before
    assert list(reader.audit("shop", release=reader.release("shop-1"))) == before


def test_moved_records_are_named_in_the_installations_trail(installation: Audited) -> None:
    installation.retention(AGE).run()
    own_records = [item for item in installation.app.ledger.audit(keys.INSTALLATION) if isinstance(item, AuditRecord)]
    moved = [record.details for record in own_records if record.action == "audit.archived"]
    assert [(details["first"], details["last"]) for details in moved][:2] == [(1, 10), (11, 20)]
    assert all(details["document"].startswith("sha256:") for details in moved)


def test_a_second_run_moves_nothing(installation: Audited) -> None:
    installation.retention(AGE).run()
    assert installation.retention(AGE).run() == RetentionRun()


def test_young_records_stay(installation: Audited) -> None:
    assert installation.retention(10 * AGE).run() == RetentionRun()
    assert rows(installation)[0] == 1


def test_too_few_records_wait_until_a_month_has_passed(installation: Audited) -> None:
    assert installation.retention(AGE, part=10_000).run() == RetentionRun()
    installation.wait(timedelta(days=32))
    assert installation.retention(AGE, part=10_000).run().parts == 1


def test_records_that_no_anchor_covers_do_not_move(deliveries: Path) -> None:
    installation = Audited(deliveries)
    installation.push("1.0")
    installation.settle()
    installation.wait(10 * AGE)
    assert installation.retention(AGE).run() == RetentionRun()
    installation.app.anchoring.run()
    assert installation.retention(AGE).run().moved


def test_records_of_a_chain_with_a_forged_record_do_not_move(installation: Audited) -> None:
    row = installation.app.table.get("shop", keys.audit(4))
    assert row is not None
    forged = Write(act=Act.PUT, key=row.key, values={**row.values, "Actor": "mallory@example.com"})
    installation.app.table.transact("shop", [forged])
    result = installation.retention(AGE).run()
    assert (result.moved, "nothing was moved" in result.problems[0]) == (0, True)
    assert rows(installation)[0] == 1


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_document_is_found_by_verification(installation: Audited, damage: str) -> None:
    installation.retention(AGE).run()
    assert isinstance(installation.archive, MemoryBlobs)
    archive = installation.app.ledger.archive
    assert archive is not None
    segment = next(iter(archive.segments("shop")))
    if damage == "missing":
        del installation.archive.documents[segment.document]
    else:
        installation.archive.documents[segment.document] = b"other"
    verdict = installation.verify()
    assert verdict.fault is not None
    assert (verdict.fault.sequence, "the archive's document" in verdict.fault.reason) == (1, True)


def live_through(past: Past, life: Life) -> Audited:
    deliveries, table, added, documents = past.deliveries, deepcopy(past.table), deepcopy(past.added), MemoryBlobs()
    mortal = Audited(
        deliveries, table=MortalTable(table, life), added=added, archive=mortal_port(documents, life, "blobs", "put")
    )
    mortal.wait(DAY + AGE)
    for _ in range(2):
        try:
            mortal.retention(AGE).run()
        except Crash:
            life.restart()
        mortal.restart()
    after = Audited(deliveries, table=table, added=added, archive=documents)
    after.wait(DAY + AGE)
    return after


SHARES = 4
"""The points at which it may die are divided into this many shares; `make test` takes the first."""


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("share", range(SHARES))
def test_a_process_may_die_at_any_point_of_the_move(past: Past, share: int) -> None:
    quiet = Life()
    undisturbed = live_through(past, quiet)
    expected, expected_rows = trail(undisturbed), rows(undisturbed)
    assert min(expected_rows) > 20
    for point in range(share, len(quiet.points), SHARES):
        life = Life(crash_at=frozenset({point}))
        installation = live_through(past, life)
        at = life.points[point]
        assert trail(installation) == expected, at
        assert rows(installation) == expected_rows, at
        assert installation.verify().intact, at
        own_records = [
            item for item in installation.app.ledger.audit(keys.INSTALLATION) if isinstance(item, AuditRecord)
        ]
        moved = [record.details["first"] for record in own_records if record.action == "audit.archived"]
        assert len(moved) == len(set(moved)), at


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("share", range(SHARES))
def test_the_trail_is_whole_at_each_moment_of_the_move(past: Past, share: int) -> None:
    """Even for a reader after the process that moved the records has died."""
    quiet = Life()
    expected = trail(live_through(past, quiet))
    for point in range(share, len(quiet.points), SHARES):
        table, added, documents = deepcopy(past.table), deepcopy(past.added), MemoryBlobs()
        life = Life(crash_at=frozenset({point}))
        mortal = Audited(
            past.deliveries,
            table=MortalTable(table, life),
            added=added,
            archive=mortal_port(documents, life, "blobs", "put"),
        )
        mortal.wait(DAY + AGE)
        with pytest.raises(Crash):
            mortal.retention(AGE).run()
        reader = Audited(past.deliveries, table=table, added=added, archive=documents)
        assert trail(reader) == expected, life.points[point]


def test_the_audit_index_keeps_what_has_moved_and_can_be_built_again_from_the_archive(
    installation: Audited,
) -> None:
    installation.retention(AGE).run()
    installation.app.numbers.catch_up("shop")
    head = installation.app.ledger.head("shop").sequence
    fresh = Reindexing(
        table=installation.app.table, index=AuditIndex(MemoryTable()), archive=installation.app.ledger.archive
    )
    assert fresh.compare("shop", head=head, repair=True).records == head
    again = fresh.compare("shop", head=head, repair=True)
    assert (again.missing, again.wrong, again.extra, again.damaged) == (0, 0, 0, 0)
    records = fresh.index.find(AuditQuery(release="shop-1"), limit=200).records
    assert [record.sequence for record in records] == [
        record.sequence for record in reversed(trail(installation)) if record.release == "shop-1"
    ]
