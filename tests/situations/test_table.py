"""The README's table names every test of this folder, by the finding that the test's mark names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROW = re.compile(r"^\| ([A-Z]-\d\d) \| `(test_\w+\.py)` \| `(test_\w+)` \|$", re.MULTILINE)
FINDING = re.compile(r"[A-Z]-\d\d(?=: )")


def situations() -> Iterator[tuple[str, ast.FunctionDef]]:
    for file in HERE.glob("test_*.py"):
        if file != Path(__file__):
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    yield file.name, node


def test_the_readme_names_every_test_once_and_by_the_finding_of_its_mark() -> None:
    rows = ROW.findall((HERE / "README.md").read_text(encoding="utf-8"))
    findings = {(file, name): finding for finding, file, name in rows}
    assert len(findings) == len(rows)
    assert set(findings) == {(file, test.name) for file, test in situations()}
    for file, test in situations():
        marks = " ".join(ast.unparse(decorator) for decorator in test.decorator_list)
        assert set(FINDING.findall(marks)) <= {findings[file, test.name]}


def test_every_mark_is_strict_and_forgives_nothing_but_a_failed_assertion() -> None:
    for _, test in situations():
        for decorator in test.decorator_list:
            text = ast.unparse(decorator)
            if "xfail" in text:
                assert "strict=True, raises=AssertionError, reason=" in text
