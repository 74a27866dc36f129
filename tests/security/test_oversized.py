"""A reason, a form, a message or a token that is too long is refused, at each door, and changes nothing."""

import json
from urllib.parse import urlencode

import pytest
import urllib3

from slipway.domain.blocks import REASON_LIMIT
from slipway.http.requests import FORM_TYPE
from slipway.inbound import BadInput
from slipway.testing import ADA
from tests.security.site import Site
from tests.unit.inbound.samples import changed
from tests.unit.inbound.test_approval_message import VOTE

LONG = [REASON_LIMIT + 1, 20_000, 300_000]


@pytest.mark.parametrize("length", LONG)
@pytest.mark.parametrize("character", ["x", "é", "😀"])
def test_oversized_reason_on_the_page_is_refused(
    site: Site, http: urllib3.PoolManager, length: int, character: str
) -> None:
    link = site.link(ADA)
    nonce = http.request("GET", link).data.decode().partition('name="form_token" value="')[2].partition('"')[0]
    before = site.state()
    body = urlencode({"decision": "reject", "form_token": nonce, "reason": character * length})
    headers = {"Content-Type": FORM_TYPE, "Origin": site.base, "Sec-Fetch-Site": "same-origin"}
    response = http.request("POST", link, body=body, headers=headers)
    assert response.status in (400, 413)
    assert len(response.data) < 20_000
    assert site.state() == before


@pytest.mark.parametrize("length", LONG)
def test_oversized_reason_in_the_api_is_refused(site: Site, http: urllib3.PoolManager, length: int) -> None:
    before = site.state()
    body = json.dumps({"decision": "reject", "token": site.home.token(site.subject, ADA), "reason": "x" * length})
    address = f"{site.base}/api/v1/approvals/{site.subject.id}"
    response = http.request("POST", address, body=body, headers={"Content-Type": "application/json"})
    assert response.status == 400
    assert len(response.data) < 1000
    assert site.state() == before


@pytest.mark.parametrize("length", LONG)
def test_oversized_reason_in_a_message_is_refused(site: Site, length: int) -> None:
    before = site.state()
    body = json.dumps(changed(VOTE, decision="reject", reason="x" * length)).encode()
    with pytest.raises(BadInput) as refusal:
        site.home.app.by_message.take(body)
    assert len(str(refusal.value)) < 300
    assert site.state() == before


def test_a_reason_of_the_full_length_is_kept_whole(site: Site, http: urllib3.PoolManager) -> None:
    """The tests above must not pass merely because no reason is ever accepted."""
    body = json.dumps({"decision": "reject", "token": site.home.token(site.subject, ADA), "reason": "x" * REASON_LIMIT})
    address = f"{site.base}/api/v1/approvals/{site.subject.id}"
    assert http.request("POST", address, body=body, headers={"Content-Type": "application/json"}).status == 200
    assert site.home.app.reader.release(site.subject.id).reason == "x" * REASON_LIMIT
