"""The table of guards covers every finding, and the places in the code and the tests that it names exist."""

import ast
import re
from pathlib import Path

import pytest

from scripts.guards.table import FINDINGS, Guard, read_table

ROOT = Path(__file__).resolve().parents[2]
TABLE = read_table()
TEST_NAME = re.compile(r"`(tests/[a-z0-9_/]+\.py::test_[a-z0-9_]+)`")
SECURITY = ROOT / "docs/explanation/security.md"


def exists(test: str) -> bool:
    """Whether there is such a test: a path, or a path and a name."""
    path, _, name = test.partition("::")
    if not (ROOT / path).is_file():
        return False
    functions = (node for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))))
    return not name or any(isinstance(node, ast.FunctionDef) and node.name == name for node in functions)


def test_the_table_covers_every_finding() -> None:
    assert TABLE.covered == set(FINDINGS)
    names = [guard.name for guard in TABLE.guard]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("guard", TABLE.guard, ids=lambda guard: guard.name)
def test_each_guard_stands_in_the_file_that_the_table_names(guard: Guard) -> None:
    source = (ROOT / guard.file).read_text(encoding="utf-8")
    without = guard.removed_from(source)
    assert without != source
    ast.parse(without)


def test_each_attempt_that_held_is_listed_once() -> None:
    assert len(TABLE.held) >= 20
    assert len({row.tried for row in TABLE.held}) == len(TABLE.held)


def test_every_test_that_the_table_names_exists() -> None:
    assert [test for test in sorted(TABLE.tests) if not exists(test)] == []


def test_every_test_that_the_threat_model_names_exists() -> None:
    text = SECURITY.read_text(encoding="utf-8")
    linked = re.findall(r"`(test_[a-z0-9_]+)` in \[[^]]+\]\(\.\./\.\./(tests/[a-z0-9_/]+\.py)\)", text)
    tests = [*TEST_NAME.findall(text), *(f"{path}::{test}" for test, path in linked)]
    assert len(tests) > 100
    assert [test for test in tests if not exists(test)] == []


def test_each_threat_names_a_test_that_shows_its_answer() -> None:
    text = SECURITY.read_text(encoding="utf-8")
    tables = re.findall(r"^\| threat \| answer \| shown by \|\n\|---\|---\|---\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert len(tables) == text.count("| threat |") == 5
    threats = [row for table in tables for row in table.splitlines()]
    assert len(threats) > 50
    assert [row for row in threats if TEST_NAME.search(row.rpartition(" | ")[2]) is None] == []


def test_a_guard_whose_text_is_not_there_exactly_once_is_refused() -> None:
    guard = TABLE.guard[0]
    with pytest.raises(ValueError, match=f"{guard.name}: expected .* found it 0 times"):
        guard.removed_from("nothing")
    with pytest.raises(ValueError, match="found it 2 times"):
        guard.removed_from(guard.before * 2)
