"""A served installation that waits for approval, and a client that follows nothing."""

from collections.abc import Iterator

import pytest
import urllib3

from tests.security.site import MODULES, Site, serving_site
from tests.unit.web.samples import asked


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """hello 1.5.0 waits for Ada's approval in production; nobody signs in unless the test says so."""
    with serving_site(Site(*asked())) as served:
        use(monkeypatch, served)
        yield served


def use(monkeypatch: pytest.MonkeyPatch, served: Site) -> None:
    """The app's functions work on this installation."""
    for module in MODULES:
        if hasattr(module, "parts"):
            monkeypatch.setattr(module, "parts", served.parts)


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False) as pool:
        yield pool
