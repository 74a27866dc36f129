"""What the inbox relies on of a table that is written row by row, on the double and on Azurite alike."""

from datetime import UTC, datetime, timedelta

import pytest

from slipway.ledger.table import TEXT_LIMIT, Exists, RowTable

AWAY = timedelta(minutes=2)
"""How far the service's clock may be from the test's."""


def test_an_added_row_is_read_back_and_says_when_the_service_took_it(row_table: RowTable) -> None:
    before = datetime.now(UTC)
    row_table.add("shop", "a", {"Text": "x"})
    row = row_table.get("shop", "a")
    assert row is not None
    assert dict(row.values) == {"Text": "x"}
    assert row.written_at is not None
    assert before - AWAY < row.written_at < datetime.now(UTC) + AWAY


def test_the_sender_cannot_say_when_the_row_was_taken(row_table: RowTable) -> None:
    row_table.add("shop", "a", {"Timestamp": "2020-01-01T00:00:00Z"})
    row = row_table.get("shop", "a")
    assert row is not None
    assert row.written_at is not None
    assert row.written_at > datetime.now(UTC) - AWAY


def test_a_row_that_is_there_is_not_replaced(row_table: RowTable) -> None:
    row_table.add("shop", "a", {"Text": "first"})
    with pytest.raises(Exists):
        row_table.add("shop", "a", {"Text": "second"})
    row = row_table.get("shop", "a")
    assert row is not None
    assert row.values["Text"] == "first"


def test_a_row_is_removed_once_and_removing_it_again_does_nothing(row_table: RowTable) -> None:
    row_table.add("shop", "a", {"Text": "x"})
    row_table.remove("shop", "a")
    assert row_table.get("shop", "a") is None
    row_table.remove("shop", "a")
    row_table.remove("nobody", "a")


def test_all_rows_are_listed_with_their_partitions_up_to_a_limit(row_table: RowTable) -> None:
    assert list(row_table.everything(limit=10)) == []
    for partition, key in (("shop", "b"), ("shop", "a"), ("cart", "c")):
        row_table.add(partition, key, {"Text": key})
    listed = [(partition, row.key) for partition, row in row_table.everything(limit=10)]
    assert listed == [("cart", "c"), ("shop", "a"), ("shop", "b")]
    assert len(list(row_table.everything(limit=2))) == 2
    assert [row.key for row in row_table.rows("shop", "a", "b")] == ["a", "b"]


def test_a_text_that_no_row_can_hold_is_refused_by_name(row_table: RowTable) -> None:
    with pytest.raises(ValueError, match="Text has"):
        row_table.add("shop", "a", {"Text": "x" * (TEXT_LIMIT + 1)})
