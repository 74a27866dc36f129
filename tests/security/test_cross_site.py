"""Another site makes an approver's browser send a decision: refused, for approvers with a link and with a sign-in."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlencode

import pytest
import urllib3
from playwright.sync_api import Browser

from slipway.http.requests import FORM_TYPE
from slipway.testing import ADA
from tests.security.site import Site
from tests.serving import in_a_thread

FROM_ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
]


@contextmanager
def evil_site(page: str) -> Iterator[str]:
    """Serve the page under another host name than the app's: `localhost` is another site than 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    with in_a_thread(HTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"http://localhost:{server.server_port}/"


def nonce(http: urllib3.PoolManager, link: str) -> str:
    return http.request("GET", link).data.decode().partition('name="form_token" value="')[2].partition('"')[0]


@pytest.mark.parametrize("headers", FROM_ELSEWHERE)
def test_cross_site_post_of_the_form_is_refused_even_with_the_token_and_the_nonce(
    site: Site, http: urllib3.PoolManager, headers: dict[str, str]
) -> None:
    body = urlencode({"decision": "approve", "form_token": nonce(http, site.link(ADA))})
    before = site.state()
    response = http.request("POST", site.link(ADA), body=body, headers={"Content-Type": FORM_TYPE} | headers)
    assert response.status == 403
    assert site.state() == before


@pytest.mark.parametrize("headers", [*FROM_ELSEWHERE, {}])
def test_cross_site_post_of_the_form_is_refused_even_with_the_session_and_the_mark(
    site: Site, http: urllib3.PoolManager, headers: dict[str, str]
) -> None:
    site.sign_in(ADA)
    address = f"{site.base}/approvals/hello/2/production?plan={site.subject.plan_hash}"
    body = urlencode({"decision": "approve", "form_token": nonce(http, address)})
    assert http.request("POST", address, body=body, headers={"Content-Type": FORM_TYPE} | headers).status == 403
    before = site.state()  # it includes the record that somebody was denied
    assert site.actions("_installation").count("access.denied") == 1
    assert http.request("POST", address, body=body, headers={"Content-Type": FORM_TYPE} | headers).status == 403
    assert site.state() == before
    assert site.votes() == []


@pytest.mark.parametrize("path", ["/operate", "/sign-out"])
def test_cross_site_post_of_every_other_form_is_refused(site: Site, http: urllib3.PoolManager, path: str) -> None:
    site.sign_in(ADA)
    body = urlencode({"form_token": nonce(http, f"{site.base}/sign-out")})
    headers = {"Content-Type": FORM_TYPE, "Sec-Fetch-Site": "cross-site"}
    response = http.request("POST", site.base + path, body=body, headers=headers)
    assert response.status == 403
    assert "Set-Cookie" not in response.headers


def test_the_api_does_not_accept_a_session_cookie(site: Site, http: urllib3.PoolManager) -> None:
    """So no other site can give orders there through the browser of somebody who has signed in."""
    site.sign_in(ADA)
    before = site.state()
    body = json.dumps({"decision": "approve", "plan_hash": site.subject.plan_hash})
    address = f"{site.base}/api/v1/approvals/{site.subject.id}"
    assert http.request("POST", address, body=body, headers={"Content-Type": "application/json"}).status == 403
    assert site.state() == before


@pytest.mark.parametrize("media_type", ["text/plain", FORM_TYPE, "multipart/form-data", ""])
def test_a_cross_site_post_without_a_preflight_is_refused_as_not_json(
    site: Site, http: urllib3.PoolManager, media_type: str
) -> None:
    """A form of another site can send these types without a preflight request, but not that of JSON."""
    before = site.state()
    body = json.dumps({"decision": "approve", "token": site.link(ADA).rpartition("/")[2]})
    address = f"{site.base}/api/v1/approvals/{site.subject.id}"
    assert http.request("POST", address, body=body, headers={"Content-Type": media_type}).status == 415
    assert site.state() == before


@pytest.mark.parametrize("way", ["link", "sign-in"])
def test_cross_site_post_by_a_real_browser_is_refused(site: Site, browser: Browser, way: str) -> None:
    """The evil page knows everything but is another site: it posts the form as soon as it is opened."""
    if way == "sign-in":
        site.sign_in(ADA)
    plan = site.subject.plan_hash
    link = site.link(ADA) if way == "link" else f"{site.base}/approvals/hello/2/production?plan={plan}"
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    value = page.locator("input[name=form_token]").first.get_attribute("value")
    before = site.actions(), site.home.newest()
    evil = f"""<form method="post" action="{link}"><input name="decision" value="approve">
        <input name="form_token" value="{value}"></form><script>document.forms[0].submit()</script>"""
    with evil_site(evil) as address:
        page.goto(address)
        page.wait_for_url(f"{site.base}/**")
        assert "sent from another site" in page.content()
    context.close()
    assert (site.actions(), site.home.newest()) == before


def test_cross_site_frame_is_not_shown(site: Site, browser: Browser) -> None:
    """Nobody can put the page in a frame beneath buttons of their own."""
    context = browser.new_context()
    page = context.new_page()
    with evil_site(f'<iframe src="{site.link(ADA)}"></iframe>') as address:
        page.goto(address, wait_until="networkidle")
        framed = page.frames[1].content()
    context.close()
    assert "Approve" not in framed
