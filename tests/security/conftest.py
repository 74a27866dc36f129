"""A served installation that waits for approval, and an HTTP client that follows no redirects."""

from collections.abc import Iterator

import pytest
import urllib3

from tests.security.site import MODULES, Site, serving_site
from tests.unit.web.samples import awaiting_approval


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """hello 1.5.0 waits for Ada's approval in production; nobody signs in unless the test says so."""
    with serving_site(Site(*awaiting_approval())) as served_site:
        use(monkeypatch, served_site)
        yield served_site


def use(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    """Let the app's functions work on this installation."""
    for module in MODULES:
        if hasattr(module, "parts"):
            monkeypatch.setattr(module, "parts", site.parts)


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False) as pool:
        yield pool
