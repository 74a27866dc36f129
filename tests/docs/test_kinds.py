"""How-to pages name each kind of channel and each source of runs, so that a new one is documented where people look."""

import re
from pathlib import Path

import pytest

from slipway.bootstrap.settings_channels import KINDS
from slipway.domain.sources import Source

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to"


def test_each_kind_of_channel_is_in_the_table_of_channels() -> None:
    page = (HOW_TO / "tell-people.md").read_text(encoding="utf-8")
    first_cells = re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE)
    assert {kind for cell in first_cells for kind in re.findall(r"`([^`]+)`", cell)} == set(KINDS)


@pytest.mark.parametrize("source", [source for source in Source if source.project])
def test_connecting_a_pipeline_names_the_address_of_each_source_of_runs(source: Source) -> None:
    page = (HOW_TO / "connect-a-pipeline.md").read_text(encoding="utf-8")
    assert f"/api/hooks/{source}" in page
