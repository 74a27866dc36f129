"""Somebody says that they are somebody else: by headers of the platform's own sign-in, by a message in the queue."""

import base64
import json
from typing import Any

import pytest
import urllib3

from slipway.domain.tokens import Purpose
from slipway.engine.receiving import QueueMessage, Receiver
from slipway.inbound import BadInput, parse_vote
from slipway.testing import ADA, BEN
from tests.security.site import Site
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
TENANT = "00000000-0000-0000-0000-00000000000a"


def vote_by_api(site: Site, http: urllib3.PoolManager, headers: dict[str, str]) -> int:
    body = json.dumps({"decision": "approve", "plan_hash": site.subject.plan_hash})
    address = f"{site.base}/api/v1/approvals/{site.subject.id}"
    return http.request("POST", address, body=body, headers={"Content-Type": "application/json"} | headers).status


@pytest.mark.parametrize("more", [{}, {"Authorization": "Bearer made up"}, {"Cookie": "slipway-80-session=made.up"}])
def test_spoofed_headers_are_believed_nowhere(site: Site, http: urllib3.PoolManager, more: dict[str, str]) -> None:
    before = site.state()
    assert vote_by_api(site, http, SPOOFED | more) in (401, 403)
    place = f"{site.base}/approvals/hello/2/production?plan={site.subject.plan_hash}"
    assert http.request("POST", place, headers=SPOOFED | more | {"Origin": site.base}).status == 401
    for address in (place, f"{site.base}/", f"{site.base}/operate", f"{site.base}/releases/hello-2"):
        assert http.request("GET", address, headers=SPOOFED | more, redirect=False).status == 303
    assert site.state() == before


def test_spoofed_principal_headers_do_not_change_whose_vote_a_link_is(site: Site, http: urllib3.PoolManager) -> None:
    body = json.dumps({"decision": "approve", "token": site.home.token(site.subject, "mallory@example.com")})
    address = f"{site.base}/api/v1/approvals/{site.subject.id}"
    answer = http.request("POST", address, body=body, headers={"Content-Type": "application/json"} | SPOOFED)
    assert answer.status == 409
    assert "approver-is-listed" in answer.data.decode()
    assert site.votes() == []


def test_spoofed_headers_beside_a_real_sign_in_change_nothing(site: Site, http: urllib3.PoolManager) -> None:
    site.sign_in("mallory@example.com")
    page = http.request("GET", f"{site.base}/", headers=SPOOFED).data.decode()
    assert "Mallory" in page
    assert ADA not in page
    assert vote_by_api(site, http, SPOOFED) == 403
    assert site.votes() == []


CLAIMS: dict[str, dict[str, Any]] = {
    "by address": {"approver": {"email": BEN}},
    "by sign-in name": {"approver": {"upn": BEN}},
    "by object id, of another tenant": {"approver": {"object_id": OIDS[BEN], "tenant": OIDS[BEN], "upn": BEN}},
    "as Teams, without an object id": {"approver": {"upn": ADA}, "channel": "teams"},
    "as Teams, without anything": {"channel": "teams"},
}


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("purpose", Purpose)
def test_service_bus_message_that_claims_another_approver_is_parked(site: Site, claim: str, purpose: Purpose) -> None:
    """It is in nobody's way, it is visible with its reason, and the token in it is not shown."""
    link = site.home.app.links.approval(site.subject, ADA, purpose=purpose, now=site.home.now)
    token = link.rpartition("/")[2]
    body = json.dumps({"token": token, "decision": "approve"} | CLAIMS[claim]).encode()
    before = site.actions()

    def work(given: bytes) -> None:
        keys, now = site.home.app.link_keys, site.home.now
        site.home.take(parse_vote(given, keys, tenant=TENANT, message_id="m-1", now=now))

    receiver = Receiver(parking=site.home.app.parking, bus=site.home.bus, clock=site.home.clock)
    receiver.receive(work, QueueMessage(queue="approvals", body=body, id="m-1", tries=0))
    (parked,) = site.home.app.parking.all()
    assert parked.reason.startswith("approver")
    assert token not in parked.reason
    assert site.actions() == before
    assert site.votes() == []


def test_service_bus_message_of_another_approver_with_their_own_identity_is_refused_by_name(site: Site) -> None:
    """Ben's real answer to Ada's card. He is not listed here; where he is: tests/infra/test_teams_flow.py."""
    body = {
        "token": site.home.token(site.subject, ADA),
        "decision": "approve",
        "channel": "teams",
        "approver": {"object_id": OIDS[BEN], "tenant": TENANT, "upn": BEN},
    }
    event = parse_vote(
        json.dumps(body).encode(),
        site.home.app.public_keys,
        tenant=TENANT,
        message_id="m-1",
        now=site.home.now,
    )
    receipt = site.home.take(event)
    assert "answer-is-from-who-was-asked" in {rule.name for rule in receipt.rules if rule.blocks}
    assert site.votes() == []


def test_service_bus_message_without_a_token_is_no_vote(site: Site) -> None:
    body = json.dumps({"approver": {"email": ADA}, "decision": "approve"}).encode()
    with pytest.raises(BadInput, match=r"^token: "):
        parse_vote(body, site.home.app.public_keys, tenant="", message_id="m", now=site.home.now)
