"""A served installation that waits for approval, a client that follows nothing, and a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from playwright.sync_api import Browser, sync_playwright

from tests.security.site import MODULES, Site, serving_site
from tests.unit.web.samples import asked

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """hello 1.5.0 waits for Ada's approval in production; nobody signs in unless the test says so."""
    with serving_site(Site(*asked())) as served:
        use(monkeypatch, served)
        yield served


def use(monkeypatch: pytest.MonkeyPatch, served: Site) -> None:
    """The app's functions work on this installation."""
    for module in MODULES:
        monkeypatch.setattr(module, "parts", served.parts)


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False) as pool:
        yield pool


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()
