"""The README's table names a test for every finding about rollouts, and only tests that run on a real control plane."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
ROW = re.compile(r"^\| ([A-Z]-\d\d) \| `(test_\w+\.py)` \| `(test_\w+)` \|$", re.MULTILINE)
ELSEWHERE = re.compile(r"^\| ([A-Z]-\d\d) \| .+ \| `((?:tests|local)/[\w./]+)` \|$", re.MULTILINE)
FINDINGS = {f"K-{number:02}" for number in range(1, 20)} | {f"D-{number}" for number in range(22, 35)}
PLACES = frozenset({"place", "admin_place"})
"""Fixtures that are a namespace on the double and on a real control plane."""


def on_both(file: Path) -> set[str]:
    functions = (node for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef))
    return {node.name for node in functions if PLACES & {argument.arg for argument in node.args.args}}


def test_every_finding_has_a_test_on_a_real_control_plane_or_a_reason_why_not() -> None:
    text = (HERE / "README.md").read_text(encoding="utf-8")
    rows, elsewhere = ROW.findall(text), dict(ELSEWHERE.findall(text))
    assert {finding for finding, _, _ in rows} | set(elsewhere) == FINDINGS
    assert not {finding for finding, _, _ in rows} & set(elsewhere)
    assert len(set(rows)) == len(rows)
    for _, file, test in rows:
        assert test in on_both(HERE / file), (file, test)
    for path in elsewhere.values():
        assert (ROOT / path).exists(), path
