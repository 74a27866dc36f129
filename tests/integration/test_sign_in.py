"""Signing in, in a real browser on the whole system: by the provider's page, with cookies as the host sends them."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.chromium import DESKTOP, PHONE, SLOW, keep, too_wide, violations
from tests.integration.system import System, until

pytestmark = pytest.mark.stack


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    with browser.new_context(viewport=request.param, java_script_enabled=True) as opened:
        opened.set_default_timeout(SLOW)
        yield opened


def choose(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def ended_sessions(system: System) -> list[str]:
    records = system.application("_installation").records()
    return [record["details"]["sessions"] for record in records if record["action"] == "session.ended"]


def sign_out(system: System, page: Page, button: str) -> None:
    """Sign out, and wait until the worker has recorded it, so that the next sign-out is not taken for this one."""
    before = ended_sessions(system)
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    sessions = "one" if button == "Sign out here" else "all"
    until(lambda: ended_sessions(system) == [*before, sessions], "the worker has written down which sessions are over")


def test_a_person_who_opens_a_page_signs_in_and_comes_back_to_it(system: System, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{system.stack.url}/audit?environment=production")
    assert page.url.startswith(system.stack.identity.issuer.rpartition("/")[0])
    choose(page, "Grace")
    expect(page).to_have_url(f"{system.stack.url}/audit?environment=production")
    expect(page.get_by_role("banner")).to_contain_text("Grace")
    assert violations(page) == []
    assert too_wide(page) == 0
    cookies = {cookie["name"]: cookie for cookie in context.cookies(system.stack.url)}
    assert {name.rpartition("-")[2] for name in cookies} == {"session", "browser"}
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in cookies.values())


def test_two_tabs_sign_in_and_each_comes_back_to_its_own_page(system: System, context: BrowserContext) -> None:
    first, second = context.new_page(), context.new_page()
    first.goto(f"{system.stack.url}/numbers")
    second.goto(f"{system.stack.url}/parked")
    choose(second, "Grace")
    expect(second).to_have_url(f"{system.stack.url}/parked")
    choose(first, "Grace")
    expect(first).to_have_url(f"{system.stack.url}/numbers")


def test_signing_out_ends_the_session_in_every_tab_and_an_open_form_changes_nothing(
    system: System, context: BrowserContext
) -> None:
    open_tab, page = context.new_page(), context.new_page()
    open_tab.goto(f"{system.stack.url}/operate?application=operators&environment=staging")
    choose(open_tab, "Olu")
    page.goto(f"{system.stack.url}/")
    page.get_by_role("link", name="Sign out").click()
    keep(page, "sign-out")
    assert violations(page) == []
    sign_out(system, page, "Sign out here")
    assert violations(page) == []
    assert too_wide(page) == 0
    open_tab.get_by_label("Why?").first.fill("because")
    open_tab.get_by_role("button", name="Freeze operators staging").click()
    expect(open_tab.get_by_role("heading", level=1)).to_have_text("You are no longer signed in")
    assert violations(open_tab) == []
    open_tab.get_by_role("link", name="Sign in").click()
    expect(open_tab).to_have_url(f"{system.stack.url}/operate?application=operators&environment=staging")
    expect(open_tab.locator("main")).to_contain_text("Nothing is frozen or held here")


@pytest.mark.parametrize("button", ["Sign out here", "Sign out everywhere"])
def test_a_copy_of_a_browsers_cookies_orders_nothing_once_the_session_was_ended(
    system: System, context: BrowserContext, browser: Browser, button: str
) -> None:
    page = context.new_page()
    page.goto(f"{system.stack.url}/operate?application=operators&environment=staging")
    choose(page, "Olu")
    expect(page.get_by_role("banner")).to_contain_text("Olu")
    with browser.new_context(storage_state=context.storage_state()) as thief:
        copy = thief.new_page()
        copy.goto(f"{system.stack.url}/operate?application=operators&environment=staging")
        expect(copy.get_by_role("banner")).to_contain_text("Olu")
        page.goto(f"{system.stack.url}/sign-out")
        sign_out(system, page, button)
        copy.get_by_label("Why?").first.fill("because")
        copy.get_by_role("button", name="Freeze operators staging").click()
        expect(copy.get_by_role("heading", level=1)).to_have_text("You are no longer signed in")


def test_the_back_button_after_a_sign_in_leads_to_the_page_and_not_to_an_error(
    system: System, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"{system.stack.url}/parked")
    choose(page, "Grace")
    page.get_by_role("link", name="Board").first.click()
    page.go_back()
    expect(page).to_have_url(f"{system.stack.url}/parked")
    page.reload()
    expect(page.get_by_role("banner")).to_contain_text("Grace")


def test_a_person_who_cancels_the_sign_in_sees_that_and_can_try_again(system: System, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{system.stack.url}/parked")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You did not sign in")
    assert violations(page) == []
    page.get_by_role("link", name="Sign in").click()
    choose(page, "Grace")
    expect(page).to_have_url(f"{system.stack.url}/parked")
