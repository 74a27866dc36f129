"""The decision records read as one series: no number is missing, none stands for two records."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RECORDS = sorted((ROOT / "docs/decisions").glob("*.md"))


def test_decisions_are_numbered_from_one_without_a_hole_or_a_double() -> None:
    assert RECORDS
    assert [record.name.partition("-")[0] for record in RECORDS] == [f"{n:04d}" for n in range(1, len(RECORDS) + 1)]


def test_the_heading_of_a_decision_has_the_number_of_its_file() -> None:
    for record in RECORDS:
        heading = record.read_text(encoding="utf-8").partition("\n")[0]
        assert heading.startswith(f"# {int(record.name[:4])}. "), record.name


def test_the_site_lists_the_decisions_in_their_order() -> None:
    listed = re.findall(r"decisions/(\S+)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == [record.name for record in RECORDS]
