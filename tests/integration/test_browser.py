"""The main way of an approver in a real browser: push, link, read, decide, release page, audit.

At desktop width by keyboard alone, at phone width without JavaScript; a rejection with its reason, and stale links.
`SLIPWAY_SCREENSHOTS=docs/images` keeps pictures of it.
"""

from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.chromium import DESKTOP, PHONE, SLOW, keep, too_wide, violations
from tests.integration.system import ADA, System, until

expect.set_options(timeout=60_000)
"""Milliseconds. A page that follows a decision leads on by itself; only a test that fails waits so long."""

pytestmark = pytest.mark.stack
STOPS = 60
"""More stops of the Tab key than any of these pages has."""


def opened(context: BrowserContext, address: str) -> Page:
    context.set_default_timeout(SLOW)
    page = context.new_page()
    page.goto(address)
    return page


def sign_in(page: Page, system: System, name: str = "Ada") -> None:
    """Sign in to the pages in this browser, as a person in the local directory."""
    page.goto(f"{system.stack.url}/sign-out")
    page.get_by_role("button", name=name).click()
    page.wait_for_url(f"{system.stack.url}/**")


def tab_to(page: Page, words: str) -> None:
    """Press Tab until what has the focus says these words."""
    for _ in range(STOPS):
        page.keyboard.press("Tab")
        if words in page.evaluate("() => document.activeElement.textContent"):
            return
    raise AssertionError(f"the Tab key does not lead to {words!r}")


def votes(system: System, release: str) -> list[dict[str, Any]]:
    records = system.application("browser").records()
    return [record for record in records if record["release"] == release and record["action"].startswith("vote.")]


def test_from_a_push_to_production_by_keyboard_alone(system: System, browser: Browser) -> None:
    application = system.application("browser")
    release = application.waiting("1.0.0")
    link = system.approval_link(release)
    plan = application.release(release)["plan_hash"]
    with browser.new_context(viewport=DESKTOP) as context:
        page = context.new_page()
        sign_in(page, system)
        page = opened(context, link)
        expect(page.locator("h1")).to_have_text("Approve 1.0.0 for production?")
        for words in ("0 of 1 needed", "nothing", "GET hello:80/healthz", "Deployment", plan[7:19]):
            expect(page.locator("main")).to_contain_text(words)
        expect(page.locator("time").first).to_contain_text("UTC")
        assert violations(page) == []
        keep(page, "flow-1-approval-desktop")
        tab_to(page, "Approve 1.0.0 for production")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("It was approved")
        expect(page.locator("main")).to_contain_text(f"{ADA}")
        assert page.locator("button.approve").count() == 0
        tab_to(page, release)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/releases/{release}")
        application.reached("release.completed", tag="1.0.0")
        page.reload()
        expect(page.locator("h1")).to_contain_text(release)
        expect(page.locator("main")).to_contain_text("Completed: live in the last environment")
        assert violations(page) == []
        keep(page, "flow-2-release-desktop")
        page.goto(link)
        expect(page.locator("main")).to_contain_text("went live in production")
        assert page.locator("button.approve").count() == 0
    (vote,) = votes(system, release)
    assert (vote["action"], vote["actor"], vote["details"]["channel"], vote["details"]["plan_hash"]) == (
        "vote.approved", ADA, "link", plan,
    )  # fmt: skip


def test_on_a_phone_without_javascript_a_stale_link_explains_itself_and_a_rejection_says_why(
    system: System, browser: Browser
) -> None:
    application = system.application("browser")
    first = application.waiting("1.1.0")
    stale = system.approval_link(first)
    second = application.waiting("1.2.0")
    until(lambda: application.release(first)["phase"] == "superseded", f"{first} is superseded")
    with browser.new_context(viewport=PHONE, java_script_enabled=False, has_touch=True) as context:
        sign_in(context.new_page(), system)
        page = opened(context, stale)
        expect(page.locator("h1")).to_have_text("Superseded by a newer release")
        assert page.locator("form").count() == 0
        keep(page, "flow-3-superseded-phone")
        page.get_by_role("link", name=second).first.tap()
        expect(page.locator("h1")).to_contain_text(second)

        page.goto(system.approval_link(second))
        expect(page.locator("h1")).to_have_text("Approve 1.2.0 for production?")
        assert too_wide(page) == 0
        keep(page, "flow-4-approval-phone")
        page.get_by_role("link", name="Go to the decision").tap()
        page.get_by_text("Reject instead").tap()
        page.get_by_label("Why?").fill("The totals of last night are wrong.")
        page.get_by_role("button", name="Reject").tap()
        expect(page.locator("h1")).to_have_text("It was rejected")
        expect(page.locator("main")).to_contain_text("The totals of last night are wrong.")
        keep(page, "flow-5-rejected-phone")
    assert application.release(second)["phase"] == "rejected"
    (vote,) = votes(system, second)
    assert (vote["action"], vote["details"]["reason"]) == ("vote.rejected", "The totals of last night are wrong.")
