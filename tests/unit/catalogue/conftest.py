"""Folders with applications, written by the tests that read them."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from tests.unit.catalogue.samples import APPLICATION, DEPLOYMENT, Write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "team"
    folder.mkdir()
    return folder


@pytest.fixture
def write(folder: Path) -> Write:
    """Writes `team/<name>/`; `files` are added, or put in place of the usual manifest."""

    def written(text: str = APPLICATION, *, name: str = "shop", files: Mapping[str, str] | None = None) -> Path:
        home = folder / name
        contents = {"application.yaml": text, **({"manifests/shop.yaml": DEPLOYMENT} if files is None else files)}
        for relative, content in contents.items():
            path = home / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(content))
        return home

    return written
