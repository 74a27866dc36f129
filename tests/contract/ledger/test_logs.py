"""The append log: what is written stays, and of two writers one is first."""

import pytest

from slipway.ledger.logs import BLOCK_LIMIT, AppendLog
from slipway.ledger.table import Conflict


def test_lines_are_added_at_the_end(log: AppendLog) -> None:
    log.append("exports/2026-11.jsonl", b"one\n", at=0)
    log.append("exports/2026-11.jsonl", b"two\n", at=4)
    assert log.read("exports/2026-11.jsonl") == b"one\ntwo\n"


def test_of_two_writers_the_second_is_told(log: AppendLog) -> None:
    log.append("a", b"one\n", at=0)
    for at in (0, 3, 5):
        with pytest.raises(Conflict):
            log.append("a", b"other\n", at=at)
    assert log.read("a") == b"one\n"


def test_of_two_writers_that_begin_a_file_one_is_first(log: AppendLog) -> None:
    log.append("a", b"first\n", at=0)
    with pytest.raises(Conflict):
        log.append("a", b"second\n", at=0)
    assert log.read("a") == b"first\n"


def test_what_is_not_there_is_empty(log: AppendLog) -> None:
    assert log.read("exports/2026-11.jsonl") == b""
    assert log.names("exports/") == []
    with pytest.raises(Conflict):
        log.append("absent", b"line\n", at=9)


def test_names_come_sorted_and_only_those_that_begin_so(log: AppendLog) -> None:
    for name in ("exports/2026-12.jsonl", "exports/2026-02.jsonl", "others/x"):
        log.append(name, b"x", at=0)
    assert log.names("exports/") == ["exports/2026-02.jsonl", "exports/2026-12.jsonl"]


def test_more_than_one_append_takes_is_refused(log: AppendLog) -> None:
    with pytest.raises(ValueError, match="one append takes"):
        log.append("a", b"x" * (BLOCK_LIMIT + 1), at=0)
