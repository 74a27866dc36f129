"""The page about what an installation costs is about the installation that the templates make."""

import pytest

from tests.infra.compiler import stored
from tests.infra.costs import LINES, PAGE, SETS, page

FREE = {"Standard_LRS", "Standard_GZRS", "FC1", "Free", "standard", "PerGB2018"}
"""Sizes that are paid for by use, which the page says in words."""


def test_the_page_has_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.infra.costs --write`"


@pytest.mark.parametrize("name", SETS)
def test_every_size_that_is_paid_for_by_the_month_has_a_line(name: str) -> None:
    sizes = set()
    for resource in stored(name).values():
        sku = resource.get("sku") or resource.get("properties", {}).get("sku") or {}
        sizes |= {sku.get("tier") if sku.get("name") == "Base" else sku.get("name")} - {None}
    labels = " ".join(line.what for line in LINES)
    assert [size for size in sizes - FREE if f"`{size}`" not in labels] == []


def test_every_line_is_about_something_that_a_set_has() -> None:
    assert [line.what for line in LINES if not any(line.amount(stored(name)) for name in SETS)] == []
