"""The page of a proposed change: what it shows to whom, and what its buttons say."""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from functions.pages import services_of
from slipway.domain.errors import NotFound
from slipway.domain.identity import TokenPerson
from slipway.domain.proposing import ChangePhase, ProposedChange
from slipway.http.places import change_place
from slipway.http.saying import ProviderRedirect
from slipway.testing import MemoryBlobs, write_application
from slipway.testing.sign_in import person
from slipway.web.answer import Answer
from slipway.web.board import show_board
from slipway.web.catalogue import show_catalogue
from slipway.web.outcome import show_outcome
from slipway.web.proposed import receive_change_vote, show_proposed_change
from tests.confirming import OLGA as SIGNS_IN
from tests.confirming import at_the_provider
from tests.unit.commands.live import Live
from tests.unit.commands.proposals import ADA, BEN, EVE, change_of, guarded, vote, weaken
from tests.unit.web.proving import browser_of, next_address
from tests.unit.web.test_operating import FORM
from tests.unit.web.visitors import as_visitor


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return guarded(tmp_path / "team")


def page(home: Live, change: ProposedChange, who: TokenPerson = ADA) -> str:
    return show_proposed_change(services_of(home.app), change.hash[7:], as_visitor(who)).body.decode()


def press(home: Live, change: ProposedChange, who: TokenPerson, decision: str, **fields: str) -> Answer:
    match = re.search(r'name="form_token" value="([^"]+)"', page(home, change, who))
    assert match is not None
    form = {"form_token": match[1], "decision": decision, "opening": "1", **fields}
    return receive_change_vote(services_of(home.app), change.hash[7:], as_visitor(who), FORM, urlencode(form).encode())


def outcome(home: Live, path: str) -> str:
    """The page that follows a vote."""
    _, _, partition, id = path.split("/")
    return show_outcome(home.app.answers, partition, id, as_visitor(ADA)).body.decode()


def approve(home: Live, change: ProposedChange, who: TokenPerson) -> str:
    answer = press(home, change, who, "approve")
    location = at_the_provider(home, ProviderRedirect(to=next_address(answer)), who, browser=browser_of(home, answer))
    home.hear()
    return location


def test_the_page_shows_what_is_weaker_who_is_asked_and_what_changes(live: Live) -> None:
    change = weaken(live)
    html = page(live, change)
    assert "gate: required: 1 instead of 2" in html
    assert "environments.production.gate.required: 2 → 1" in html
    assert "somebody with the role shop-approvers" in html
    assert "0 of 2 approvals" in html
    assert "Approve the change" in html
    assert (
        f'href="{change_place(change.hash)}"'
        in show_catalogue(live.app.live_catalogue, live.app.proposals, as_visitor(ADA)).body.decode()
    )


def test_two_people_let_it_through_by_the_buttons_of_the_page(live: Live) -> None:
    change = weaken(live)
    location = approve(live, change, ADA)
    assert location.startswith("/said/_installation/")
    assert "1 of 2 approvals" in page(live, change)
    approve(live, change, BEN)
    html = page(live, change)
    assert change_of(live, change.hash).phase is ChangePhase.IN_FORCE
    assert "Your decision" not in html
    assert "It is in force." in html


def test_a_rejection_is_said_at_once_and_needs_a_reason(live: Live) -> None:
    change = weaken(live)
    answer = press(live, change, ADA, "reject", reason="too few <b>eyes</b>")
    assert answer.status == 303
    live.hear()
    assert change_of(live, change.hash).phase is ChangePhase.REJECTED
    assert "too few &lt;b&gt;eyes&lt;/b&gt;" in page(live, change)


def test_a_person_who_is_not_asked_sees_the_change_and_has_no_button(live: Live) -> None:
    change = weaken(live)
    html = page(live, change, EVE)
    assert "who is an approver of none of these gates" in html
    assert "Approve the change" not in html
    assert 'name="form_token"' not in html, "no form of theirs is taken without its token"


def test_the_proposer_may_only_take_the_change_back(live: Live) -> None:
    change = weaken(live)
    olga = person(4, "Olga", "platform", "shop-approvers")
    html = page(live, change, olga)
    assert "somebody else has to approve it" in html
    assert "Approve the change" not in html
    assert "Take it back" in html


def test_the_proposer_takes_the_change_back_by_a_button_though_no_gate_asks_them(live: Live) -> None:
    change = weaken(live)
    assert "Take it back" in page(live, change, SIGNS_IN)
    assert press(live, change, SIGNS_IN, "reject", reason="the old one is better").status == 303
    live.hear()
    assert change_of(live, change.hash).phase is ChangePhase.WITHDRAWN
    html = page(live, change)
    assert "Its proposer took it back." in html
    assert "the old one is better" in html


# ---- standing in
PIA, PAUL = person(31, "Pia", "platform"), person(32, "Paul", "platform")


def stand_in(home: Live, change: ProposedChange, who: TokenPerson, reason: str = "the team has gone") -> Answer:
    return press(home, change, who, "approve", reason=reason, **{"stands-in": "yes"})


def test_two_of_the_platform_stand_in_by_the_buttons_of_the_page(live: Live) -> None:
    change = weaken(live)
    for who in (PIA, PAUL):
        assert "Stand in for their approvers" in page(live, change, who)
        answer = stand_in(live, change, who)
        location = at_the_provider(
            live, ProviderRedirect(to=next_address(answer)), who, browser=browser_of(live, answer)
        )
        live.hear()
    assert change_of(live, change.hash).phase is ChangePhase.STOOD_IN
    outcome_page = outcome(live, location)
    assert "takes effect a day after the approvers were told" in outcome_page
    assert "It was carried out" not in outcome_page
    html = page(live, change)
    assert "the team has gone" in html
    assert "It takes effect a day after the approvers were told" in html
    assert "Reject" in html
    assert f"{change_place(change.hash)}#decide" in parts_of(board(live, ADA))[0]
    assert "Stand in for their approvers" not in page(live, change, person(33, "Pat", "platform"))


def test_a_person_who_may_not_stand_in_is_shown_that_it_did_not_take_effect(live: Live) -> None:
    refused = vote(live, weaken(live), ADA, stands_in=True, reason="the team has gone")
    outcome_page = outcome(live, f"/said/{refused.partition}/{refused.id}")
    assert "stands-in-by-role" in outcome_page
    assert "It did not take effect" in outcome_page
    assert "in part" not in outcome_page


def test_only_the_platforms_people_who_did_not_propose_it_are_offered_to_stand_in(live: Live) -> None:
    change = weaken(live)
    for who in (ADA, EVE, SIGNS_IN):
        assert "Stand in for their approvers" not in page(live, change, who)


@pytest.mark.parametrize(("decision", "reason"), [("approve", ""), ("reject", "the team has gone")])
def test_standing_in_needs_a_reason_and_approves(live: Live, decision: str, reason: str) -> None:
    change = weaken(live)
    assert press(live, change, PIA, decision, reason=reason, **{"stands-in": "yes"}).status == 400


# ---- on the board
def board(home: Live, who: TokenPerson, application: str | None = None) -> str:
    return show_board(home.app.reader, home.app.proposals, as_visitor(who), application=application).body.decode()


def parts_of(html: str) -> tuple[str, str]:
    """What waits for the reader, and what else needs attention."""
    for_reader = re.search(r'<section class="[^"]*" aria-labelledby="mine">.*?</section>', html, re.DOTALL)
    for_others = re.search(r'<section class="[^"]*" aria-labelledby="attention">.*?</section>', html, re.DOTALL)
    return for_reader[0] if for_reader else "", for_others[0] if for_others else ""


def test_a_change_waits_for_those_who_are_asked_and_is_shown_to_everybody_else(live: Live) -> None:
    change = weaken(live)
    for_reader, for_others = parts_of(board(live, ADA))
    assert f'href="{change_place(change.hash)}#decide"' in for_reader
    assert "A change that weakens the gate of shop production" in for_reader
    assert "decide in" in for_reader
    assert change_place(change.hash) not in for_others
    for who in (EVE, SIGNS_IN):
        for_reader, for_others = parts_of(board(live, who))
        assert (change_place(change.hash) in for_reader, change_place(change.hash) in for_others) == (False, True)


def test_a_change_no_longer_waits_for_a_voter_and_leaves_the_board_when_it_is_over(live: Live) -> None:
    change = weaken(live)
    approve(live, change, ADA)
    assert change_place(change.hash) not in parts_of(board(live, ADA))[0]
    assert change_place(change.hash) in parts_of(board(live, BEN))[0]
    approve(live, change, BEN)
    assert change_place(change.hash) not in board(live, BEN)


def test_the_board_of_one_application_shows_the_changes_that_concern_it(live: Live) -> None:
    write_application(live.deliveries, "till")
    live.apply(app="till")
    change = weaken(live)
    assert change_place(change.hash) in board(live, ADA, "shop")
    assert change_place(change.hash) not in board(live, ADA, "till")


def test_a_change_whose_plan_was_tampered_with_breaks_no_board(live: Live) -> None:
    change = weaken(live)
    assert isinstance(live.blobs, MemoryBlobs)
    live.blobs.documents[change.plan] = b"{}"
    for_reader, for_others = parts_of(board(live, ADA))
    assert (for_reader, change_place(change.hash) in for_others) == ("", True)


@pytest.mark.parametrize(
    ("decision", "fields", "status"),
    [("withdraw", {}, 400), ("approve", {"opening": "2"}, 409), ("approve", {"form_token": "x.y"}, 400)],
)
def test_a_form_that_does_not_match_the_page_casts_no_vote(
    live: Live,
    decision: str,
    fields: dict[str, str],
    status: int,
) -> None:
    change = weaken(live)
    assert press(live, change, ADA, decision, **fields).status == status
    live.hear()
    assert change_of(live, change.hash).votes == ()


@pytest.mark.parametrize("hash", ["0" * 64, "x", "../" + "0" * 61, "é" * 64])
def test_no_other_address_is_a_change(live: Live, hash: str) -> None:
    with pytest.raises(NotFound):
        show_proposed_change(services_of(live.app), hash, as_visitor(ADA))


def test_a_change_whose_documents_have_moved_on_says_so_and_offers_no_vote(live: Live) -> None:
    change = weaken(live)
    live.edit_gate(required=2)
    live.edit_environment("staging", rollout_within="9m")
    live.apply()
    html = page(live, change)
    assert "somebody else has changed application:shop meanwhile" in html
    assert "Approve the change" not in html
