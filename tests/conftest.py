"""Fixtures that several folders of tests share, and which tests `make test` leaves to another command."""

import gc
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Where Python is told to keep no bytecode, as in many images for containers, every process that a test starts would
# compile the product again, and every worker of pytest all tests: a third of all the time.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A busy machine is not a fault of what is tested: no property test is failed for its time. Folders may ask for more.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

DOUBLES = [Path(__file__).parent / "contract" / name for name in ("functions", "servicebus")]
"""They judge the doubles of Azure's host and bus, and nothing of the product."""

pytest_plugins = ["tests.azurite", "tests.chromium", "scripts.ci.outcomes"]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep the garbage collector away from the tests that were collected: more than half a million objects that live to
    the end, and that it would look through again and again, while they are made and while they run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that ask for a browser, those of the doubles of host and bus, and cases after the first n of a test
    marked `sweep(keep=n)` as thorough."""
    seen = Counter[str]()
    for item in items:
        if isinstance(item, pytest.Function) and "browser" in item.fixturenames:
            item.add_marker(pytest.mark.browser)
        if item.path.parent in DOUBLES:
            item.add_marker(pytest.mark.doubles)
        sweep = item.get_closest_marker("sweep")
        if sweep is not None:
            name = item.nodeid.partition("[")[0]
            seen[name] += 1
            if seen[name] > sweep.kwargs["keep"]:
                item.add_marker(pytest.mark.thorough)
