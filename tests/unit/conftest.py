"""An application with two environments, and a whole installation in memory that delivers it."""

from pathlib import Path

import pytest

from slipway.testing import Installation, write_application


@pytest.fixture
def deliveries(tmp_path: Path) -> Path:
    folder = tmp_path / "deliveries"
    write_application(folder)
    return folder


@pytest.fixture
def installation(deliveries: Path) -> Installation:
    return Installation(deliveries)
