"""An application with two environments, and a whole installation in memory that delivers it."""

from pathlib import Path

import pytest

from tests.unit.flow.deliveries import write_delivery
from tests.unit.flow.house import House


@pytest.fixture
def deliveries(tmp_path: Path) -> Path:
    folder = tmp_path / "deliveries"
    write_delivery(folder)
    return folder


@pytest.fixture
def house(deliveries: Path) -> House:
    return House(deliveries)
