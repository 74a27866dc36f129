"""No address of ours sends a browser to another site."""

import re
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import pytest
import urllib3

from slipway.domain.tokens import Purpose
from slipway.testing import ADA
from tests.security.site import Site

EVIL = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "%2F%2Fevil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "evil.example\r\nLocation: https://evil.example/",
    "x\r\nSet-Cookie: a=b",
]
PATHS = [
    "/approvals/{}",
    "/approvals/{}/changes",
    "/approvals/{}/2/production",
    "/approvals/hello/{}/production",
    "/approvals/hello/2/{}",
    "/approvals/hello/2/production?plan={}",
    "/releases/{}",
    "/evidence/{}",
    "/?application={}",
    "/releases/hello-2?after={}",
    "/?next={0}&returnUrl={0}&redirect_uri={0}&to={0}",
    "/sign-in?to={}",
    "/sign-in/back?state={0}&code={0}&to={0}",
    "/operate?application={}",
]


@pytest.mark.parametrize("who", ["a stranger", "somebody"])
@pytest.mark.parametrize("path", PATHS)
def test_open_redirect_is_possible_at_no_address(site: Site, http: urllib3.PoolManager, path: str, who: str) -> None:
    if who != "a stranger":
        site.sign_in(ADA)
    for evil in EVIL:
        address = site.base + path.format(quote(evil, safe=""))
        for method in ("GET", "POST"):
            response = http.request(method, address, redirect=False, headers={"Host": "evil.example"})
            assert all(cookie.startswith("slipway-") for cookie in response.headers.getlist("Set-Cookie"))
            _stays_here(site, response.headers.get("Location", ""))
            for link in re.findall(r'(?:href|action)="([^"]*)"', response.data.decode("utf-8", "replace")):
                _stays_here(site, link.replace("&amp;", "&"))


def _stays_here(site: Site, link: str) -> None:
    """Checks also the address that the provider is to lead back to."""
    if not link or link.startswith(("https://dev.azure.com/example/", "data:")):
        return
    target = urlsplit(urljoin(site.base, link))
    if link.startswith(f"{site.home.provider.issuer.url}/authorize?"):
        assert parse_qs(target.query)["redirect_uri"] == [f"{site.base}/sign-in/back"]
        return
    assert target.netloc == urlsplit(site.base).netloc, link
    if target.path == "/sign-in" and target.query:
        assert urlsplit(urljoin(site.base, parse_qs(target.query)["to"][0])).netloc == urlsplit(site.base).netloc


def test_a_link_where_people_sign_in_leads_to_a_page_of_ours(site: Site, http: urllib3.PoolManager) -> None:
    """The only redirect that there is; without it the test above could not fail."""
    link = site.home.app.links.approval(site.subject, ADA, purpose=Purpose.SHOW, now=site.home.now)
    response = http.request("GET", link, redirect=False)
    assert response.status == 303
    assert response.headers["Location"] == f"/approvals/hello/2/production?plan={site.subject.plan_hash}"
