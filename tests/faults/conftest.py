"""The deliveries folder that the fault tests share; expected warnings are not logged."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.testing import write_application


@pytest.fixture(scope="session")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deliveries")
    write_application(folder)
    return folder


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    """Logging thousands of expected warnings would only cost time."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
