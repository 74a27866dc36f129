"""What the ledger relies on of a table, on the double and on Azurite alike."""

from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from azure.data.tables import TableClient

from local.process import free_port
from local.stack.azurite import connection_string
from slipway.ledger import Conflict, LedgerRefused, LedgerUnavailable, Table
from slipway.ledger.azure_table import AzureTable
from slipway.ledger.table import TEXT_LIMIT, TRANSACTION_LIMIT, Act, Exists, Value, Write
from tests.serving import in_a_thread

APP = "shop"


def create(key: str, **values: Value) -> Write:
    return Write(act=Act.CREATE, key=key, values=values)


def keys_of(table: Table, first: str = " ", last: str = "~", limit: int | None = None) -> list[str]:
    return [row.key for row in table.rows(APP, first, last, limit=limit)]


def value_of(table: Table, key: str) -> Value:
    row = table.get(APP, key)
    assert row is not None
    return row.values["V"]


def test_a_created_row_is_read_back_with_its_values_and_their_types(table: Table) -> None:
    table.transact(APP, [create("a", Text="x", Number=7, Yes=True, No=False, Empty="")])
    row = table.get(APP, "a")
    assert row is not None
    assert row.key == "a"
    assert dict(row.values) == {"Text": "x", "Number": 7, "Yes": True, "No": False, "Empty": ""}
    assert [type(row.values[name]) for name in ("Number", "Yes")] == [int, bool]


def test_reading_a_missing_row_gives_none(table: Table) -> None:
    assert table.get(APP, "a") is None
    table.transact(APP, [create("a", V=1)])
    assert table.get("other", "a") is None


def test_creating_an_existing_row_is_refused_by_name_and_changes_nothing(table: Table) -> None:
    table.transact(APP, [create("b", V=1)])
    with pytest.raises(Exists) as raised:
        table.transact(APP, [create("a", V=1), create("b", V=2), create("c", V=3)])
    assert raised.value.row == "b"
    assert keys_of(table) == ["b"]
    assert value_of(table, "b") == 1


def test_replacing_with_the_right_etag_replaces_every_value(table: Table) -> None:
    table.transact(APP, [create("a", V=1, Old="x")])
    row = table.get(APP, "a")
    assert row is not None
    table.transact(APP, [Write(act=Act.REPLACE, key="a", values={"V": 2}, etag=row.etag)])
    changed = table.get(APP, "a")
    assert changed is not None
    assert dict(changed.values) == {"V": 2}
    assert changed.etag != row.etag


@pytest.mark.parametrize("act", [Act.REPLACE, Act.DELETE])
def test_an_etag_that_is_old_is_a_conflict_and_undoes_the_whole_transaction(table: Table, act: Act) -> None:
    table.transact(APP, [create("a", V=1)])
    row = table.get(APP, "a")
    assert row is not None
    table.transact(APP, [Write(act=Act.PUT, key="a", values={"V": 2})])
    with pytest.raises(Conflict) as raised:
        table.transact(APP, [create("before", V=0), Write(act=act, key="a", values={"V": 3}, etag=row.etag)])
    assert not isinstance(raised.value, Exists)
    assert keys_of(table) == ["a"]
    assert value_of(table, "a") == 2


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
@pytest.mark.parametrize("act", [Act.REPLACE, Act.DELETE])
def test_a_row_that_is_gone_can_be_neither_replaced_nor_deleted(table: Table, act: Act, etag: str) -> None:
    with pytest.raises(Conflict):
        table.transact(APP, [create("b", V=1), Write(act=act, key="a", values={"V": 3}, etag=etag)])
    assert keys_of(table) == []


def test_putting_a_row_creates_it_or_replaces_it_whole(table: Table) -> None:
    table.transact(APP, [Write(act=Act.PUT, key="a", values={"V": 1, "Old": "x"})])
    table.transact(APP, [Write(act=Act.PUT, key="a", values={"V": 2})])
    row = table.get(APP, "a")
    assert row is not None
    assert dict(row.values) == {"V": 2}


def test_deleting_removes_the_row(table: Table) -> None:
    table.transact(APP, [create("a", V=1), create("b", V=1)])
    table.transact(APP, [Write(act=Act.DELETE, key="a")])
    assert keys_of(table) == ["b"]


def test_one_transaction_does_all_kinds_of_writes(table: Table) -> None:
    table.transact(APP, [create("a", V=1), create("b", V=1)])
    row = table.get(APP, "a")
    assert row is not None
    writes = [
        Write(act=Act.REPLACE, key="a", values={"V": 2}, etag=row.etag),
        Write(act=Act.DELETE, key="b"),
        Write(act=Act.PUT, key="c", values={"V": 3}),
        create("d", V=4),
    ]
    table.transact(APP, writes)
    assert {key: value_of(table, key) for key in keys_of(table)} == {"a": 2, "c": 3, "d": 4}


def test_two_writes_to_one_row_are_refused_whole(table: Table) -> None:
    with pytest.raises(ValueError, match="a is written twice"):
        table.transact(APP, [create("b", V=1), create("a", V=1), Write(act=Act.PUT, key="a", values={"V": 2})])
    assert keys_of(table) == []


def test_a_transaction_answers_with_the_etag_that_each_row_has_now(table: Table) -> None:
    table.transact(APP, [create("a", V=1), create("b", V=1)])
    etags = table.transact(APP, [create("c", V=1), Write(act=Act.DELETE, key="a"), Write(act=Act.PUT, key="b")])
    assert etags[1] == ""
    for key, etag in (("c", etags[0]), ("b", etags[2])):
        row = table.get(APP, key)
        assert row is not None
        assert row.etag == etag


def test_an_empty_transaction_does_nothing(table: Table) -> None:
    table.transact(APP, [])
    assert keys_of(table) == []


def test_ranges_are_in_order_and_include_both_ends(table: Table) -> None:
    names = ["audit!000000000010", "audit!000000000002", "head", "lane!b", "lane!a", "lease!x", "release!0", "Zed"]
    table.transact(APP, [create(name, V=1) for name in names])
    table.transact("shop2", [create("lane!other", V=1)])
    assert keys_of(table) == sorted(names)
    assert keys_of(table, "lane!a", "lane!b") == ["lane!a", "lane!b"]
    assert keys_of(table, "head", "lane!~") == ["head", "lane!a", "lane!b"]
    assert keys_of(table, "lane!aa", "lane!az") == []
    assert keys_of(table, "x", "a") == []


def test_an_empty_partition_has_no_rows(table: Table) -> None:
    assert list(table.rows("nobody", " ", "~")) == []


@pytest.mark.parametrize(("limit", "expected"), [(0, 0), (1, 1), (3, 3), (7, 7), (8, 7), (None, 7)])
def test_a_limit_gives_the_first_rows(table: Table, limit: int | None, expected: int) -> None:
    table.transact(APP, [create(f"k{number}", V=number) for number in range(7)])
    assert keys_of(table, limit=limit) == [f"k{number}" for number in range(expected)]


def test_more_rows_than_one_answer_holds_are_read_to_the_end(table: Table) -> None:
    names = [f"seen!{number:05d}" for number in range(1_150)]
    for start in range(0, len(names), TRANSACTION_LIMIT):
        table.transact(APP, [create(name, V=1) for name in names[start : start + TRANSACTION_LIMIT]])
    assert keys_of(table) == names
    assert keys_of(table, limit=1_100) == names[:1_100]
    assert keys_of(table, "seen!00990", "seen!01020") == names[990:1021]


def test_a_transaction_holds_a_hundred_writes_and_not_one_more(table: Table) -> None:
    hundred = [create(f"k{number:03d}", V=number) for number in range(TRANSACTION_LIMIT)]
    with pytest.raises(ValueError, match="at most 100 writes, this one has 101"):
        table.transact(APP, [*hundred, create("k100", V=100)])
    assert keys_of(table) == []
    table.transact(APP, hundred)
    assert len(keys_of(table)) == TRANSACTION_LIMIT


@pytest.mark.parametrize("letter", ["a", "ж", "🚢"])
def test_the_longest_text_is_kept_whole_and_a_longer_one_is_refused_by_name(table: Table, letter: str) -> None:
    units = len(letter.encode("utf-16-le")) // 2
    longest = letter * (TEXT_LIMIT // units)
    table.transact(APP, [create("a", V=longest)])
    assert value_of(table, "a") == longest
    with pytest.raises(ValueError, match=rf"b: V has {TEXT_LIMIT + units} characters, the limit is {TEXT_LIMIT}"):
        table.transact(APP, [create("b", V=longest + letter)])
    assert keys_of(table) == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        "Grüße, Übermut & <tags>",
        "👩‍👩‍👧‍👦 family, 🇩🇪 flag, 𝄞 clef",
        "日本語 עברית ไทย",
        "it's \"quoted\" `here` ''twice''",
        "line\nline\r\n\ttab",
        'back\\slash /slash #hash ?question %25 +plus {"json": [1]}',
        "  spaces around  ",
        "\u2028line separator\u2029, \u0085 next line, \ufeff mark, \u00a0",
        "2026-11-23T08:00:00Z",
        "0007",
    ],
)
def test_text_comes_back_as_it_was_written(table: Table, text: str) -> None:
    table.transact(APP, [create("a", V=text)])
    assert value_of(table, "a") == text
    assert [row.values["V"] for row in table.rows(APP, "a", "a")] == [text]


@pytest.mark.parametrize(
    "key", ["it's", "''", "a'b or RowKey ge '", "with space", "per%25cent", "a+b", "a&b=c", "ключ"]
)
def test_keys_with_quotes_and_other_marks_are_found_again(table: Table, key: str) -> None:
    table.transact(key, [create(key, V=1)])
    created = table.get(key, key)
    assert created is not None
    assert [row.key for row in table.rows(key, key, key)] == [key]
    table.transact(key, [Write(act=Act.REPLACE, key=key, values={"V": 2}, etag=created.etag)])
    table.transact(key, [Write(act=Act.DELETE, key=key)])
    assert table.get(key, key) is None


@pytest.mark.parametrize("key", ["tag!release/2026.11", "a\\b", "ci#17", "a?", "a\nb", "a\x7f", "a\x85", "x" * 513])
def test_a_key_that_storage_forbids_is_refused_as_a_permanent_error(table: Table, key: str) -> None:
    with pytest.raises(LedgerRefused, match="expected a key of at most 512 characters"):
        table.get(APP, key)
    with pytest.raises(LedgerRefused):
        table.transact(APP, [create("a", V=1), create(key, V=1)])
    assert table.get(APP, "a") is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, LedgerRefused) for status in (400, 405, 413, 414, 415)),
        *((status, LedgerUnavailable) for status in (401, 403, 404, 408, 429, 500, 503)),
    ],
)
def test_only_a_status_that_may_pass_is_taken_for_an_outage(status: int, kind: type[Exception]) -> None:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with in_a_thread(HTTPServer(("127.0.0.1", 0), Answers)) as server:
        connection = connection_string(server.server_port, server.server_port)
        table = AzureTable(TableClient.from_connection_string(connection, "ledger", retry_total=0))
        with pytest.raises(kind):
            list(table.rows(APP, "a", "b"))


def test_partitions_do_not_see_each_other(table: Table) -> None:
    table.transact("shop", [create("a", V=1)])
    table.transact("shop-2", [create("a", V=2)])
    table.transact("shop", [Write(act=Act.DELETE, key="a")])
    row = table.get("shop-2", "a")
    assert row is not None
    assert row.values["V"] == 2


def test_a_service_that_cannot_be_reached_is_said_to_be_unavailable() -> None:
    port = free_port()
    client = TableClient.from_connection_string(connection_string(port, port), "ledger", retry_total=0)
    away = AzureTable(client)
    with pytest.raises(LedgerUnavailable):
        away.get(APP, "a")
    with pytest.raises(LedgerUnavailable):
        list(away.rows(APP, "a", "b"))
    with pytest.raises(LedgerUnavailable):
        away.transact(APP, [create("a", V=1)])


def test_a_table_that_is_gone_is_not_an_empty_ledger(azurite: str) -> None:
    missing = AzureTable(TableClient.from_connection_string(azurite, "neverthere"))
    with pytest.raises(LedgerUnavailable):
        missing.get(APP, "a")
    with pytest.raises(LedgerUnavailable):
        list(missing.rows(APP, "a", "b"))
    with pytest.raises(LedgerUnavailable):
        missing.transact(APP, [create("a", V=1)])
