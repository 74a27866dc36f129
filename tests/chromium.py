"""A real browser for tests: Debian's Chromium, driven by Playwright. Skips, and says so, if it is not installed."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

AXE = Path(__file__).resolve().parents[1] / "tools" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
PHONE: "ViewportSize" = {"width": 390, "height": 844}
DESKTOP: "ViewportSize" = {"width": 1280, "height": 900}
SLOW = 60_000
"""Milliseconds that anything may take on a busy machine; only a test that fails waits so long."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""The checks of axe-core: contrast, names and labels, landmarks, order of headings, size of targets."""


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """One browser for the tests of a module; every test takes a context of its own."""
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415 - most tests need no browser

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    expect.set_options(timeout=SLOW)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def violations(page: "Page") -> list[str]:
    """The violations that axe-core finds on a page: for each the rule, and the first element that breaks it."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: run `make install`")
    page.evaluate(AXE.read_text())
    broken_rules: list[dict[str, Any]] = page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}}).then(results => results.violations)", RULES
    )
    return [f"{rule['id']}: {rule['help']}: {rule['nodes'][0]['html'][:160]}" for rule in broken_rules]


def unseen_focus(page: "Page") -> list[str]:
    """Elements that the Tab key reaches and that then show no outline; all of them are visited once."""
    unseen: list[str] = []
    for _ in range(page.locator("a[href], button, textarea, summary, input, [tabindex='0']").count()):
        page.keyboard.press("Tab")
        focus: list[str] | None = page.evaluate(
            "() => { const e = document.activeElement; const s = getComputedStyle(e);"
            " return e === document.body ? null : [s.outlineStyle, s.outlineWidth, e.outerHTML.slice(0, 120)]; }"
        )
        if focus is None:
            break  # past the last one; what is folded away is not reached
        style, width, element = focus
        if style == "none" or width in ("0px", ""):
            unseen.append(element)
    return unseen


def too_wide(page: "Page") -> int:
    """How many pixels of the page are outside of the window; nobody should have to scroll sideways to read it."""
    pixels: int = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return pixels


def keep(page: "Page", name: str) -> None:
    """Save a picture of the page, if SLIPWAY_SCREENSHOTS names a folder."""
    if folder := os.environ.get("SLIPWAY_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
