"""Whether everybody can use the pages: contrast, names, headings, targets, focus and narrow windows, in Chromium.

The pages are the samples of the other tests, served to the browser with the headers that they have in production.
"""

from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, ViewportSize

from slipway.web.templating import STYLESHEET
from tests.chromium import DESKTOP, PHONE, SLOW, too_wide, unseen_focus, violations
from tests.unit.web.samples import SAMPLES

ORIGIN = "https://slipway.example.com"
NARROW: ViewportSize = {"width": 320, "height": 640}
"""A desktop browser at a zoom of 400 %, as people with low vision use it."""
NAMES = sorted(SAMPLES)


def _serve(route: Route) -> None:
    name = urlsplit(route.request.url).path.removeprefix("/")
    if name.endswith(".css"):
        route.fulfill(body=STYLESHEET.read_bytes(), content_type="text/css")
        return
    response = SAMPLES[name]()
    route.fulfill(body=response.body, content_type="text/html; charset=utf-8", headers=dict(response.headers))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport=PHONE) as context:
        page = context.new_page()
        page.set_default_timeout(SLOW)
        page.route("**/*", _serve)
        yield page


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_a_rule_of_accessibility(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme)
    broken_rules: dict[str, list[str]] = {}
    for name in NAMES:
        page.goto(f"{ORIGIN}/{name}")
        broken_rules[name] = violations(page)
    assert {name: rules for name, rules in broken_rules.items() if rules} == {}


def test_no_page_is_wider_than_a_narrow_window(page: Page) -> None:
    wide = {}
    for name in NAMES:
        page.goto(f"{ORIGIN}/{name}")
        for size in (NARROW, PHONE, DESKTOP):
            page.set_viewport_size(size)
            wide[name, size["width"]] = too_wide(page)
    assert {where: pixels for where, pixels in wide.items() if pixels > 0} == {}


@pytest.mark.parametrize("name", ["approval-open", "approval-without-reason", "approval-voted"])
def test_keyboard_focus_is_visible_everywhere(page: Page, name: str) -> None:
    page.goto(f"{ORIGIN}/{name}")
    assert unseen_focus(page) == []
