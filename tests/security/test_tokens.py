"""Tokens that are not good, at every door where one can be shown: the page, its form and the JSON API. What is said by
a message needs none (tests/unit/commands/test_by_message.py)."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import urllib3

from slipway.domain.release import VoteDecision
from slipway.domain.tokens import Purpose, read_link, sign_link
from slipway.http.requests import FORM_TYPE
from slipway.testing import ADA
from slipway.testing.claims import vote_with_link
from tests.links import link_by
from tests.security.conftest import use
from tests.security.site import Site, serving_site
from tests.unit.web.installation import digest
from tests.unit.web.samples import awaiting_two_approvals, cast_vote

Bad = Callable[[Site], str]


def good_token(site: Site) -> str:
    return site.home.token(site.subject, ADA)


def flipped(token: str, position: int) -> str:
    return token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]


def claims_with(site: Site, **changes: object) -> str:
    claims = read_link(good_token(site), site.home.app.public_keys, now=site.home.now)
    return sign_link(claims.evolve(**changes), site.home.app.signer)


def forged(site: Site) -> str:
    """Signed with a key of the attacker's own, under the id of our key."""
    claims = read_link(good_token(site), site.home.app.public_keys, now=site.home.now)
    return link_by({"test": b"a key that the attacker made up!"}, claims)


def only_showing(site: Site) -> str:
    """A link as the worker makes it at a gate where people sign in to vote."""
    return claims_with(site, purpose=Purpose.SHOW)


REFUSED: dict[str, Bad] = {
    "forged": forged,
    "signed with a key of another installation": lambda site: link_by(
        {"k0": b"0" * 32}, read_link(good_token(site), site.home.app.public_keys, now=site.home.now)
    ),
    "with another approver written in": lambda site: flipped(good_token(site), 60),
    "with another signature": lambda site: flipped(good_token(site), len(good_token(site)) - 10),
    "without a signature": lambda site: good_token(site).partition(".")[0] + ".",
    "truncated": lambda site: good_token(site)[:-8],
    "truncated to half": lambda site: good_token(site)[: len(good_token(site)) // 2],
    "expired": lambda site: claims_with(site, expires_at=site.home.now),
    "much too long": lambda site: good_token(site) + "A" * 5000,
}
"""What is refused before anything else is looked at."""

ELSEWHERE: dict[str, Bad] = {
    "of another gate": lambda site: claims_with(site, environment="staging"),
    "of a gate that is not there": lambda site: claims_with(site, environment="nowhere"),
    "of another release": lambda site: claims_with(site, release=1),
    "of a release that is not there": lambda site: claims_with(site, release=99),
    "of an earlier opening": lambda site: claims_with(site, opening=7),
    "of another plan": lambda site: claims_with(site, plan_hash=digest("another plan")),
    "of somebody who is not asked": lambda site: claims_with(site, approver="mallory@example.com"),
}
"""Tokens that we signed ourselves, for something else than the open gate."""


def by_page(site: Site, http: urllib3.PoolManager, token: str) -> int:
    """Post the form as a browser would, with a nonce of the page that the token opens, if it opens one."""
    link = f"{site.base}/approvals/{token}"
    form_page = http.request("GET", link)
    nonce = form_page.data.decode().partition('name="form_token" value="')[2].partition('"')[0]
    body = urlencode({"decision": "approve", "form_token": nonce or "made-up"})
    headers = {"Content-Type": FORM_TYPE, "Origin": site.base, "Sec-Fetch-Site": "same-origin"}
    response = http.request("POST", link, body=body, headers=headers)
    if response.status == 303:  # received: the page that it leads to says what came of it
        page = http.request("GET", site.base + response.headers["Location"]).data.decode()
        return 409 if "Your vote did not count" in page else response.status
    return response.status


def by_api(site: Site, http: urllib3.PoolManager, token: str) -> int:
    body = json.dumps({"decision": "approve", "token": token})
    headers = {"Content-Type": "application/json"}
    return http.request("POST", f"{site.base}/api/v1/approvals/{site.subject.id}", body=body, headers=headers).status


DOORS = {"page": by_page, "api": by_api}


@pytest.mark.parametrize("door", DOORS)
def test_a_good_token_counts_so_that_the_tests_below_can_fail(site: Site, http: urllib3.PoolManager, door: str) -> None:
    assert DOORS[door](site, http, good_token(site)) < 400
    assert site.actions().count("vote.approved") == 2


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", REFUSED)
def test_forged_truncated_and_expired_tokens_are_refused_and_leave_no_trace(
    site: Site, http: urllib3.PoolManager, kind: str, door: str
) -> None:
    before = site.state()
    assert DOORS[door](site, http, REFUSED[kind](site)) in (400, 403, 404, 410)
    assert site.state() == before


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", ELSEWHERE)
def test_other_gate_tokens_count_for_nothing(site: Site, http: urllib3.PoolManager, kind: str, door: str) -> None:
    approved = site.actions().count("vote.approved")
    assert DOORS[door](site, http, ELSEWHERE[kind](site)) in (400, 403, 404, 409)
    assert site.actions().count("vote.approved") == approved
    assert site.votes() == []


def test_replayed_form_is_one_vote(site: Site, http: urllib3.PoolManager) -> None:
    """The request as it went over the wire, sent again later by somebody who recorded it."""
    link = site.link(ADA)
    nonce = http.request("GET", link).data.decode().partition('name="form_token" value="')[2].partition('"')[0]
    headers = {"Content-Type": FORM_TYPE, "Origin": site.base, "Sec-Fetch-Site": "same-origin"}
    recorded = urlencode({"decision": "reject", "reason": "no", "form_token": nonce})
    for _ in range(3):
        http.request("POST", link, body=recorded, headers=headers)
    assert site.actions().count("vote.rejected") == 1


@pytest.fixture
def two_votes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The same, where two people must approve: a vote can be taken back."""
    with serving_site(Site(*awaiting_two_approvals())) as served_site:
        use(monkeypatch, served_site)
        yield served_site


def test_replayed_form_of_an_approval_counts_for_nothing_after_the_approval_was_taken_back(
    two_votes: Site, http: urllib3.PoolManager
) -> None:
    site = two_votes
    link, headers = site.link(ADA), {"Content-Type": FORM_TYPE, "Origin": site.base, "Sec-Fetch-Site": "same-origin"}

    def form(decision: str) -> str:
        page = http.request("GET", link).data.decode()
        shown = next(part for part in page.split("<form")[1:] if f'value="{decision}"' in part)
        return urlencode({**dict(re.findall(r'name="(\w+)" value="([^"]+)"', shown)), "decision": decision})

    recorded = form("approve")
    assert "id=" in recorded
    http.request("POST", link, body=recorded, headers=headers)
    assert site.votes() == [(ADA, "approve")]
    http.request("POST", link, body=form("withdraw"), headers=headers)
    assert site.votes() == []
    http.request("POST", link, body=recorded, headers=headers)
    assert site.votes() == []


def test_replayed_token_of_a_gate_that_has_closed_counts_for_nothing(site: Site, http: urllib3.PoolManager) -> None:
    token = good_token(site)
    cast_vote(site.home, site.subject, decision=VoteDecision.REJECT, reason="not this one")
    for take in DOORS.values():
        assert take(site, http, token) in (400, 403, 409)
    site.home.wait(timedelta(days=40))
    assert by_api(site, http, token) == 403
    assert site.actions().count("vote.approved") == 1


def test_replayed_nonce_of_another_persons_page_is_refused(site: Site, http: urllib3.PoolManager) -> None:
    other_link = f"{site.base}/approvals/{claims_with(site, approver='ben@example.com')}"
    nonce = (
        http.request("GET", site.link(ADA)).data.decode().partition('name="form_token" value="')[2].partition('"')[0]
    )
    before = site.state()
    headers = {"Content-Type": FORM_TYPE, "Origin": site.base, "Sec-Fetch-Site": "same-origin"}
    response = http.request(
        "POST", other_link, body=urlencode({"decision": "approve", "form_token": nonce}), headers=headers
    )
    assert response.status == 400
    assert site.state() == before


def test_a_token_is_bound_to_approver_gate_plan_and_time(site: Site) -> None:
    claims = read_link(good_token(site), site.home.app.public_keys, now=site.home.now)
    assert (claims.approver, claims.environment, claims.plan_hash) == (ADA, "production", site.subject.plan_hash)
    assert site.home.now < claims.expires_at <= site.home.now + timedelta(days=32)
    event = vote_with_link(
        claims, VoteDecision.APPROVE, reason="", channel="page", submission="12345678", now=site.home.now
    )
    assert (event.voter, event.plan_hash) == (ADA, site.subject.plan_hash)


@pytest.mark.parametrize("door", DOORS)
def test_a_token_alone_decides_nothing_where_people_sign_in(site: Site, http: urllib3.PoolManager, door: str) -> None:
    """So a token that somebody found in a log or a mailbox is worth nothing there."""
    before = site.state()
    assert DOORS[door](site, http, only_showing(site)) in (303, 403)
    assert site.state() == before
