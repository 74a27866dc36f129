"""The app's cookies: what they are called, what a browser is told of them, and which are read."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.http.cookies import HEADER_LIMIT, VALUE_LIMIT, Cookie, Cookies

AZURE = Cookies("https://slipway.example.com")
LAPTOP = Cookies("http://127.0.0.1:7071")
HOUR = timedelta(hours=1)


def test_over_tls_no_other_host_can_set_a_cookie_and_no_script_can_read_it() -> None:
    assert AZURE.keep(Cookie.SESSION, "a.b", HOUR) == (
        "__Host-session=a.b; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax; Secure"
    )


def test_cookies_of_a_laptop_are_named_by_their_port_and_are_not_secure() -> None:
    assert LAPTOP.keep(Cookie.SESSION, "a", HOUR) == (
        "slipway-7071-session=a; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax"
    )
    on_other_port = Cookies("http://127.0.0.1:7072")
    assert on_other_port.read({"Cookie": "slipway-7071-session=a"}, Cookie.SESSION) == ""


def test_a_dropped_cookie_expires_at_once() -> None:
    assert AZURE.drop(Cookie.SIGN_IN).startswith("__Host-signin=; Max-Age=0; Path=/")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("__Host-session=abc", "abc"),
        ("other=1; __Host-session=abc;x=2", "abc"),
        ("__Host-session=abc; __Host-session=abc", "abc"),
        ("__Host-session=abc; __Host-session=abd", ""),
        ("__host-session=abc", ""),
        ("session=abc", ""),
        ("__Host-session", ""),
        ("__Host-session=a b", ""),
        ('__Host-session="abc"', ""),
        ("", ""),
        ("x=" + "a" * HEADER_LIMIT + "; __Host-session=abc", ""),
    ],
)
def test_a_cookie_is_read_only_if_it_is_well_formed_and_has_one_value(header: str, value: str) -> None:
    assert AZURE.read({"Cookie": header}, Cookie.SESSION) == value


@given(st.text(max_size=300))
def test_any_cookie_header_can_be_read(header: str) -> None:
    assert AZURE.read({"Cookie": header}, Cookie.SESSION) in header


@pytest.mark.parametrize("value", ["a;b", "a=b", "ä", "a b", "a" * (VALUE_LIMIT + 1)])
def test_a_value_that_a_browser_or_host_would_change_is_not_set(value: str) -> None:
    with pytest.raises(ValueError, match="expected at most"):
        AZURE.keep(Cookie.SESSION, value, HOUR)
