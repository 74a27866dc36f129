"""Folders with deliveries, written by the tests that read them."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from tests.unit.catalogue.samples import DELIVERY, DEPLOYMENT, WriteDelivery


@pytest.fixture
def deliveries(tmp_path: Path) -> Path:
    folder = tmp_path / "deliveries"
    folder.mkdir()
    return folder


@pytest.fixture
def write_delivery(deliveries: Path) -> WriteDelivery:
    """Writes `deliveries/<name>/`; `files` are added, or put in place of the usual manifest."""

    def write(text: str = DELIVERY, *, name: str = "shop", files: Mapping[str, str] | None = None) -> Path:
        folder = deliveries / name
        contents = {"delivery.yaml": text, **({"manifests/shop.yaml": DEPLOYMENT} if files is None else files)}
        for relative, content in contents.items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(content))
        return folder

    return write
