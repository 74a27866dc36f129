"""Somebody claims to be somebody else: by headers of the platform's own sign-in, or by a message in the queue."""

import base64
import json
from typing import Any

import pytest
import urllib3

from slipway.domain.gate import Level
from slipway.engine.receiving import QueueMessage
from slipway.testing import ADA, BEN
from slipway.testing.identity import TENANT
from tests.security.site import Site
from tests.unit.inbound.samples import NOTHING, changed
from tests.unit.inbound.test_approval_message import VOTE
from tests.unit.web.installation import hello
from tests.unit.web.visitors import OIDS

SPOOFED = {
    "X-MS-CLIENT-PRINCIPAL": base64.b64encode(
        json.dumps({"claims": [{"typ": "oid", "val": OIDS[ADA]}, {"typ": "preferred_username", "val": ADA}]}).encode()
    ).decode(),
    "X-MS-CLIENT-PRINCIPAL-NAME": ADA,
    "X-MS-CLIENT-PRINCIPAL-ID": OIDS[ADA],
    "X-MS-CLIENT-PRINCIPAL-IDP": "aad",
    "X-MS-TOKEN-AAD-ID-TOKEN": "made up",
    "X-Forwarded-User": ADA,
    "X-Original-URL": "/api/v1/approvals/hello-2",
}


def vote_by_api(site: Site, http: urllib3.PoolManager, headers: dict[str, str]) -> int:
    body = json.dumps({"decision": "approve", "plan_hash": site.subject.plan_hash})
    address = f"{site.base}/api/v1/approvals/{site.subject.id}"
    return http.request("POST", address, body=body, headers={"Content-Type": "application/json"} | headers).status


@pytest.mark.parametrize("extra", [{}, {"Authorization": "Bearer made up"}, {"Cookie": "slipway-80-session=made.up"}])
def test_spoofed_headers_are_believed_nowhere(site: Site, http: urllib3.PoolManager, extra: dict[str, str]) -> None:
    assert vote_by_api(site, http, SPOOFED | extra) in (401, 403)
    before = site.state()  # it includes the record that somebody was denied
    assert vote_by_api(site, http, SPOOFED | extra) in (401, 403)
    page_address = f"{site.base}/approvals/hello/2/production?plan={site.subject.plan_hash}"
    assert http.request("POST", page_address, headers=SPOOFED | extra | {"Origin": site.base}).status == 401
    for address in (page_address, f"{site.base}/", f"{site.base}/operate", f"{site.base}/releases/hello-2"):
        assert http.request("GET", address, headers=SPOOFED | extra, redirect=False).status == 303
    assert site.state() == before


def test_spoofed_principal_headers_do_not_change_whose_vote_a_link_is(site: Site, http: urllib3.PoolManager) -> None:
    body = json.dumps({"decision": "approve", "token": site.home.token(site.subject, "mallory@example.com")})
    address = f"{site.base}/api/v1/approvals/{site.subject.id}"
    response = http.request("POST", address, body=body, headers={"Content-Type": "application/json"} | SPOOFED)
    assert response.status == 409
    assert "approver-is-listed" in response.data.decode()
    assert site.votes() == []


def test_spoofed_headers_beside_a_real_sign_in_change_nothing(site: Site, http: urllib3.PoolManager) -> None:
    site.sign_in("mallory@example.com")
    page, plain = (http.request("GET", f"{site.base}/", headers=headers).data.decode() for headers in (SPOOFED, {}))
    assert "Mallory" in page
    assert page.count(ADA) == plain.count(ADA), "she is named as an approver, and as nothing more"
    assert vote_by_api(site, http, SPOOFED) == 403
    assert site.votes() == []


MESSAGE = changed(VOTE, application="hello", release=2, on_behalf_of={"tid": TENANT, "oid": OIDS[ADA]})
"""A message that a sender to the queue may send: on behalf of Ada, who is asked about hello-2."""
CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "of another tenant": (changed(MESSAGE, on_behalf_of__tid=OIDS[BEN]), "on_behalf_of.tid"),
    "by address": (changed(MESSAGE, on_behalf_of={"email": ADA}), "on_behalf_of.tid"),
    "by address beside the ids": (changed(MESSAGE, on_behalf_of__upn=ADA), "on_behalf_of.upn"),
    "in no way": (changed(MESSAGE, on_behalf_of=NOTHING), "on_behalf_of"),
    "by a link": (changed(MESSAGE, token="made.up"), "token"),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_message_that_does_not_name_its_person_by_ids_of_our_tenant_is_parked(site: Site, claim: str) -> None:
    """It blocks nothing, and is visible with its reason."""
    message, field = CLAIMS[claim]
    before, app = site.actions(), site.home.app
    body = json.dumps(message).encode()
    app.receiver.receive(app.by_message.take, QueueMessage(queue="approvals", body=body, id="m-1", tries=0))
    (parked,) = app.parking.all()
    assert parked.reason.startswith(f"{field}: ")
    assert site.actions() == before
    assert site.votes() == []


def test_a_vote_by_message_is_recorded_as_the_queues_and_refused_at_a_gate_of_level_signed(site: Site) -> None:
    site.home.change_delivery(hello(level=Level.SIGNED))
    subject = site.home.bring("1.9.0")
    assert subject.gate is not None
    about = {"release": subject.number, "plan": subject.plan_hash, "opening": subject.gate.opening}
    site.home.app.by_message.take(json.dumps(MESSAGE | about).encode())
    assert site.home.newest().gate == subject.gate
    (refusal,) = [record for record in site.home.trail() if record.action == "vote.refused"]
    assert refusal.actor == "approvals"
    assert "voter-is-surely-known" in refusal.details["rules"]
