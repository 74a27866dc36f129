"""Two browsers of one person press *Approve* in the same moment: one vote, and one gate passed."""

import json
import re
import threading
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from playwright.sync_api import Browser

from slipway.http.requests import FORM_TYPE
from slipway.testing import ADA, BEN
from tests.security.conftest import use
from tests.security.site import Site, serving_site
from tests.unit.web.samples import awaiting_two_approvals


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """Run each in a thread of its own, all in the same moment; returns their results in the order in which they end."""
    barrier, results = threading.Barrier(len(work)), list[Any]()

    def run(task: Callable[[], Any]) -> None:
        barrier.wait()
        results.append(task())

    threads = [threading.Thread(target=run, args=(task,)) for task in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def nonce(http: urllib3.PoolManager, link: str) -> str:
    return http.request("GET", link).data.decode().partition('name="form_token" value="')[2].partition('"')[0]


def press(site: Site, link: str, nonce: str) -> int:
    headers = {"Content-Type": FORM_TYPE, "Origin": site.base, "Sec-Fetch-Site": "same-origin"}
    with urllib3.PoolManager(retries=False) as browser:
        body = urlencode({"decision": "approve", "form_token": nonce})
        return browser.request("POST", link, body=body, headers=headers).status


@pytest.fixture
def two_approver_site(monkeypatch: pytest.MonkeyPatch) -> Any:
    """hello 1.6.0 needs two people's approval, so that the gate stays open after the first vote."""
    with serving_site(Site(*awaiting_two_approvals())) as site:
        use(monkeypatch, site)
        yield site


def test_double_submit_from_two_browsers_at_once_gives_one_vote(
    two_approver_site: Site, http: urllib3.PoolManager
) -> None:
    link = two_approver_site.link(ADA)
    nonces = [nonce(http, link) for _ in range(8)]
    before = two_approver_site.actions().count("vote.approved")
    at_once(*(partial(press, two_approver_site, link, form_nonce) for form_nonce in nonces))
    assert two_approver_site.votes() == [(ADA, "approve")]
    assert two_approver_site.actions().count("vote.approved") == before + 1


def test_double_submit_of_one_form_at_once_gives_one_vote(two_approver_site: Site, http: urllib3.PoolManager) -> None:
    link, before = two_approver_site.link(ADA), two_approver_site.actions().count("vote.approved")
    form_nonce = nonce(http, link)
    assert set(at_once(*[lambda: press(two_approver_site, link, form_nonce)] * 8)) == {303}
    assert two_approver_site.votes() == [(ADA, "approve")]
    assert two_approver_site.actions().count("vote.approved") == before + 1


def test_double_submit_by_page_and_api_at_once_gives_one_vote(
    two_approver_site: Site, http: urllib3.PoolManager
) -> None:
    link = two_approver_site.link(ADA)
    form_nonce, body = nonce(http, link), json.dumps({"decision": "approve", "token": link.rpartition("/")[2]})

    def by_api() -> int:
        address, headers = (
            f"{two_approver_site.base}/api/v1/approvals/{two_approver_site.subject.id}",
            {"Content-Type": "application/json"},
        )
        with urllib3.PoolManager(retries=False) as client:
            return client.request("POST", address, body=body, headers=headers).status

    at_once(lambda: press(two_approver_site, link, form_nonce), by_api)
    assert two_approver_site.votes() == [(ADA, "approve")]


def test_two_people_at_once_give_two_votes_and_pass_the_gate_once(
    two_approver_site: Site, http: urllib3.PoolManager
) -> None:
    """The tests above must not pass merely because only one vote is ever counted at a time."""
    passed_before = two_approver_site.actions().count("gate.passed")
    links = {link: nonce(http, link) for link in (two_approver_site.link(ADA), two_approver_site.link(BEN))}
    assert at_once(*(partial(press, two_approver_site, a, n) for a, n in links.items())) == [303, 303]
    assert two_approver_site.actions().count("gate.passed") == passed_before + 1


def test_double_submit_by_two_real_browsers_is_one_vote_and_the_second_page_says_so(
    two_approver_site: Site, browser: Browser
) -> None:
    """Both have the page open; one after the other presses the button."""
    link, before = two_approver_site.link(ADA), two_approver_site.actions().count("vote.approved")
    contexts = [browser.new_context() for _ in range(2)]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.goto(link)
    for page in pages:
        with page.expect_navigation():
            page.get_by_role("button", name=re.compile("^Approve")).click()
    text = pages[1].inner_text("main")
    for context in contexts:
        context.close()
    assert two_approver_site.votes() == [(ADA, "approve")]
    assert two_approver_site.actions().count("vote.approved") == before + 1
    assert "Your vote did not count" in text
    assert "one-vote-each" in text
