"""Rows of the audit index that were lost, changed or added are found and put right, while records go on arriving."""

import pytest

from slipway.domain.numbers import Checkpoint
from slipway.domain.reports import Compared
from slipway.ledger import Table
from slipway.ledger.audit_index import AuditIndex
from slipway.ledger.index_keys import COPIES, TIME, by_application, by_digest, copies, key_on
from slipway.ledger.keys import audit as audit_key
from slipway.ledger.reindexing import Reindexing
from slipway.ledger.rows import pack_audit
from slipway.ledger.table import Act, PagedTable, Write
from slipway.ledger.weeks import Weeks
from slipway.testing import MemoryTable
from tests.contract.ledger.trails import trail

RECORDS = list(trail("shop", 6))
HEAD = len(RECORDS)


@pytest.fixture
def index(paged_table: PagedTable) -> AuditIndex:
    audit_index = AuditIndex(paged_table)
    audit_index.write(RECORDS)
    audit_index.write(trail("cart", 2))
    return audit_index


@pytest.fixture
def work(index: AuditIndex) -> Reindexing:
    ledger: Table = MemoryTable()
    for record in RECORDS:
        write = Write(act=Act.CREATE, key=audit_key(record.sequence), values=pack_audit(record))
        ledger.transact("shop", [write])
    Weeks(ledger).commit("shop", Checkpoint(sequence=HEAD), "", {})
    return Reindexing(table=ledger, index=index)


def compare_all(work: Reindexing, *, repair: bool = False, limit: int = 17) -> Compared:
    """The comparisons of all parts, added up."""
    total, after = Compared(application="shop", records=0, repaired=repair, head=HEAD), 0
    while True:
        part = work.compare("shop", head=HEAD, after=after, repair=repair, limit=limit)
        total = total.evolve(
            records=total.records + part.records,
            damaged=total.damaged + part.damaged,
            missing=total.missing + part.missing,
            wrong=total.wrong + part.wrong,
            extra=total.extra + part.extra,
        )
        if part.next is None:
            return total
        assert part.next > after
        after = part.next


def differences(comparison: Compared) -> tuple[int, int, int]:
    return comparison.missing, comparison.wrong, comparison.extra


def test_an_index_that_is_whole_has_no_differences(work: Reindexing) -> None:
    comparison = compare_all(work)
    assert (comparison.records, differences(comparison)) == (HEAD, (0, 0, 0))


def test_lost_rows_are_found_on_every_axis_and_put_back(work: Reindexing) -> None:
    lost = [*copies(RECORDS[9]), *copies(RECORDS[30])]
    work.index.table.transact(COPIES, [Write(act=Act.DELETE, key=key) for key in lost])
    assert differences(compare_all(work)) == (len(lost), 0, 0)
    assert differences(compare_all(work, repair=True)) == (len(lost), 0, 0)
    assert differences(compare_all(work)) == (0, 0, 0)


def test_a_changed_row_is_found_and_put_right(work: Reindexing) -> None:
    key = next(copies(RECORDS[9]))
    row = work.index.table.get(COPIES, key)
    assert row is not None
    work.index.table.transact(COPIES, [Write(act=Act.PUT, key=key, values={**row.values, "Actor": "eve"})])
    assert differences(compare_all(work, repair=True)) == (0, 1, 0)
    assert differences(compare_all(work)) == (0, 0, 0)


def test_an_added_row_is_found_and_taken_away_and_rows_of_others_are_left(work: Reindexing) -> None:
    forged = RECORDS[9].evolve(time=RECORDS[10].time, actor="eve@example.com")
    values = dict(pack_audit(forged))
    work.index.table.transact(COPIES, [Write(act=Act.PUT, key=key_on(TIME, forged), values=values)])
    assert differences(compare_all(work, repair=True)) == (0, 0, 1)
    assert differences(compare_all(work)) == (0, 0, 0)
    cart = next(iter(trail("cart", 1)))
    assert work.index.table.get(COPIES, key_on(by_application("cart"), cart)) is not None


def test_an_index_that_is_empty_is_built_again(work: Reindexing) -> None:
    empty = Reindexing(table=work.table, index=AuditIndex(MemoryTable()))
    expected = sum(len(list(copies(record))) for record in RECORDS)
    assert compare_all(empty, repair=True).missing >= expected
    assert differences(compare_all(empty)) == (0, 0, 0)
    digest = RECORDS[9]
    assert empty.index.table.get(COPIES, key_on(by_digest(digest.digest or ""), digest)) is not None


def test_a_damaged_row_of_the_trail_is_counted_and_passed_over(work: Reindexing) -> None:
    work.table.transact("shop", [Write(act=Act.PUT, key=audit_key(5), values={"Nonsense": 1})])
    comparison = compare_all(work)
    assert (comparison.damaged, comparison.records) == (1, HEAD - 1)


def test_an_empty_trail_has_nothing_to_compare() -> None:
    work = Reindexing(table=MemoryTable(), index=AuditIndex(MemoryTable()))
    comparison = work.compare("shop", head=0, repair=True)
    assert (comparison.records, comparison.next, differences(comparison)) == (0, None, (0, 0, 0))


def test_a_copy_that_may_still_arrive_is_not_missing_and_is_written_if_repair_is_asked_for(work: Reindexing) -> None:
    checkpoint, etag = Weeks(work.table).checkpoint("shop")
    Weeks(work.table).commit("shop", checkpoint.model_copy(update={"sequence": HEAD - 1}), etag, {})
    work.index.table.transact(COPIES, [Write(act=Act.DELETE, key=key) for key in copies(RECORDS[-1])])
    comparison = work.compare("shop", head=HEAD, repair=True)
    assert (comparison.waiting, comparison.records, differences(comparison)) == (1, HEAD - 1, (0, 0, 0))
    assert work.compare("shop", head=HEAD, repair=False).waiting == 0
