"""The sign-in page in a real browser: everybody can use it, and it leads back to the app on another site."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from local.identity import SIGN_IN, VOTES, Flow, Identity, Pkce
from tests.chromium import DESKTOP, PHONE, SLOW, unseen_focus, violations
from tests.serving import in_a_thread

from .support import BACK, claims

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize


class _App(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>The app</title>")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def app(identity: Identity) -> Iterator[str]:
    """The address of the app to which the provider leads back."""
    with in_a_thread(ThreadingHTTPServer(("127.0.0.1", 0), _App)) as server:
        address = f"http://127.0.0.1:{server.server_port}/back"
        identity.set_redirect_uris({SIGN_IN: [BACK, address], VOTES: [BACK, address]})
        yield address


def open_page(browser: "Browser", size: "ViewportSize") -> "Page":
    page = browser.new_context(viewport=size).new_page()
    page.set_default_timeout(SLOW)
    return page


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_everybody_can_use_the_page(size: "ViewportSize", browser: "Browser", flow: Flow, app: str) -> None:
    page = open_page(browser, size)
    page.goto(flow.request(SIGN_IN, Pkce(), redirect_uri=app))
    assert violations(page) == []
    assert unseen_focus(page) == []
    page.context.close()


def test_a_person_signs_in_with_the_keyboard(browser: "Browser", flow: Flow, app: str) -> None:
    page, pkce = open_page(browser, DESKTOP), Pkce()
    page.goto(flow.request(VOTES, pkce, redirect_uri=app, nonce="n"))
    page.get_by_role("button", name="Sign in as Ada").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{app}?*")
    [code] = parse_qs(urlsplit(page.url).query)["code"]
    tokens = flow.redeem(VOTES, code, pkce, redirect_uri=app).content
    assert claims(flow, tokens["id_token"], flow.registration(VOTES).client_id)["name"] == "Ada"
    page.context.close()


def test_cancel_leads_back_to_the_app_with_access_denied(browser: "Browser", flow: Flow, app: str) -> None:
    page = open_page(browser, DESKTOP)
    page.goto(flow.request(VOTES, Pkce(), redirect_uri=app))
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_url(f"{app}?*")
    assert parse_qs(urlsplit(page.url).query)["error"] == ["access_denied"]
    page.context.close()


def test_another_person_can_sign_in_in_the_same_browser(browser: "Browser", flow: Flow, app: str) -> None:
    page = open_page(browser, DESKTOP)
    for name in ("Ada", "Ben"):
        pkce = Pkce()
        page.goto(flow.request(SIGN_IN, pkce, redirect_uri=app, prompt="login"))
        page.get_by_role("button", name=f"Sign in as {name}").click()
        page.wait_for_url(f"{app}?*")
        [code] = parse_qs(urlsplit(page.url).query)["code"]
        token = flow.redeem(SIGN_IN, code, pkce, redirect_uri=app).content["id_token"]
        assert claims(flow, token, flow.registration(SIGN_IN).client_id)["name"] == name
    page.context.close()
