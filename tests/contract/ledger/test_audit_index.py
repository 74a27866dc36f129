"""The audit index: every question is answered as the trail itself would answer it, in few requests, page by page."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slipway.catalogue.entries import Catalogue
from slipway.domain.audit import AuditRecord, Damaged
from slipway.domain.audit_query import AuditQuery
from slipway.inbound import BadInput
from slipway.ledger.audit_index import REQUESTS, AuditIndex
from slipway.ledger.index_keys import COPIES, by_actor, by_application, copies, key_on
from slipway.ledger.index_keys import values as copied
from slipway.ledger.table import Act, Page, PagedTable, UnknownPlace, Value, Write
from slipway.queries.trail import PAGE, Trail
from slipway.testing import MemoryTable
from slipway.testing.chains import PUBLIC_KEYS, signed_anew
from tests.azurite import empty_table
from tests.contract.ledger.conftest import KINDS
from tests.contract.ledger.trails import ADA, BEN, digest_of, trail

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
SHOP, CART = list(trail("shop", 12)), list(trail("cart", 12, every=timedelta(days=5)))
ALL = [*SHOP, *CART]
QUERIES: dict[str, dict[str, Any]] = {
    "everything": {},
    "an application": {"application": "shop"},
    "an environment": {"environment": "production"},
    "an application's environment": {"application": "cart", "environment": "staging"},
    "a person": {"actor": ADA},
    "a person, in other letters": {"actor": "Ben@Example.com", "application": "shop"},
    "the service itself": {"actor": "slipway", "application": "shop"},
    "an actor that is not a key": {"actor": "pipeline:Shop build/main"},
    "a release": {"release": "shop-3"},
    "a release's changes": {"release": "shop-2", "action": "change"},
    "a release's interventions": {"release": "shop-3", "action": "intervention"},
    "an action": {"action": "gate.opened"},
    "every change of production": {"environment": "production", "action": "change"},
    "every change of one application": {"application": "cart", "environment": "production", "action": "change"},
    "every intervention": {"action": "intervention"},
    "every rejection": {"action": "rejection", "application": "shop"},
    "no freeze": {"action": "freeze"},
    "a digest": {"digest": digest_of("shop", 5)},
    "a digest by its first digits": {"digest": digest_of("cart", 7)[: len("sha256:") + 6]},
    "a digest in one environment": {"digest": digest_of("cart", 7), "environment": "production"},
    "a digest of a release": {"digest": digest_of("shop", 4)[:20], "release": "shop-4"},
    "since": {"since": datetime(2026, 10, 20, tzinfo=UTC)},
    "until": {"until": datetime(2026, 10, 1, 3, 0, tzinfo=UTC), "application": "shop"},
    "between": {"since": SHOP[20].time, "until": SHOP[41].time, "environment": "staging"},
    "changes between": {"environment": "production", "action": "change", "since": SHOP[0].time, "until": CART[40].time},
    "a person between": {"actor": ADA, "since": CART[20].time, "until": CART[60].time},
    "a digest between": {"digest": digest_of("shop", 5), "since": SHOP[44].time, "until": SHOP[47].time},
    "what is not there": {"actor": "nobody@example.com"},
}


ROWS = {key: copied(record) for record in ALL for key in copies(record)}
"""All rows of an index of `ALL`."""


class Counting:
    """A table that counts its requests and remembers which rows were written."""

    def __init__(self, table: PagedTable) -> None:
        self._table = table
        self.pages, self.rows_read, self.transactions = 0, 0, 0
        self.written = set[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def transact(self, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        self.transactions += 1
        self.written |= {write.key for write in writes}
        return self._table.transact(partition, writes)

    def page(self, *args: Any, **kwargs: Any) -> Page:
        next_page = self._table.page(*args, **kwargs)
        self.pages += 1
        self.rows_read += len(next_page.rows)
        return next_page


@pytest.fixture(scope="module", params=KINDS)
def filled(request: pytest.FixtureRequest) -> Iterator[PagedTable]:
    """A table with an index of `ALL`, which is written once."""
    with ExitStack() as stack:
        table: PagedTable
        if request.param == "memory":
            table = MemoryTable(examined=100)
        else:
            table = stack.enter_context(empty_table(request.getfixturevalue("azurite")))
        AuditIndex(table).write(ALL)
        yield table


@pytest.fixture
def counting(filled: PagedTable) -> Iterator[Counting]:
    """Undoes the writes of a test, so that the next test finds an index of `ALL`."""
    counting = Counting(filled)
    yield counting
    before, after = counting.written & ROWS.keys(), counting.written - ROWS.keys()
    AuditIndex(filled).put(
        [
            *(Write(act=Act.PUT, key=key, values=ROWS[key]) for key in before),
            *(Write(act=Act.DELETE, key=key) for key in after),
        ]
    )


@pytest.fixture
def index(counting: Counting) -> AuditIndex:
    return AuditIndex(counting)


def expected(records: Sequence[AuditRecord], query: AuditQuery) -> list[AuditRecord]:
    matching = [record for record in records if query.matches(record)]
    return sorted(matching, key=lambda r: (-r.time.timestamp(), r.application, -r.sequence))


def audit_trail_of(index: AuditIndex) -> Trail:
    return Trail(
        index=index,
        keys=lambda: PUBLIC_KEYS,
        head=lambda _: 0,
        has_release=lambda *_: True,
        catalogue=Catalogue({}),
        copied=lambda _: len(SHOP),
    )


def walk(
    trail: Trail, query: AuditQuery, *, limit: int = PAGE, between: Callable[[], object] = lambda: None
) -> list[AuditRecord | Damaged]:
    records, token, pages = list[AuditRecord | Damaged](), None, 0
    while True:
        page = trail.page(query, limit=limit, after=token)
        records += page.records
        token, pages = page.next, pages + 1
        assert pages < 200, "the pages never end"
        if token is None:
            return records
        between()


def test_every_query_has_the_same_answer_as_the_trail_itself(index: AuditIndex) -> None:
    audit_trail = audit_trail_of(index)
    for name, filters in QUERIES.items():
        query = AuditQuery.model_validate(filters)
        for limit in (29, 200) if name == "everything" else (29,):
            assert walk(audit_trail, query, limit=limit) == expected(ALL, query), name
    silent = [name for name, filters in QUERIES.items() if not expected(ALL, AuditQuery.model_validate(filters))]
    assert silent == ["no freeze", "what is not there"]


def test_all_records_of_a_commit_are_copied_in_one_transaction(counting: Counting) -> None:
    AuditIndex(counting).write(SHOP[:12])
    assert sum(len(list(copies(record))) for record in SHOP[:12]) > 50
    assert counting.transactions == 1


def test_writing_again_changes_nothing(index: AuditIndex) -> None:
    index.write(SHOP[:30])
    assert walk(audit_trail_of(index), AuditQuery()) == expected(ALL, AuditQuery())


def test_pages_stay_as_they_are_while_new_records_arrive(index: AuditIndex) -> None:
    audit_trail = audit_trail_of(index)
    arriving = iter(list(trail("cart", 40, every=timedelta(days=1), start=NOW - timedelta(days=50)))[len(CART) :])

    def arrive() -> None:
        index.write([signed_anew(record.evolve(time=NOW)) for record in (next(arriving), next(arriving))])

    for filters in ({}, {"environment": "production"}, {"actor": ADA}, {"digest": digest_of("shop", 5)}):
        query = AuditQuery.model_validate(filters)
        before = walk(audit_trail, query)
        after = walk(audit_trail, query, limit=11, between=arrive)
        assert after == before


def test_the_first_page_costs_one_request_and_reads_no_more_than_it_shows(
    counting: Counting, index: AuditIndex
) -> None:
    audit_trail = audit_trail_of(index)
    for filters in (
        {"application": "shop"},
        {"environment": "production"},
        {"actor": ADA},
        {"release": "shop-3"},
        {"environment": "production", "action": "change"},
        {"action": "intervention"},
        {},
    ):
        counting.pages = counting.rows_read = 0
        page = audit_trail.page(AuditQuery.model_validate(filters), limit=5)
        assert (len(page.records), counting.pages, counting.rows_read) == (5, 1, 5), filters


def test_a_query_for_an_application_that_was_idle_for_years_costs_as_little_as_for_a_busy_one(
    counting: Counting, index: AuditIndex
) -> None:
    idle = [
        signed_anew(record.evolve(environment="lab")) for record in trail("till", 3, start=NOW - timedelta(days=2000))
    ]
    index.write(idle)
    for filters in (
        {"application": "till"},
        {"environment": "lab"},
        {"application": "till", "environment": "lab"},
        {"application": "till", "until": NOW},
        {"until": idle[-1].time + timedelta(days=1)},
    ):
        counting.pages = counting.rows_read = 0
        page = audit_trail_of(index).page(AuditQuery.model_validate(filters), limit=5)
        assert (len(page.records), counting.pages, counting.rows_read) == (5, 1, 5), filters


def test_a_rare_answer_costs_a_bounded_number_of_requests_and_is_continued() -> None:
    table = Counting(MemoryTable(examined=3))
    index = AuditIndex(table)
    index.write(SHOP)
    audit_trail = audit_trail_of(index)
    query = AuditQuery(application="shop", action="release.created", until=SHOP[-1].time)
    first = audit_trail.page(query, limit=200)
    assert table.pages == REQUESTS
    assert first.next
    assert walk(audit_trail, query, limit=200) == expected(SHOP, query)
    unmatched = AuditQuery(application="shop", action="image.ignored")
    assert walk(audit_trail, unmatched) == []


def test_a_token_of_another_query_and_an_invalid_token_are_refused(index: AuditIndex) -> None:
    audit_trail = audit_trail_of(index)
    token = audit_trail.page(AuditQuery(application="shop"), limit=5).next
    assert token
    with pytest.raises(BadInput, match="one of another query"):
        audit_trail.page(AuditQuery(application="cart"), limit=5, after=token)
    for text in ("", "x", token[:-3], "e30", "W10", "A" * 4000, token + "=", "é"):
        with pytest.raises(BadInput, match="after"):
            audit_trail.page(AuditQuery(application="shop"), after=text)


def test_a_continuation_token_that_the_service_did_not_give_is_refused(paged_table: PagedTable) -> None:
    index = AuditIndex(paged_table)
    index.write(SHOP[:3])
    for place in ("nonsense", "{}", '{"PartitionKey": 1, "RowKey": null}', "[]"):
        with pytest.raises(UnknownPlace):
            paged_table.page(COPIES, "", "~", limit=5, resume=place)


def test_digits_that_many_digests_begin_with_are_refused(index: AuditIndex) -> None:
    alike = [record.evolve(digest=f"sha256:abcdef{n:058x}") for n, record in enumerate(SHOP[:12])]
    index.write(alike)
    with pytest.raises(BadInput, match="digest: expected more digits"):
        audit_trail_of(index).page(AuditQuery(digest="sha256:abcdef"))


def test_digests_that_begin_alike_are_merged_by_time_over_pages(index: AuditIndex) -> None:
    alike = [
        signed_anew(record.evolve(digest=f"sha256:fedcba{n % 3:058x}", application="alike", sequence=n + 1))
        for n, record in enumerate(SHOP[:40])
    ]
    index.write(alike)
    query = AuditQuery(digest="sha256:fedcba")
    audit_trail = audit_trail_of(index)
    assert walk(audit_trail, query, limit=7) == expected(alike, query)


def test_every_key_is_one_that_table_storage_takes() -> None:
    for actor in ("a/b\\c#d?e", "x" * 254, "Ünïcode", "tab\there", "a%b+c", ADA, BEN):
        record = SHOP[0].evolve(actor=actor)
        for key in copies(record):
            assert not set(key) & set("/\\#?%+")
            assert key.isprintable()
            assert len(key) < 400


def spoilt(index: AuditIndex, values: Mapping[str, Value]) -> Damaged:
    """The result of a search if the copies of a record have these columns instead; all other records are unchanged."""
    index.table.transact(COPIES, [Write(act=Act.PUT, key=key, values=values) for key in copies(SHOP[5])])
    results = walk(audit_trail_of(index), AuditQuery())
    (damaged,) = [item for item in results if isinstance(item, Damaged)]
    assert [item for item in results if item is not damaged] == [
        record for record in expected(ALL, AuditQuery()) if record != SHOP[5]
    ]
    assert (damaged.application, damaged.sequence) == ("shop", SHOP[5].sequence)
    return damaged


def test_a_row_of_the_index_that_is_not_a_record_is_shown_as_damaged(index: AuditIndex) -> None:
    assert "not an audit record any more" in spoilt(index, {"Nonsense": 1}).damaged


def test_a_copy_that_was_changed_is_shown_as_damaged(index: AuditIndex) -> None:
    assert "its content does not match its hash" in spoilt(index, copied(SHOP[5].evolve(actor="mallory"))).damaged


def test_a_copy_that_was_changed_and_hashed_again_is_not_signed_by_the_worker(index: AuditIndex) -> None:
    changed = SHOP[5].evolve(actor="mallory")
    forged = changed.evolve(hash=changed.expected_hash())
    assert "its signature with the key test is wrong" in spoilt(index, copied(forged)).damaged


def test_a_genuine_record_in_the_place_of_another_one_is_shown_as_damaged(index: AuditIndex) -> None:
    assert "another record is in its place" in spoilt(index, copied(SHOP[6])).damaged


def test_a_genuine_record_under_a_search_that_it_does_not_match_is_shown_as_damaged(index: AuditIndex) -> None:
    record = next(record for record in SHOP if record.actor == ADA)
    index.table.transact(COPIES, [Write(act=Act.PUT, key=key_on(by_actor(BEN), record), values=copied(record))])
    (damaged,) = [item for item in walk(audit_trail_of(index), AuditQuery(actor=BEN)) if isinstance(item, Damaged)]
    assert "does not match the search" in damaged.damaged


# ---- what the index lacks
def drop_copy(index: AuditIndex, record: AuditRecord) -> None:
    """Delete its copy under the application; its other copies stay."""
    index.table.transact(COPIES, [Write(act=Act.DELETE, key=key_on(by_application("shop"), record))])


def lacking(audit_trail: Trail, *, limit: int = 29, **filters: Any) -> list[int]:
    query = AuditQuery.model_validate({"application": "shop", **filters})
    return [item.sequence for item in walk(audit_trail, query, limit=limit) if isinstance(item, Damaged)]


@pytest.mark.parametrize("limit", [1, 7, 200])
def test_a_search_of_a_whole_trail_names_what_the_index_lacks(index: AuditIndex, limit: int) -> None:
    audit_trail = replace(audit_trail_of(index), head=lambda _: len(SHOP))
    assert lacking(audit_trail, limit=limit) == []
    for number in (0, 12, 20, len(SHOP) - 1):
        drop_copy(index, SHOP[number])
    assert lacking(audit_trail, limit=limit) == [len(SHOP), 21, 13, 1]
    assert lacking(audit_trail, since=SHOP[15].time) == [len(SHOP), 21]
    assert lacking(audit_trail, until=SHOP[15].time) == [13, 1]


def test_one_entry_stands_for_a_gap_of_many_records(index: AuditIndex) -> None:
    for record in SHOP[10:40]:
        drop_copy(index, record)
    (gap,) = [item for item in walk(audit_trail_of(index), AuditQuery(application="shop")) if isinstance(item, Damaged)]
    assert gap.damaged.startswith("30 records from 11 on are missing in the audit index")


def test_a_record_that_is_not_copied_yet_is_not_missing(index: AuditIndex) -> None:
    drop_copy(index, SHOP[-1])
    audit_trail = replace(audit_trail_of(index), head=lambda _: len(SHOP), copied=lambda _: len(SHOP) - 1)
    assert lacking(audit_trail) == []


def test_a_search_with_another_filter_reports_no_missing_record(index: AuditIndex) -> None:
    drop_copy(index, SHOP[12])
    assert lacking(audit_trail_of(index), environment="staging") == []
