"""No address of ours sends a browser to another site."""

import re
from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest
import urllib3

from slipway.testing import ADA
from tests.security.site import Site
from tests.unit.web.test_signed_in import principal

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
    "/?next={0}&returnUrl={0}&redirect_uri={0}&post_login_redirect_uri={0}",
]


@pytest.mark.parametrize("sign_in", ["none", "easy-auth, a stranger", "easy-auth"])
@pytest.mark.parametrize("path", PATHS)
def test_open_redirect_is_nowhere(site: Site, http: urllib3.PoolManager, path: str, sign_in: str) -> None:
    if sign_in != "none":
        site.sign_in = "easy-auth"
        site.signed_in = principal(ADA) if sign_in == "easy-auth" else {}
    for evil in EVIL:
        address = site.base + path.format(quote(evil, safe=""))
        for method in ("GET", "POST"):
            answer = http.request(method, address, redirect=False, headers={"Host": "evil.example"})
            assert "Set-Cookie" not in answer.headers
            _stays_here(site, answer.headers.get("Location", ""))
            for link in re.findall(r'(?:href|action)="([^"]*)"', answer.data.decode("utf-8", "replace")):
                _stays_here(site, link.replace("&amp;", "&"))


def _stays_here(site: Site, link: str) -> None:
    """Also what the sign-in is told to lead back to."""
    if not link or link.startswith(("https://dev.azure.com/example/", "data:")):
        return
    found = urlsplit(urljoin(site.base, link))
    assert found.netloc == urlsplit(site.base).netloc, link
    back = found.query.partition("post_login_redirect_uri=")[2]
    if back:
        assert unquote(back).startswith("/")
        assert not unquote(back).startswith(("//", "/\\"))


def test_a_link_where_people_sign_in_leads_to_a_page_of_ours(site: Site, http: urllib3.PoolManager) -> None:
    """The one redirect that there is, so that the test above can fail."""
    site.sign_in = "easy-auth"
    answer = http.request("GET", site.link(ADA), redirect=False)
    assert answer.status == 303
    assert answer.headers["Location"] == f"/approvals/hello/2/production?plan={site.subject.plan_hash}"
