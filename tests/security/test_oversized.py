"""A reason, a form, a message or a token that is too long is refused, at each door, and changes nothing."""

import json
from urllib.parse import urlencode

import pytest
import urllib3

from slipway.http.requests import FORM_TYPE
from slipway.inbound import BadInput, parse_vote
from slipway.inbound.approval import REASON_LIMIT
from slipway.testing import ADA
from tests.security.site import Site

LONG = [REASON_LIMIT + 1, 20_000, 300_000]


@pytest.mark.parametrize("length", LONG)
@pytest.mark.parametrize("character", ["x", "é", "😀"])
def test_oversized_reason_on_the_page_is_refused(
    site: Site, http: urllib3.PoolManager, length: int, character: str
) -> None:
    link = site.link(ADA)
    nonce = http.request("GET", link).data.decode().partition('name="form" value="')[2].partition('"')[0]
    before = site.state()
    body = urlencode({"decision": "reject", "form": nonce, "reason": character * length})
    headers = {"Content-Type": FORM_TYPE, "Origin": site.base, "Sec-Fetch-Site": "same-origin"}
    answer = http.request("POST", link, body=body, headers=headers)
    assert answer.status in (400, 413)
    assert len(answer.data) < 20_000
    assert site.state() == before


@pytest.mark.parametrize("length", LONG)
def test_oversized_reason_in_the_api_is_refused(site: Site, http: urllib3.PoolManager, length: int) -> None:
    before = site.state()
    body = json.dumps({"decision": "reject", "token": site.home.token(site.subject, ADA), "reason": "x" * length})
    address = f"{site.base}/api/v1/approvals/{site.subject.id}"
    answer = http.request("POST", address, body=body, headers={"Content-Type": "application/json"})
    assert answer.status == 400
    assert len(answer.data) < 1000
    assert site.state() == before


@pytest.mark.parametrize("length", LONG)
def test_oversized_reason_in_a_message_is_refused(site: Site, length: int) -> None:
    token = site.home.token(site.subject, ADA)
    body = json.dumps({"decision": "reject", "token": token, "reason": "x" * length}).encode()
    with pytest.raises(BadInput) as refused:
        parse_vote(body, site.home.app.public_keys, tenant="", message_id="m", now=site.home.now)
    assert len(str(refused.value)) < 300


def test_a_reason_of_the_full_length_is_kept_whole(site: Site, http: urllib3.PoolManager) -> None:
    """So that the tests above cannot pass because no reason is taken."""
    body = json.dumps({"decision": "reject", "token": site.home.token(site.subject, ADA), "reason": "x" * REASON_LIMIT})
    address = f"{site.base}/api/v1/approvals/{site.subject.id}"
    assert http.request("POST", address, body=body, headers={"Content-Type": "application/json"}).status == 200
    assert site.home.app.reader.release(site.subject.id).reason == "x" * REASON_LIMIT
