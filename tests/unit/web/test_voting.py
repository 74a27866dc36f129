"""POST on an approval link: what counts as a decision, what is refused, and that nothing counts twice."""

import logging
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from slipway.catalogue.entries import Catalogue
from slipway.domain.commands import Verb
from slipway.domain.release import Phase, Release, VoteDecision
from slipway.http.requests import FORM_TYPE
from slipway.ledger import LedgerUnavailable
from slipway.ledger.table import Row
from slipway.testing import ADA, BASE, BEN, MemoryTable
from slipway.web.answer import Answer
from slipway.web.approving import receive_vote_by_link, show_linked_gate
from slipway.web.messages import or_message
from tests.unit.web.installation import ScriptedInstallation
from tests.unit.web.samples import Headers, awaiting_approval, awaiting_two_approvals, cast_vote, ids_of, nonce_of

FROM_BROWSER = {"content-type": FORM_TYPE, "sec-fetch-site": "same-origin", "origin": "null"}


class Page:
    """An approver with the page open."""

    def __init__(self, home: ScriptedInstallation, subject: Release, approver: str = ADA) -> None:
        self.home, self.subject = home, subject
        self.token = home.token(subject, approver)
        page = show_linked_gate(home.services, self.token)
        self.nonce, self.ids = nonce_of(page), ids_of(page)

    def post(self, decision: str = "approve", headers: dict[str, str] | None = None, **fields: str) -> Answer:
        """Press a button; the first form of the page approves, or withdraws, and the last one rejects."""
        id = self.ids[-1 if decision == "reject" else 0]
        body = urlencode({"decision": decision, "form_token": self.nonce, "id": id} | fields).encode()
        return self.send(body, headers)

    def press(self, decision: str = "approve", **fields: str) -> Answer:
        """The same, and what the browser shows once the worker has decided."""
        return self.home.follow(self.post(decision, None, **fields))

    def send(self, body: bytes, headers: dict[str, str] | None = None) -> Answer:
        return receive_vote_by_link(
            self.home.services, self.token, Headers(FROM_BROWSER if headers is None else headers), body
        )

    @property
    def phase(self) -> Phase:
        return self.home.app.reader.release(self.subject.id).phase

    def votes(self) -> list[str]:
        actions = (
            getattr(record, "action", "") for record in self.home.app.reader.audit("hello", release=self.subject)
        )
        return [action for action in actions if action.startswith("vote.")]


@pytest.fixture
def page() -> Page:
    return Page(*awaiting_approval())


def test_an_approval_is_received_and_then_counted_and_the_browser_is_sent_back_to_look(page: Page) -> None:
    answer = page.post()
    assert (answer.status, answer.headers["Location"]) == (303, f"/approvals/{page.token}?said={page.ids[0]}")
    waiting = show_linked_gate(page.home.services, page.token, page.ids[0])
    assert (waiting.status, waiting.headers["Refresh"]) == (200, f"1; url={answer.headers['Location']}")
    assert "Received" in waiting.body.decode()
    assert page.phase.at_the_gate
    counted = page.home.follow(answer)
    assert (counted.status, counted.headers["Location"]) == (303, f"/approvals/{page.token}")
    assert page.phase is Phase.COPYING
    assert "It was approved" in show_linked_gate(page.home.services, page.token).body.decode()


def test_a_vote_whose_hint_was_lost_is_found_by_reconcile(page: Page) -> None:
    page.post()
    page.home.bus.raw.clear()
    page.home.wait(timedelta(minutes=1))
    page.home.reconcile()
    assert page.phase is Phase.COPYING


def test_a_vote_names_the_person_the_link_was_issued_for_and_the_channel(page: Page) -> None:
    page.press()
    gate = page.home.app.reader.release(page.subject.id).gate
    assert gate is not None
    (vote,) = gate.votes
    assert (vote.voter, vote.channel, vote.decision) == (ADA, "link", VoteDecision.APPROVE)


def test_a_rejection_with_a_reason_ends_the_release(page: Page) -> None:
    page.press("reject", reason="Totals are wrong.\r\nSee the report. ünïcode 🍏")
    release = page.home.app.reader.release(page.subject.id)
    assert release.phase is Phase.REJECTED
    assert release.reason == "Totals are wrong.\nSee the report. ünïcode 🍏"


@pytest.mark.parametrize("reason", ["", "   \r\n "])
def test_a_rejection_without_a_reason_keeps_the_form_and_changes_nothing(page: Page, reason: str) -> None:
    answer = page.post("reject", reason=reason)
    assert answer.status == 422
    assert "rejection-has-a-reason" in answer.body.decode()
    assert nonce_of(answer)
    assert page.votes() == []


def test_a_form_sent_twice_is_one_vote(page: Page) -> None:
    first, second = page.post(), page.post()
    assert first.headers["Location"] == second.headers["Location"]
    assert page.home.follow(first).headers == page.home.follow(second).headers
    assert page.votes() == ["vote.approved"]


def test_a_form_sent_again_long_after_is_still_one_vote(page: Page) -> None:
    page.press()
    page.home.settle()
    assert page.phase is Phase.COMPLETED
    assert page.press().status == 303
    assert page.votes() == ["vote.approved"]


def test_each_of_two_approvers_counts_once() -> None:
    home, subject = awaiting_two_approvals()
    ada, ben = Page(home, subject, ADA), Page(home, subject, BEN)
    ada.press()
    ada.press()
    assert ada.phase is Phase.AWAITING_APPROVAL
    ben.press()
    assert ben.phase is Phase.COPYING


def test_an_approver_who_approved_can_reject_in_one_step_by_the_back_button() -> None:
    home, subject = awaiting_two_approvals()
    first, second = Page(home, subject), Page(home, subject)
    first.press()
    assert second.press("reject", reason="changed my mind").status == 303
    assert first.phase is Phase.REJECTED


def test_a_release_that_was_rejected_and_sent_out_again_shows_the_rejection_where_people_decide() -> None:
    home, subject = awaiting_two_approvals()
    Page(home, subject).press("reject", reason="wrong totals")
    home.command(Verb.RETRY, subject.number)
    home.settle()
    again = Page(home, home.app.reader.release(subject.id), BEN)
    html = show_linked_gate(home.services, again.token).body.decode()
    assert "Rejected before" in html
    assert "wrong totals" in html
    assert html.index("wrong totals") < html.index("None so far.")


def test_a_vote_that_comes_too_late_lists_the_rule_and_why(page: Page) -> None:
    page.home.deadline(page.home.app.reader.release(page.subject.id))
    page.home.now -= timedelta(hours=13)  # the page was opened less than half a day ago
    answer = page.press()
    assert "Your vote did not count" in answer.body.decode()
    assert "gate-is-open" in answer.body.decode()
    assert "is expired" in answer.body.decode()


def test_a_vote_on_an_outdated_plan_is_refused_and_the_plan_is_made_again(page: Page) -> None:
    page.home.change_delivery()
    answer = page.press()
    assert "Your vote did not count" in answer.body.decode()
    assert "plan-is-current" in answer.body.decode()
    assert "you will be asked again" in answer.body.decode()
    assert page.phase is Phase.PLANNING


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example.com"},
        {"origin": "null"},
        {"origin": "https://evil.example.com", "sec-fetch-site": "same-origin"},
        {"origin": BASE.replace("https", "http")},
        {"origin": f"{BASE}.evil.example.com"},
    ],
)
def test_a_form_of_another_site_is_refused(page: Page, headers: dict[str, str]) -> None:
    answer = page.post(headers={"content-type": FORM_TYPE, **headers})
    assert answer.status == 403
    assert page.token not in answer.body.decode()
    assert page.votes() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"sec-fetch-site": "same-origin", "origin": BASE},
        {"sec-fetch-site": "same-origin"},
        {"origin": BASE},
    ],
)
def test_our_own_form_is_taken_whatever_the_browser_says_of_its_origin(page: Page, headers: dict[str, str]) -> None:
    assert page.post(headers={"content-type": f"{FORM_TYPE}; charset=UTF-8", **headers}).status == 303


@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_another_content_type_is_refused(page: Page, media_type: str) -> None:
    assert page.post(headers={"content-type": media_type, "origin": BASE}).status == 415
    assert page.votes() == []


def test_a_form_that_is_too_long_is_refused(page: Page) -> None:
    assert page.post("reject", reason="x" * 17_000).status == 413
    assert page.post("reject", reason="x" * 2_001).status == 400
    assert page.votes() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"decision=approve",
        b"decision=maybe&form_token={nonce}",
        b"decision=approve&decision=reject&form_token={nonce}",
        b"decision=approve&form_token={nonce}&form_token={nonce}",
        b"decision=approve&form_token={nonce}&more=1",
        b"decision=approve&form_token={nonce}&a=1&b=2&c=3",
        b"decision=approve&form_token={nonce}&reason=%ff%fe",
        b"decision=approve&form_token={nonce}&reason=\xff",
        b"\x00\x01\x02",
    ],
)
def test_a_form_that_is_not_ours_is_refused(page: Page, body: bytes) -> None:
    answer = page.send(body.replace(b"{nonce}", page.nonce.encode()))
    assert answer.status == 400
    assert page.votes() == []


def test_a_nonce_that_was_made_up_or_changed_is_refused(page: Page) -> None:
    for nonce in ("", "x", page.nonce[:-2], page.token, f"A{page.nonce[1:]}"):
        assert page.post(nonce=nonce).status == 400
    assert page.votes() == []


def test_a_nonce_of_another_page_is_refused() -> None:
    home, subject = awaiting_two_approvals()
    ada, ben = Page(home, subject, ADA), Page(home, subject, BEN)
    assert ada.post(nonce=ben.nonce).status == 400
    assert ada.votes() == []


def test_a_link_that_cannot_be_used_takes_no_vote(page: Page) -> None:
    page.token = page.token[:-3]
    assert page.post().status == 403
    assert page.votes() == []


def test_a_rejected_release_can_no_longer_be_approved(page: Page) -> None:
    cast_vote(page.home, page.subject, decision=VoteDecision.REJECT, reason="no")
    answer = page.press()
    assert "Your vote did not count" in answer.body.decode()
    assert page.phase is Phase.REJECTED


class AwayTable(MemoryTable):
    """A table that cannot be reached."""

    def get(self, partition: str, key: str) -> Row | None:
        raise LedgerUnavailable("the table is switched off")


def test_a_ledger_that_is_away_asks_to_try_again_and_the_same_form_then_counts(page: Page) -> None:
    table = page.home.app.ledger.table
    page.home.app.ledger.table = AwayTable()
    answer = or_message(page.post)
    assert answer.status == 503
    assert "Retry-After" in answer.headers
    page.home.app.ledger.table = table
    assert page.press().status == 303
    assert page.votes() == ["vote.approved"]


def test_a_vote_on_an_application_that_is_gone_is_parked_and_the_page_says_so(page: Page) -> None:
    page.home.restart(wrap=lambda ports: replace(ports, catalogue=lambda: Catalogue({})))
    html = page.press().body.decode()
    assert "It could not be handled" in html
    assert "there is no application" in html


def test_tokens_and_nonces_are_never_logged(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    page.post(headers={"content-type": FORM_TYPE, "origin": "https://evil.example.com"})
    page.post("reject")
    page.press()
    page.press()
    show_linked_gate(replace(page.home.services), page.token[:-3])
    assert caplog.records, "the handler logs what it takes in"
    for part in (page.token, page.nonce, page.token.partition(".")[2]):
        assert part not in caplog.text
