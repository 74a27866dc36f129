"""The approval page for people who sign in: the session says who decides, an address or a link only says about what."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

import pytest

from slipway.domain.application import Application
from slipway.domain.identity import TokenPerson
from slipway.domain.release import Phase, Release
from slipway.domain.tokens import Purpose
from slipway.testing import ADA, BEN
from slipway.web import located
from slipway.web.answer import Answer
from slipway.web.approving import receive_vote_by_link, show_linked_changes, show_linked_gate
from slipway.web.located import ApprovalAddress
from slipway.web.messages import or_message
from slipway.web.signin import Visitor
from tests.unit.web.installation import ScriptedInstallation, hello
from tests.unit.web.proving import count_vote
from tests.unit.web.samples import FORM, Headers, awaiting_approval, cast_vote, nonce_of
from tests.unit.web.visitors import OIDS, as_visitor, visitor

STRANGER = "mallory@example.com"


@dataclass
class Office:
    """An installation where people sign in."""

    home: ScriptedInstallation
    subject: Release
    people: Mapping[str, TokenPerson] = field(default_factory=dict)
    """People whose tokens say more than who they are."""

    def visitor(self, name: str) -> Visitor:
        return as_visitor(self.people[name]) if name in self.people else visitor(name)

    @property
    def place(self) -> ApprovalAddress:
        release = self.home.app.reader.release(self.subject.id)
        plan = self.subject.plan_hash or ""
        return ApprovalAddress(application="hello", number=str(release.number), environment="production", plan=plan)

    def change(self, application: Application) -> None:
        self.home.change_delivery(application)

    def look(self, name: str, place: ApprovalAddress | None = None) -> Answer:
        return located.show_gate(self.home.services, place or self.place, self.visitor(name))

    def send(self, name: str, nonce: str, place: ApprovalAddress | None = None, **more: str) -> Answer:
        fields = {"decision": "approve", "form_token": nonce} | more
        body = urlencode(fields).encode()
        return located.receive_signed_in_vote(
            self.home.services, place or self.place, self.visitor(name), Headers(FORM), body
        )

    @property
    def phase(self) -> Phase:
        return self.home.app.reader.release(self.subject.id).phase


@pytest.fixture
def office() -> Office:
    return Office(*awaiting_approval())


def text(answer: Answer) -> str:
    return answer.body.decode()


def test_a_person_who_has_signed_in_decides_in_their_own_name(office: Office) -> None:
    page = office.look(ADA)
    assert f"You are signed in as <bdi>{ADA}</bdi>, and vote in that name" in text(page)
    assert "Do not share this link" not in text(page)
    count_vote(office.home, office.send(ADA, nonce_of(page)), ADA)
    assert office.phase is Phase.COPYING
    gate = office.home.app.reader.release(office.subject.id).gate
    assert gate is not None
    vote = gate.votes[0]
    assert (vote.voter, vote.name, vote.channel) == (f"oid:{OIDS[ADA]}", "Ada", "page")
    assert vote.signed_in is not None
    assert vote.signed_in.object_id == OIDS[ADA]


def test_a_link_of_one_person_gives_nobody_else_their_vote(office: Office) -> None:
    links, now = office.home.app.links, office.home.now
    token = links.approval(office.subject, ADA, purpose=Purpose.SHOW, now=now).rpartition("/")[2]
    for answer in (
        show_linked_gate(office.home.services, token),
        show_linked_changes(office.home.services, token),
        receive_vote_by_link(office.home.services, token, Headers(FORM), b"decision=approve&form_token=x"),
    ):
        assert (answer.status, answer.headers["Location"]) == (303, f"{office.place.path}?plan={office.place.plan}")
        assert token not in answer.headers["Location"]
    assert office.phase is Phase.AWAITING_APPROVAL
    assert "You are not an approver" in text(office.look(BEN))
    assert "<form" not in text(office.look(BEN))


def test_the_form_of_one_person_is_refused_from_another(office: Office) -> None:
    office.change(hello(approvers=(ADA, BEN)))
    cast_vote(office.home, office.subject)
    office.home.settle()
    office.subject = office.home.app.reader.release(office.subject.id)
    nonce = nonce_of(office.look(ADA))
    answer = office.send(BEN, nonce)
    assert answer.status == 400
    assert office.phase is Phase.AWAITING_APPROVAL


def test_a_form_from_another_site_is_refused(office: Office) -> None:
    nonce = nonce_of(office.look(ADA))
    headers = Headers(FORM | {"sec-fetch-site": "cross-site"})
    body = urlencode({"decision": "approve", "form_token": nonce}).encode()
    assert located.receive_signed_in_vote(office.home.services, office.place, visitor(ADA), headers, body).status == 403
    assert office.phase is Phase.AWAITING_APPROVAL


def test_an_address_without_a_plan_leads_to_the_present_plan(office: Office) -> None:
    answer = office.look(ADA, replace(office.place, plan=""))
    assert (answer.status, answer.headers["Location"]) == (303, f"{office.place.path}?plan={office.place.plan}")


def test_a_vote_needs_the_plan_that_was_read(office: Office) -> None:
    nonce = nonce_of(office.look(ADA))
    assert office.send(ADA, nonce, replace(office.place, plan="")).status == 400
    other_place = replace(office.place, plan="sha256:" + "0" * 64)
    assert office.send(ADA, nonce, other_place).status == 400
    assert office.phase is Phase.AWAITING_APPROVAL


def test_the_address_of_an_earlier_plan_explains_itself_and_leads_to_the_present_plan(office: Office) -> None:
    before = office.place
    office.change(hello(approvers=(ADA, BEN)))
    cast_vote(office.home, office.subject)
    office.home.settle()
    page = text(office.look(ADA, before))
    assert "The plan changed" in page
    assert f'<a href="{replace(before, plan="").path}">Open the current plan</a>' in page
    assert "<form" not in page


@pytest.mark.parametrize(
    ("number", "environment", "plan"),
    [("99", "production", ""), ("2", "moon", ""), ("2", "production", "sha256:short"), ("x", "production", "")],
)
def test_an_address_of_nothing_is_not_found(office: Office, number: str, environment: str, plan: str) -> None:
    place = ApprovalAddress(application="hello", number=number, environment=environment, plan=plan)
    assert or_message(lambda: office.look(ADA, place)).status == 404


def test_the_plan_of_another_release_is_never_shown_under_this_ones_name(office: Office) -> None:
    other_plan = office.home.app.reader.release("hello-1").plan_hash or ""
    place = replace(office.place, plan=other_plan)
    assert "The address names another release" in text(office.look(ADA, place))
    assert or_message(lambda: located.show_plan_changes(office.home.services, place, visitor(ADA))).status == 404


def test_a_person_is_known_by_their_object_id_and_by_no_name(office: Office) -> None:
    namesake = Visitor(caller=visitor(STRANGER).caller.evolve(shown=ADA), sid="another session")
    page = text(located.show_gate(office.home.services, office.place, namesake))
    assert "You are not an approver" in page
    assert "<form" not in page


def test_a_vote_counted_in_a_persons_name_can_be_objected_to_after_the_gate_has_passed(office: Office) -> None:
    count_vote(office.home, office.send(ADA, nonce_of(office.look(ADA))), ADA)
    assert office.phase is Phase.COPYING
    page = office.look(ADA)
    assert "Counted in your name" in text(page)
    office.send(ADA, nonce_of(page), decision="object", reason="I was on a plane")
    office.home.hear()
    assert str(office.phase) == "rejected"
    assert "Counted in your name" not in text(office.look(ADA))


def test_the_page_offers_no_objection_to_a_person_without_a_vote(office: Office) -> None:
    count_vote(office.home, office.send(ADA, nonce_of(office.look(ADA))), ADA)
    assert "Counted in your name" not in text(office.look(BEN))


def test_the_page_of_a_live_release_says_that_a_vote_for_it_was_disowned(office: Office) -> None:
    count_vote(office.home, office.send(ADA, nonce_of(office.look(ADA))), ADA)
    office.home.settle()
    assert office.phase is Phase.COMPLETED
    office.send(ADA, nonce_of(office.look(ADA)), decision="object", reason="I was on a plane")
    office.home.hear()
    page = text(office.look(BEN))
    assert "A vote for it was not the voter" in page
    assert "I was on a plane" in page
