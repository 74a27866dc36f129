"""From the approval page to a counted vote: pressed, confirmed at the identity provider, received, counted."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from slipway.domain.actions import Action
from slipway.domain.answers import StatementState
from slipway.domain.application import Application
from slipway.domain.gate import ApprovalGate, Level
from slipway.domain.release import Phase
from slipway.http.saying import NothingSent, ProviderRedirect, WhyNothingSent
from slipway.testing import ADA, BEN
from slipway.web import approving, leading, outcome
from slipway.web.located import ApprovalAddress, receive_signed_in_vote, show_gate
from tests.unit.web.installation import ScriptedInstallation, hello
from tests.unit.web.proving import browser_of, confirm, count_vote, next_address
from tests.unit.web.samples import FORM, Headers, awaiting_approval, nonce_of
from tests.unit.web.test_signed_in import Office, text
from tests.unit.web.visitors import OIDS, token_person, visitor


def strict_application(*approvers: str) -> Application:
    """Production asks for proofs, and for a sign-in within the last five minutes."""
    staging, production = hello(approvers=approvers or (ADA, BEN)).environments
    assert isinstance(production.gate, ApprovalGate)
    gate = production.gate.evolve(level=Level.SIGNED, fresh=timedelta(minutes=5))
    return hello().evolve(environments=(staging, production.evolve(gate=gate)))


@pytest.fixture
def office() -> Office:
    home, _ = awaiting_approval()
    home.change_delivery(strict_application())
    home.wait(timedelta(hours=1))
    return Office(home, home.bring("1.6.0"))


def state_of(home: ScriptedInstallation, path: str) -> StatementState:
    _, _, application, id = path.split("/")
    return home.app.answers.reply(application, id).state


def test_an_approval_is_confirmed_at_the_provider_and_then_counted(office: Office) -> None:
    page = office.look(ADA)
    assert "voter-is-surely-known" not in text(page), "their vote will have a proof"
    answer = office.send(ADA, nonce_of(page))
    assert parse_qs(urlsplit(next_address(answer)).query)["max_age"] == ["300"]
    assert office.phase.at_the_gate
    back = confirm(office.home, answer, ADA)
    assert isinstance(back, ProviderRedirect)
    assert state_of(office.home, back.to) is StatementState.RECEIVED
    _, _, application, id = back.to.split("/")
    assert "Received" in text(outcome.show_outcome(office.home.app.answers, application, id, visitor(ADA)))
    office.home.hear()
    assert state_of(office.home, back.to) is StatementState.COUNTED
    assert office.phase is Phase.COPYING
    record = [record for record in office.home.trail() if record.action == "vote.approved"][-1]
    assert (record.actor, record.inbox) == (f"oid:{OIDS[ADA]}", id)
    assert record.proof is not None


def test_the_votes_on_the_page_name_their_voter_and_the_id_of_their_sign_in(office: Office) -> None:
    office.home.change_delivery(strict_application(ADA, BEN))
    count_vote(office.home, office.send(ADA, nonce_of(office.look(ADA))), ADA)
    page = text(office.look(BEN))
    assert f"Ada (oid:{OIDS[ADA]})" in page


def test_a_rejection_is_said_at_once_and_counts(office: Office) -> None:
    answer = office.send(ADA, nonce_of(office.look(ADA)), decision="reject", reason="not today")
    assert answer.status == 303
    office.home.hear()
    assert state_of(office.home, answer.headers["Location"]) is StatementState.COUNTED
    assert office.phase is Phase.REJECTED


GROUP = "99999999-0000-4000-8000-000000000009"


@pytest.mark.parametrize(
    ("approver", "claims"),
    [("role:leads", {"roles": ("reader", "leads")}), (f"group:{GROUP}", {"groups": (GROUP,)})],
    ids=["role", "group"],
)
def test_a_rejection_counts_from_an_approver_whom_the_gate_names_by_role_or_group(
    office: Office, approver: str, claims: dict[str, Any]
) -> None:
    office.home.change_delivery(strict_application(approver))
    office.home.settle()
    variant = replace(office, subject=office.home.newest(), people={ADA: replace(token_person(ADA), **claims)})
    answer = variant.send(ADA, nonce_of(variant.look(ADA)), decision="reject", reason="not today")
    variant.home.hear()
    assert state_of(variant.home, answer.headers["Location"]) is StatementState.COUNTED
    assert variant.phase is Phase.REJECTED
    headline = variant.home.app.reader.explain(variant.home.app.reader.release(variant.subject.id)).headline
    assert f"was rejected in production by Ada (oid:{OIDS[ADA]}): not today." in headline


@pytest.mark.parametrize("somebody_else", [BEN, "mallory@example.com"])
def test_nothing_is_sent_if_another_person_signs_in_than_pressed_the_button(office: Office, somebody_else: str) -> None:
    before = office.home.actions()
    outcome = confirm(office.home, office.send(ADA, nonce_of(office.look(ADA))), somebody_else)
    assert isinstance(outcome, NothingSent)
    assert outcome.why is WhyNothingSent.SOMEBODY_ELSE
    office.home.hear()
    assert office.home.actions() == before


def test_an_older_sign_in_is_asked_for_once_more_and_then_refused_by_the_worker(office: Office) -> None:
    answer = office.send(ADA, nonce_of(office.look(ADA)))
    browser = browser_of(office.home, answer)
    again = confirm(office.home, answer, ADA, ago=timedelta(hours=2))
    assert isinstance(again, ProviderRedirect)
    assert parse_qs(urlsplit(again.to).query)["prompt"] == ["login"]
    person = visitor(ADA)
    assert person.signed_in.object_id == OIDS[ADA]
    second = confirm(office.home, leading.onward(again.to), ADA, browser=browser, ago=timedelta(hours=2))
    assert isinstance(second, ProviderRedirect)
    office.home.hear()
    assert state_of(office.home, second.to) is StatementState.REFUSED
    assert office.home.trail()[-1].details["rules"] == ["sign-in-is-fresh"]
    _, _, application, id = second.to.split("/")
    page = text(outcome.show_outcome(office.home.app.answers, application, id, visitor(ADA)))
    assert "give your password or key when the identity provider asks for it" in page


def test_with_the_provider_gone_nothing_is_sent_and_the_page_says_so(office: Office) -> None:
    nonce = nonce_of(office.look(ADA))
    office.home.votes.away = True
    answer = office.send(ADA, nonce)
    assert answer.status == 503
    assert "Nothing was sent" in text(answer)
    assert "Back to where you were" in text(answer)


def test_a_vote_that_nobody_can_verify_waits_as_received_and_its_page_says_why(office: Office) -> None:
    outcome_of = confirm(office.home, office.send(ADA, nonce_of(office.look(ADA))), ADA)
    assert isinstance(outcome_of, ProviderRedirect)
    office.home.provider.issuer.away = True
    office.home.hear()
    assert state_of(office.home, outcome_of.to) is StatementState.RECEIVED
    _, _, application, id = outcome_of.to.split("/")
    page = outcome.show_outcome(office.home.app.answers, application, id, visitor(ADA))
    assert "Received, not decided yet" in text(page)
    assert "the vote cannot be verified yet: the issuer is away" in text(page)
    assert page.headers["Refresh"].startswith("10; url=/said/")
    office.home.provider.issuer.away = False
    office.home.wait(timedelta(minutes=1))
    office.home.app.inbox_reader.take_all()
    assert state_of(office.home, outcome_of.to) is StatementState.COUNTED


def test_a_plan_that_changes_on_the_way_is_not_voted_on(office: Office) -> None:
    answer = office.send(ADA, nonce_of(office.look(ADA)))
    office.home.change_delivery(strict_application(BEN, ADA))
    path = count_vote(office.home, answer, ADA)
    assert state_of(office.home, path) is StatementState.REFUSED
    assert office.phase is Phase.PLANNING


def test_the_vote_is_for_the_opening_that_the_page_showed(office: Office) -> None:
    body = urlencode({"decision": "approve", "form_token": nonce_of(office.look(ADA)), "opening": "7"}).encode()
    answer = receive_signed_in_vote(office.home.services, office.place, visitor(ADA), Headers(FORM), body)
    path = count_vote(office.home, answer, ADA)
    assert state_of(office.home, path) is StatementState.REFUSED
    assert office.home.trail()[-1].details["rules"] == ["vote-is-for-this-opening"]


@pytest.mark.parametrize("why", list(WhyNothingSent))
def test_every_reason_for_sending_nothing_has_a_page_that_leads_back(why: WhyNothingSent) -> None:
    answer = leading.nothing_sent(NothingSent(why=why, back="/approvals/shop/1/production"))
    assert answer.status == why.status
    assert why.sentence in text(answer).replace("&#39;", "'")
    assert 'href="/approvals/shop/1/production"' in text(answer)


def test_a_link_to_a_gate_that_asks_for_proofs_leads_to_the_page_where_people_sign_in(office: Office) -> None:
    token = office.home.token(office.subject, ADA)
    answer = approving.show_linked_gate(office.home.services, token)
    assert (answer.status, answer.headers["Location"]) == (303, f"{office.place.path}?plan={office.place.plan}")
    body = b"decision=approve&form_token=x"
    assert (
        approving.receive_vote_by_link(office.home.services, token, Headers(FORM), body).headers["Location"]
        == f"{office.place.path}?plan={office.place.plan}"
    )


def test_a_link_alone_opens_no_gate_that_asks_for_proofs(office: Office) -> None:
    place = ApprovalAddress(application="hello", number=str(office.subject.number), environment="production")
    assert show_gate(office.home.services, place, visitor(ADA)).status == 303
    vote = office.home.voted(office.subject.number, ADA)
    assert Action.VOTE_REFUSED in office.home.take(vote).actions
    assert office.phase is Phase.AWAITING_APPROVAL
