"""Fixtures that several folders of tests share, and which cases of a sweep `make test` leaves to `make test-all`."""

from collections import Counter

import pytest

pytest_plugins = ["tests.azurite", "tests.chromium", "scripts.ci.outcomes"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test marked `sweep(keep=n)` all cases after the first n are `thorough`."""
    seen = Counter[str]()
    for item in items:
        sweep = item.get_closest_marker("sweep")
        if sweep is not None:
            name = item.nodeid.partition("[")[0]
            seen[name] += 1
            if seen[name] > sweep.kwargs["keep"]:
                item.add_marker(pytest.mark.thorough)
