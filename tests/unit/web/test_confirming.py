"""The page on which a person confirms what the command line asked for: what it shows, and what its button does."""

import json
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import azure.functions as func
import pytest

from functions import commands, guard
from functions.pages import services_of
from slipway.commands.saying import CommandRequest
from slipway.domain.commands import Verb
from slipway.domain.errors import NotFound
from slipway.domain.identity import TokenPerson
from slipway.domain.inbox import Via
from slipway.http.saying import NothingSent, ProviderRedirect, WhyNothingSent
from slipway.testing import BASE, Installation
from slipway.testing.sign_in import bearer, person
from slipway.web.answer import Answer
from slipway.web.confirming import confirm, show_confirmation
from slipway.web.signin import Visitor
from tests.beginnings import begun, waiting
from tests.confirming import OLGA as SIGNS_IN
from tests.confirming import at_the_provider, confirm_pending
from tests.unit.api.in_process import use
from tests.unit.web.proving import browser_of, next_address
from tests.unit.web.test_operating import FORM
from tests.unit.web.visitors import as_visitor, visitor

OLGA, READER = as_visitor(SIGNS_IN), visitor("Rita")
OTTO = person(8, "Otto", "operator", "platform")


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    installation = begun(waiting, tmp_path)
    installation.command(Verb.FREEZE, environment="production")
    return installation


def pending(home: Installation, reason: str = "the sale is over") -> str:
    command = CommandRequest(verb=Verb.UNFREEZE, application="shop", environment="production", reason=reason)
    return home.app.saying.keep_pending(home.app.inbox_writer.statement(command), Via.CLI)


def page(home: Installation, handle: str, who: Visitor = OLGA) -> str:
    return show_confirmation(services_of(home.app), handle, who).body.decode()


def form_token_of(home: Installation, handle: str, who: Visitor = OLGA) -> str:
    match = re.search(r'name="form_token" value="([^"]+)"', page(home, handle, who))
    assert match is not None
    return match[1]


def press(home: Installation, handle: str, who: Visitor = OLGA, **fields: str) -> Answer:
    body = urlencode({"form_token": form_token_of(home, handle), **fields}).encode()
    return confirm(services_of(home.app), handle, who, FORM, body)


def back_from_the_provider(home: Installation, answer: Answer, who: TokenPerson = SIGNS_IN) -> str:
    """Come back from the provider; returns the path of the next page."""
    return at_the_provider(home, ProviderRedirect(to=next_address(answer)), who, browser=browser_of(home, answer))


def test_the_page_says_word_for_word_what_will_be_said_and_changes_nothing(home: Installation) -> None:
    handle = pending(home, reason="<b>the sale</b> is over")
    html = page(home, handle)
    assert "Unfreeze shop in production" in html
    assert "&lt;b&gt;the sale&lt;/b&gt; is over" in html
    assert list(home.inbox_table.everything(limit=1)) == []


def test_a_release_that_is_to_be_created_is_not_called_by_the_name_of_the_one_before(home: Installation) -> None:
    command = CommandRequest(verb=Verb.CREATE, application="shop", release="shop-1", reason="more memory")
    handle = home.app.saying.keep_pending(home.app.inbox_writer.statement(command), Via.CLI)
    assert "Create a release of shop from the artifact of shop-1" in page(home, handle)


def test_the_heading_of_a_rollback_names_the_release_that_comes_back(home: Installation) -> None:
    command = CommandRequest(verb=Verb.ROLLBACK, release="shop-1", environment="production", reason="2 loses orders")
    handle = home.app.saying.keep_pending(home.app.inbox_writer.statement(command), Via.CLI)
    assert '<h1 id="confirm">Roll production back to shop-1</h1>' in page(home, handle)


def test_the_page_for_ending_a_freeze_shows_the_freeze_that_is_in_force(home: Installation) -> None:
    html = page(home, pending(home))
    assert "In force now" in html
    assert "is frozen by" in html


def test_a_release_that_is_sent_out_again_is_named_with_its_place_and_what_becomes_of_its_votes(
    home: Installation,
) -> None:
    home.command(Verb.CANCEL, 1, reason="the wrong branch")
    command = CommandRequest(verb=Verb.RETRY, release="shop-1")
    html = page(home, home.app.saying.keep_pending(home.app.inbox_writer.statement(command), Via.CLI))
    assert "Send shop-1 out again in production" in html
    assert "no earlier vote counts" in html


def test_the_button_leads_to_the_provider_and_back_to_the_page_that_follows(home: Installation) -> None:
    handle = pending(home)
    answer = press(home, handle)
    assert home.app.saying.confirmed(handle) is None
    location = back_from_the_provider(home, answer)
    confirmed = home.app.saying.confirmed(handle)
    assert confirmed is not None
    assert location == f"/said/{confirmed[0]}/{confirmed[1]}"
    home.hear()
    (record,) = (record for record in home.trail() if record.action == "lane.unfrozen")
    assert (record.details["channel"], record.details["reason"]) == ("cli", "the sale is over")


def test_declining_ends_the_command_for_everybody_and_records_nothing(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, home, commands, guard)
    handle, before = pending(home), home.actions()
    in_flight = press(home, handle)
    press(home, handle, answer="no")
    state, code = home.votes.signs_in(next_address(in_flight), SIGNS_IN)
    outcome = home.app.saying.handle_return(state=state, code=code, error="", browser=browser_of(home, in_flight))
    assert isinstance(outcome, NothingSent)
    assert outcome.why is WhyNothingSent.DECLINED
    html = page(home, handle)
    assert "Nothing was done" in html
    assert "<form" not in html
    assert answer_of(home, handle) == "declined"
    home.hear()
    assert home.actions() == before


def test_declining_after_the_confirmation_changes_nothing(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, home, commands, guard)
    handle = pending(home)
    form_token = form_token_of(home, handle)
    confirm_pending(home, handle)
    body = urlencode({"form_token": form_token, "answer": "no"}).encode()
    confirm(services_of(home.app), handle, OLGA, FORM, body)
    assert answer_of(home, handle) == "said"


def answer_of(home: Installation, handle: str) -> str:
    """The state that a command line waiting for the confirmation is told."""
    headers = bearer(home.app, SIGNS_IN)
    request = func.HttpRequest("GET", BASE, headers=headers, route_params={"handle": handle}, body=b"")
    state: str = json.loads(commands.confirmation(request).get_body())["state"]
    return state


ONCE = (
    CommandRequest(verb=Verb.UNFREEZE, application="shop", environment="production", reason="because"),
    CommandRequest(verb=Verb.CREATE, application="shop", release="shop-1", reason="because"),
    CommandRequest(verb=Verb.ROLLBACK, release="shop-1", environment="staging", reason="because"),
)
EACH = pytest.mark.parametrize("command", ONCE, ids=lambda command: command.verb)


def keep_pending(home: Installation, command: CommandRequest) -> str:
    """A second version is live in staging, and the command line gives a command; returns the confirmation's handle."""
    home.push("1.1")
    home.settle()
    return home.app.saying.keep_pending(home.app.inbox_writer.statement(command), Via.CLI)


def test_the_page_of_a_rollback_shows_what_is_live_and_that_newer_releases_will_wait(home: Installation) -> None:
    html = page(home, keep_pending(home, ONCE[2]))
    assert (
        "<dd>shop-2 is live there now. No vote is needed; newer releases wait until the lane is resumed.</dd>" in html
    )


@EACH
def test_a_confirmed_command_is_carried_out_once_whoever_opens_its_page_again(
    home: Installation, command: CommandRequest
) -> None:
    handle = keep_pending(home, command)
    form = urlencode({"form_token": form_token_of(home, handle)}).encode()
    location = back_from_the_provider(home, press(home, handle))
    home.hear()
    home.settle()
    actions = home.actions()
    for answer in (
        show_confirmation(services_of(home.app), handle, OLGA),
        show_confirmation(services_of(home.app), handle, READER),
        confirm(services_of(home.app), handle, OLGA, FORM, form),
    ):
        assert (answer.status, answer.headers["Location"]) == (303, location)
    home.hear()
    home.settle()
    assert home.actions() == actions


@EACH
@pytest.mark.parametrize("other", [SIGNS_IN, OTTO], ids=["one person", "two people"])
def test_of_two_confirmations_at_the_provider_at_once_only_the_first_to_come_back_is_sent(
    home: Installation, command: CommandRequest, other: TokenPerson
) -> None:
    handle = keep_pending(home, command)
    first = press(home, handle)
    second = press(home, handle, as_visitor(other), form_token=form_token_of(home, handle, as_visitor(other)))
    location = back_from_the_provider(home, second, other)
    assert back_from_the_provider(home, first) == location
    ((_, row),) = home.inbox_table.everything(limit=5)
    assert f'"oid":"{other.oid}"' in row.text("Data")


def test_a_person_without_the_permission_sees_no_button_and_is_refused(home: Installation) -> None:
    handle = pending(home)
    assert "<form" not in page(home, handle, READER)
    assert "needs the permission <code>freeze</code>" in page(home, handle, READER)
    assert press(home, handle, READER).status in (400, 403)


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil"}])
def test_a_form_of_another_site_leads_nowhere(home: Installation, headers: dict[str, str]) -> None:
    handle = pending(home)
    assert confirm(services_of(home.app), handle, OLGA, FORM | headers, b"form_token=x").status == 403
    assert confirm(services_of(home.app), handle, OLGA, FORM, b"form_token=x").status == 400


def test_a_command_that_is_unknown_or_a_quarter_of_an_hour_old_is_not_found(home: Installation) -> None:
    handle = pending(home)
    home.wait(timedelta(minutes=15))
    for unknown in (handle, f"20261123-{'a' * 43}", "../head"):
        with pytest.raises(NotFound):
            page(home, unknown)


def test_a_command_that_was_confirmed_in_another_browser_is_not_sent(home: Installation) -> None:
    handle = pending(home)
    answer = press(home, handle)
    state, code = home.votes.signs_in(next_address(answer), SIGNS_IN)
    outcome = home.app.saying.handle_return(state=state, code=code, error="", browser="another browser")
    assert isinstance(outcome, NothingSent)
    assert outcome.why is WhyNothingSent.ELSEWHERE
    assert home.app.saying.confirmed(handle) is None


def test_the_page_of_a_new_epoch_says_what_the_ledger_lacks(home: Installation) -> None:
    anchors = home.app.chain_anchors
    anchors.anchor_reset("shop", anchors.restored("shop"), now=home.now)
    command = CommandRequest(verb=Verb.FENCE_RESET, application="shop", reason="restored")
    html = page(home, home.app.saying.keep_pending(home.app.inbox_writer.statement(command), Via.CLI))
    assert "is of epoch 1, and the ledger is of 0" in html
    assert "<dt>New epoch</dt><dd>2;" in html


def test_a_command_that_would_be_refused_now_is_not_confirmed(home: Installation) -> None:
    handle = pending(home)
    form_token = form_token_of(home, handle)
    confirm_pending(home, pending(home))
    home.hear()
    assert "It would be refused now: <bdi>no freeze of production is in force" in page(home, handle)
    answer = confirm(services_of(home.app), handle, OLGA, FORM, urlencode({"form_token": form_token}).encode())
    assert (answer.status, "Location" in answer.headers) == (409, False)
