"""Whether a request can be taken as it was sent: from our own pages or a program, and as what it is said to be."""

from collections.abc import Mapping

import pytest

from slipway.http.requests import FORM_TYPE, JSON_TYPE, RequestRefused, check_media_type, check_origin, check_own_page

OWN = "https://slipway.example"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": OWN},
        {"Origin": OWN.upper()},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Sec-Fetch-Site": "same-origin", "Origin": OWN},
    ],
)
def test_requests_of_our_own_pages_and_of_programs_are_accepted(headers: Mapping[str, str]) -> None:
    check_origin(headers, OWN)


@pytest.mark.parametrize("site", [None, "same-origin", "same-site", "cross-site", "none", ""])
@pytest.mark.parametrize("origin", [None, OWN, "null", "https://evil.example", "https://sub.slipway.example", ""])
def test_all_other_requests_are_refused(site: str | None, origin: str | None) -> None:
    own_page = site == "same-origin" and origin in (None, OWN, "null")
    program = site is None and origin in (None, OWN)
    possible_headers = {"Sec-Fetch-Site": site, "Origin": origin}
    headers = {name: value for name, value in possible_headers.items() if value is not None}
    if own_page or program:
        check_origin(headers, OWN)
    else:
        with pytest.raises(RequestRefused, match="another site") as refused:
            check_origin(headers, OWN)
        assert refused.value.status == 403


@pytest.mark.parametrize("headers", [{"Origin": OWN}, {"Sec-Fetch-Site": "same-origin", "Origin": "null"}])
def test_a_form_whose_headers_name_our_own_page_is_accepted(headers: Mapping[str, str]) -> None:
    check_own_page(headers, OWN)


@pytest.mark.parametrize("headers", [{}, {"Origin": "null"}, {"Origin": "https://evil.example"}])
def test_a_form_whose_headers_do_not_name_our_own_page_is_refused(headers: Mapping[str, str]) -> None:
    with pytest.raises(RequestRefused) as refused:
        check_own_page(headers, OWN)
    assert refused.value.status == 403


@pytest.mark.parametrize("media_type", [JSON_TYPE, "application/json; charset=utf-8", " Application/JSON "])
def test_a_media_type_is_known_with_its_parameters_and_in_any_case(media_type: str) -> None:
    check_media_type({"Content-Type": media_type}, JSON_TYPE)


@pytest.mark.parametrize("media_type", [None, "", FORM_TYPE, "text/plain", "application/jsonp", "text/json"])
def test_another_media_type_is_refused_with_the_one_that_was_expected(media_type: str | None) -> None:
    with pytest.raises(RequestRefused, match="expected application/json") as refused:
        check_media_type({} if media_type is None else {"Content-Type": media_type}, JSON_TYPE)
    assert refused.value.status == 415
