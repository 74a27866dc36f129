"""The page of a proposed change: what it shows to whom, and what its buttons say."""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from slipway.domain.errors import NotFound
from slipway.domain.identity import TokenPerson
from slipway.domain.proposing import ChangePhase, ProposedChange
from slipway.http.saying import Lead
from slipway.testing.sign_in import person
from slipway.web.answer import Answer
from slipway.web.catalogue import show as show_catalogue
from slipway.web.proposed import address_of, decide, show
from tests.confirming import at_the_provider
from tests.unit.commands.live import Live
from tests.unit.commands.proposals import ADA, BEN, EVE, change_of, guarded, weaken
from tests.unit.web.proving import browser_of, led_to
from tests.unit.web.test_operating import FORM
from tests.unit.web.visitors import as_visitor, change_desk


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return guarded(tmp_path / "team")


def page(home: Live, change: ProposedChange, who: TokenPerson = ADA) -> str:
    return show(change_desk(home), change.hash[7:], as_visitor(who)).body.decode()


def press(home: Live, change: ProposedChange, who: TokenPerson, decision: str, **fields: str) -> Answer:
    found = re.search(r'name="form" value="([^"]+)"', page(home, change, who))
    assert found is not None
    given = {"form": found[1], "decision": decision, "opening": "1", **fields}
    return decide(change_desk(home), change.hash[7:], as_visitor(who), FORM, urlencode(given).encode())


def approve(home: Live, change: ProposedChange, who: TokenPerson) -> str:
    answer = press(home, change, who, "approve")
    to = at_the_provider(home, Lead(to=led_to(answer)), who, browser=browser_of(home, answer))
    home.hear()
    return to


def test_it_shows_what_is_weaker_who_is_asked_and_what_changes(live: Live) -> None:
    change = weaken(live)
    shown = page(live, change)
    assert "gate: required: 1 instead of 2" in shown
    assert "environments.production.gate.required: 2 → 1" in shown
    assert "somebody with the role shop-approvers" in shown
    assert "0 of 2 approvals" in shown
    assert "Approve the change" in shown
    assert (
        f'href="{address_of(change.hash)}"'
        in show_catalogue(live.app.live_catalogue, live.app.proposals, as_visitor(ADA)).body.decode()
    )


def test_two_people_let_it_through_by_the_buttons_of_the_page(live: Live) -> None:
    change = weaken(live)
    to = approve(live, change, ADA)
    assert to.startswith("/said/_installation/")
    assert "1 of 2 approvals" in page(live, change)
    approve(live, change, BEN)
    shown = page(live, change)
    assert change_of(live, change.hash).phase is ChangePhase.IN_FORCE
    assert "Your decision" not in shown
    assert "It is in force." in shown


def test_a_rejection_is_said_at_once_and_needs_a_reason(live: Live) -> None:
    change = weaken(live)
    answer = press(live, change, ADA, "reject", reason="too few <b>eyes</b>")
    assert answer.status == 303
    live.hear()
    assert change_of(live, change.hash).phase is ChangePhase.REJECTED
    assert "too few &lt;b&gt;eyes&lt;/b&gt;" in page(live, change)


def test_who_is_not_asked_sees_it_and_has_no_button(live: Live) -> None:
    change = weaken(live)
    shown = page(live, change, EVE)
    assert "who is at none of these gates" in shown
    assert "Approve the change" not in shown


def test_whoever_proposed_it_may_only_reject_it(live: Live) -> None:
    change = weaken(live)
    own = person(4, "Olga", "platform", "shop-approvers")
    shown = page(live, change, own)
    assert "somebody else has to approve it" in shown
    assert "Approve the change" not in shown
    assert "Reject" in shown


@pytest.mark.parametrize(
    ("decision", "fields", "status"),
    [("withdraw", {}, 400), ("approve", {"opening": "2"}, 409), ("approve", {"form": "x.y"}, 400)],
)
def test_a_form_that_is_not_of_this_page_says_nothing(
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
        show(change_desk(live), hash, as_visitor(ADA))


def test_what_has_moved_on_is_said_before_anybody_votes(live: Live) -> None:
    change = weaken(live)
    live.edit_gate(required=2)
    live.edit_environment("staging", rollout_within="9m")
    live.apply()
    shown = page(live, change)
    assert "somebody else has changed application:shop meanwhile" in shown
    assert "Approve the change" not in shown
