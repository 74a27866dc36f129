"""Scanners and previewers that open the link in a mail change nothing, whatever they do with it short of pressing a
button that says *Approve*."""

import re
from urllib.parse import urljoin

import pytest
import urllib3
from playwright.sync_api import Browser, Page

from slipway.testing import ADA
from tests.security.site import Site

SCANNERS = {
    "a plain request": {},
    "a mail scanner": {"User-Agent": "Mozilla/5.0 (compatible; SafeLinks)"},
    "a chat preview": {"User-Agent": "Microsoft-BotFramework/3.0 SkypeUriPreview Preview/0.5"},
    "a prefetch": {"Purpose": "prefetch", "Sec-Purpose": "prefetch", "X-Moz": "prefetch"},
    "a prerender": {"Sec-Purpose": "prefetch;prerender"},
    "a sneaky one": {"X-HTTP-Method-Override": "POST", "X-Method-Override": "POST", "X-HTTP-Method": "POST"},
}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
@pytest.mark.parametrize("scanner", SCANNERS)
def test_link_scanner_that_asks_for_the_link_changes_nothing(
    site: Site, http: urllib3.PoolManager, method: str, scanner: str
) -> None:
    before, link = site.state(), site.link(ADA)
    for address in (link, f"{link}/changes", f"{link}?decision=approve&_method=POST"):
        response = http.request(method, address, headers=SCANNERS[scanner])
        assert (response.status < 300) is (method in ("GET", "HEAD"))
        assert response.headers.get("Cache-Control") == "no-store" or method not in ("GET", "HEAD")
    assert site.state() == before


def test_link_scanner_that_follows_every_link_of_every_page_changes_nothing(
    site: Site, http: urllib3.PoolManager
) -> None:
    before, pending, visited = site.state(), [site.link(ADA)], set[str]()
    while pending:
        address = pending.pop().partition("#")[0]
        if address in visited or not address.startswith(site.base):
            continue
        visited.add(address)
        body = http.request("GET", address).data.decode("utf-8", "replace")
        pending += [
            urljoin(address, link.replace("&amp;", "&")) for link in re.findall(r'(?:href|src|action)="([^"]+)"', body)
        ]
    assert len(visited) > 5
    assert site.state() == before


def test_link_scanner_that_runs_javascript_in_a_real_browser_changes_nothing(site: Site, browser: Browser) -> None:
    """It renders, scrolls, hovers, opens what can be opened, and follows every link, as somebody who has signed in."""
    site.sign_in(ADA)
    before = site.state()
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.link(ADA), wait_until="networkidle")
    links = page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    for button in page.get_by_role("button").all():
        button.hover()
        button.focus()
    page.evaluate("window.dispatchEvent(new Event('beforeunload')); window.dispatchEvent(new Event('pagehide'))")
    for link in (address for address in links if address.startswith(site.base)):
        page.goto(link, wait_until="load")
    context.close()
    assert site.state() == before


def test_link_scanner_that_submits_the_form_without_pressing_a_button_decides_nothing(
    site: Site, browser: Browser
) -> None:
    """A form that is submitted without its button carries no decision."""
    before = site.state()
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.link(ADA))
    with page.expect_navigation():
        page.evaluate("document.querySelector('form').submit()")
    assert "decision" in page.content()
    context.close()
    assert site.state() == before


def test_a_person_in_the_same_browser_can_decide(site: Site, browser: Browser) -> None:
    """The tests above must not pass merely because nobody can decide on the page."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.link(ADA))
    _approve(page)
    context.close()
    assert site.actions().count("vote.approved") == 2  # of 1.4.0 before, and of 1.5.0 now


def _approve(page: Page) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=re.compile("^Approve")).click()
