"""HTML, Markdown and control characters in what strangers write (commits, tags, names, reasons, logs) are shown and do
nothing, on pages, on cards and in mails, each opened in a real browser that runs scripts; nor do they add a header."""

import json
import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Route

from slipway.domain.release import VoteDecision
from slipway.effects.notification import Message
from slipway.effects.notification.asking_card import asking_card
from slipway.effects.notification.card import card
from slipway.effects.notification.letter import write_letter
from slipway.effects.notification.smtp import as_mail
from slipway.inbound import BadInput, Ignored
from tests.security.conftest import use
from tests.security.site import Site, serving_site
from tests.unit.effects.notification.samples import ADA, TOKEN_LINK, hostile
from tests.unit.inbound.samples import PUSH, changed
from tests.unit.inbound.test_event_grid import parse as parse_push
from tests.unit.web.samples import cast_vote
from tests.unit.web.test_rendering import HOSTILE, hostile_installation

LIBRARY = Path(__file__).resolve().parents[2] / "tools" / "card" / "node_modules" / "adaptivecards" / "dist"
OWN = {"http://127.0.0.1", "about:blank"}


class WatchedBrowser:
    """A browser that notes whatever a page does beyond being shown."""

    def __init__(self, browser: Browser) -> None:
        self.context = browser.new_context(bypass_csp=True)
        self.page = self.context.new_page()
        self.events: list[str] = []
        self.page.on("dialog", self._dismiss)
        self.page.on("popup", lambda popup: self.events.append("popup"))
        self.page.on("pageerror", lambda error: self.events.append(f"error {error}"))
        self.context.route("**/*", self._route)

    def _dismiss(self, dialog: Dialog) -> None:
        self.events.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _route(self, route: Route) -> None:
        if re.match(r"http://127\.0\.0\.1:|about:|data:", route.request.url):
            route.continue_()
            return
        self.events.append(f"request {route.request.url}")
        route.abort()

    def open(self, address: str) -> str:
        self.page.goto(address, wait_until="networkidle")
        return self._visible_text()

    def show(self, html: str) -> str:
        self.page.set_content(html, wait_until="networkidle")
        return self._visible_text()

    def _visible_text(self) -> str:
        """Touch every element as a reader might; returns the visible text."""
        for event in ("mouseover", "focus", "load", "error", "toggle"):
            self.page.evaluate(
                "name => document.querySelectorAll('body *').forEach(one => one.dispatchEvent(new Event(name)))", event
            )
        self.page.wait_for_timeout(50)
        return self.page.inner_text("body")


@pytest.fixture
def watched(browser: Browser) -> Any:
    watched = WatchedBrowser(browser)
    yield watched
    watched.context.close()
    assert watched.events == []


@pytest.fixture
def hostile_site(monkeypatch: pytest.MonkeyPatch) -> Any:
    home, name = hostile_installation()
    with serving_site(Site(home, home.app.reader.release(name))) as site:
        use(monkeypatch, site)
        site.sign_in("dora@example.com")
        yield site


def test_stored_html_in_commit_names_logs_and_plan_is_inert_on_the_approval_page(
    hostile_site: Site, watched: WatchedBrowser
) -> None:
    """Even without the content security policy, which this browser is told to ignore."""
    text = watched.open(hostile_site.link("ada@example.com"))
    assert "<script>" in text
    assert watched.page.locator("script").count() == 0


def test_stored_html_in_a_reason_is_inert_on_the_release_page_and_the_board(
    hostile_site: Site, watched: WatchedBrowser
) -> None:
    cast_vote(hostile_site.home, hostile_site.subject, decision=VoteDecision.REJECT, reason=HOSTILE)
    assert "<script>" in watched.open(f"{hostile_site.base}/releases/{hostile_site.subject.id}")
    watched.open(f"{hostile_site.base}/")
    assert watched.page.locator("script").count() == 0


def test_stored_html_in_parked_input_is_inert(hostile_site: Site, watched: WatchedBrowser) -> None:
    hostile_site.home.app.parking.park(source="events", reason=HOSTILE, body=HOSTILE.encode(), message_id=HOSTILE)
    assert "<script>" in watched.open(f"{hostile_site.base}/parked")
    assert watched.page.locator("script").count() == 0


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "v1\r\nBcc: x@evil.example", "v1&quot;", "../x", "v\u202e"]
)
def test_stored_html_in_a_tag_or_a_repository_is_refused_as_input(name: str) -> None:
    for field in ("target__tag", "target__repository"):
        with pytest.raises((BadInput, Ignored)):
            parse_push(changed(PUSH, **{field: name}))


def test_stored_html_is_inert_in_the_html_of_a_mail(watched: WatchedBrowser) -> None:
    """Mail clients have no policy of ours: the text itself has to be harmless."""
    text = watched.show(write_letter(hostile(recipient=ADA, approval_url=TOKEN_LINK)).html)
    assert "<script>" in text
    assert watched.page.locator("script, img, iframe, form").count() == 0
    links = watched.page.eval_on_selector_all("a", "all => all.map(one => one.href)")
    assert all(link.startswith("https://slipway.contoso.com/") for link in links)


def test_stored_html_adds_no_header_and_no_recipient_to_a_mail() -> None:
    """Header injection: line breaks and `Bcc:` in every text that a mail is made of."""
    message = hostile(recipient=ADA, approval_url=TOKEN_LINK)
    letter = write_letter(message)
    mail = as_mail(message, letter, sender="slipway@contoso.com", recipients=(ADA,))
    parsed = message_from_bytes(mail.as_bytes(), policy=default)
    assert set(parsed.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version",
        "Content-Type",
    }  # fmt: skip
    assert [address.addr_spec for address in parsed["To"].addresses] == [ADA]
    assert not re.search(r"[\r\n\x00-\x1f\u202e]", letter.subject)


@pytest.mark.skipif(not LIBRARY.is_dir(), reason="needs the library: npm ci --prefix tools/card")
@pytest.mark.parametrize("kind", ["channel", "question"])
def test_stored_html_is_inert_on_a_card_as_the_library_of_microsoft_draws_it(
    watched: WatchedBrowser, kind: str
) -> None:
    message: Message = hostile(recipient=ADA, approval_url=TOKEN_LINK)
    content = card(message) if kind == "channel" else asking_card(message)
    script = (LIBRARY / "adaptivecards.min.js").read_text(encoding="utf-8")
    safe = json.dumps(content).replace("<", "\\u003c")
    text = watched.show(
        f"""<!doctype html><body><div id="card"></div><script>{script}</script><script>
        const view = new AdaptiveCards.AdaptiveCard(); view.parse({safe});
        document.getElementById("card").appendChild(view.render());
        document.querySelectorAll("script").forEach(one => one.remove());</script></body>"""
    )
    assert "<script>" in text
    assert watched.page.locator("#card script, #card img, #card b, #card strong, #card em").count() == 0
    links = watched.page.eval_on_selector_all("#card a", "all => all.map(one => one.href)")
    assert not [link for link in links if "evil" in link]


def test_the_watched_browser_notices_a_script_and_a_foreign_request(browser: Browser) -> None:
    """Otherwise the tests above could not fail."""
    watched = WatchedBrowser(browser)
    watched.show("<p>x</p><img src=x onerror=alert(1)><img src='https://evil.example/pixel'>")
    watched.context.close()
    assert any(event.startswith("dialog") for event in watched.events)
    assert any("evil.example" in event for event in watched.events)
