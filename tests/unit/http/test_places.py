"""Where people may be sent after signing in: to the pages that ask for it, and nowhere else."""

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions import approvals, changes, operate, pages, signing_in
from slipway.http.places import PAGES, is_page
from tests.registered import registered

WITHOUT_SESSION = {
    "/approvals/{token}",
    "/approvals/{token}/changes",
    "/assets/slipway.css",
    "/sign-in",
    "/sign-in/back",
    "/signed-out",
    "/{address:regex(^(?!admin|runtime))}/{*rest}",  # of no page
}


def test_the_list_has_every_page_that_asks_people_to_sign_in() -> None:
    routes = {
        "/" + str(function.trigger["route"]).strip("/")
        for function in registered(pages, approvals, changes, operate, signing_in)
        if "GET" in function.methods
    }
    assert set(PAGES) == routes - WITHOUT_SESSION


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/?application=shop",
        "/releases/shop-482?after=3",
        "/approvals/shop/482/production?plan=sha256:0123",
        "/operate?application=shop&environment=staging",
        "/releases/%E2%82%AC",
    ],
)
def test_an_address_of_a_page_that_asks_for_sign_in_is_accepted(address: str) -> None:
    assert is_page(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/releases/../sign-out/x",
        "/releases/a/b",
        "/audit#fragment",
        "/audit\n",
        "/audit?x=\r\nSet-Cookie: a=b",
        "/sign-in?to=/",
        "/approvals/a-token",
        "/audit?" + "a" * 2000,
        "/.auth/login/aad",
    ],
)
def test_any_other_address_is_refused(address: str) -> None:
    assert not is_page(address)


@given(st.text(max_size=60))
def test_an_accepted_address_stays_on_this_host(address: str) -> None:
    if is_page(address):
        assert urlsplit(urljoin("https://slipway.example/x", address)).netloc == "slipway.example"
