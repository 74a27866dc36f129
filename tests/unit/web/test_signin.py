"""Who may read pages, by what the settings say is in front of the app."""

import pytest

from slipway.web.messages import sign_in
from slipway.web.signin import visitor
from tests.unit.web.samples import Headers

NAMED = Headers({"x-ms-client-principal-name": "dora@example.com"})


def test_on_a_laptop_everybody_reads_and_nobody_is_believed() -> None:
    found = visitor(NAMED, "none")
    assert found is not None
    assert found.name == ""


def test_behind_easy_auth_a_stranger_does_not_read() -> None:
    assert visitor(Headers(), "easy-auth") is None


@pytest.mark.parametrize("headers", [NAMED, Headers({"x-ms-client-principal": "eyJ9"})])
def test_behind_easy_auth_people_who_are_signed_in_read(headers: Headers) -> None:
    assert visitor(headers, "easy-auth") is not None


def test_the_page_for_strangers_leads_to_the_sign_in_and_back() -> None:
    answer = sign_in("/releases/hello-1?after=2&x=<y>")
    assert answer.status == 401
    assert 'redirect_uri=%2Freleases%2Fhello-1%3Fafter%3D2%26x%3D%3Cy%3E"' in answer.body.decode()
