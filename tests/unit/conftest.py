"""An application with two environments, and a whole installation in memory that delivers it."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Never

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


@pytest.fixture
def fails_after_a_minute() -> Iterator[None]:
    """For a test that takes a moment, but would go on for hours if what it tests were broken."""

    def too_late(*_: object) -> Never:
        raise TimeoutError("it went on for a minute")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
