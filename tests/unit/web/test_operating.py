"""The operator's page: who sees which form, what a form does, and which requests do not come from a form of ours."""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from functions.pages import services_of
from slipway.domain.release import Phase
from slipway.http.saying import ProviderRedirect
from slipway.testing import ADA, Installation
from slipway.web import outcome
from slipway.web.answer import Answer
from slipway.web.operating import PageSubject, give_command, show_commands
from slipway.web.signin import Visitor
from tests.beginnings import begun, waiting
from tests.confirming import OLGA as SIGNS_IN
from tests.confirming import at_the_provider
from tests.unit.web.proving import browser_of, next_address
from tests.unit.web.visitors import as_visitor, visitor

OLGA, READER = as_visitor(SIGNS_IN), visitor("Rita")
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
LANE = PageSubject(application="shop", environment="production")


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return begun(waiting, tmp_path)


def nonce(installation: Installation, subject: PageSubject, who: Visitor = OLGA) -> str:
    match = re.search(
        r'name="form_token" value="([^"]+)"', show_commands(services_of(installation.app), subject, who).body.decode()
    )
    return match[1] if match else ""


def send(installation: Installation, subject: PageSubject, who: Visitor = OLGA, **fields: str) -> Answer:
    form = {"form_token": nonce(installation, subject, who), **fields}
    answer = give_command(services_of(installation.app), subject, who, FORM, urlencode(form).encode())
    installation.hear()
    return answer


def follow(installation: Installation, answer: Answer) -> Answer:
    """The page to which a form leads."""
    _, section, partition, id = answer.headers["Location"].split("/")
    assert section == "said"
    return outcome.show_outcome(installation.app.answers, partition, id, OLGA)


def test_a_lane_is_frozen_and_unfrozen_by_its_forms(installation: Installation) -> None:
    answer = send(
        installation, LANE, verb="freeze", application="shop", environment="production", reason="the sale", hours="4"
    )
    assert answer.status == 303
    assert "Done" in follow(installation, answer).body.decode()
    page = show_commands(services_of(installation.app), LANE, OLGA).body.decode()
    assert "is frozen" in page
    assert "the sale" in page
    assert "End the freeze of shop production" in page
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK
    button = send(installation, LANE, verb="unfreeze", application="shop", environment="production")
    assert installation.phase(1) is Phase.HELD_BACK, "the provider has not confirmed it yet"
    location = at_the_provider(
        installation, ProviderRedirect(to=next_address(button)), browser=browser_of(installation, button)
    )
    installation.hear()
    _, _, partition, id = location.split("/")
    assert "Done" in outcome.show_outcome(installation.app.answers, partition, id, OLGA).body.decode()
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED


def test_a_pushed_image_is_released_by_its_tag_from_the_page_of_the_first_environment(
    installation: Installation,
) -> None:
    assert 'name="tag"' not in show_commands(services_of(installation.app), LANE, OLGA).body.decode()
    first = PageSubject(application="shop", environment="staging")
    assert 'name="tag"' in show_commands(services_of(installation.app), first, OLGA).body.decode()
    digest = installation.build("0.9")
    button = send(installation, first, verb="create", application="shop", tag=" 0.9 ", reason="it was here before us")
    at_the_provider(installation, ProviderRedirect(to=next_address(button)), browser=browser_of(installation, button))
    installation.hear()
    release = installation.release(2)
    assert (release.tag, release.digest) == ("0.9", digest)
    assert send(installation, first, verb="create", application="shop", tag="a b").status == 400


def test_a_release_is_cancelled_once_however_often_the_form_is_sent(installation: Installation) -> None:
    subject = PageSubject(release="shop-1")
    page = show_commands(services_of(installation.app), subject, OLGA).body.decode()
    hidden = {name: re.findall(f'name="{name}" value="([^"]+)"', page)[0] for name in ("form_token", "id")}
    fields = {**hidden, "verb": "cancel", "release": "shop-1", "reason": "wrong branch"}
    answers = [
        give_command(services_of(installation.app), subject, OLGA, FORM, urlencode(fields).encode()) for _ in range(2)
    ]
    installation.hear()
    answers.append(give_command(services_of(installation.app), subject, OLGA, FORM, urlencode(fields).encode()))
    installation.hear()
    assert [answer.status for answer in answers] == [303, 303, 303]
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert installation.actions().count("release.cancelled") == 1
    record = next(r for r in installation.trail() if r.action == "release.cancelled")
    assert (record.actor, record.details["channel"]) == (OLGA.caller.name, "page")


def test_the_page_of_a_cancellation_says_how_the_release_can_go_out_again(installation: Installation) -> None:
    waiting = PageSubject(release="shop-1")
    services = services_of(installation.app)
    assert "Somebody can send it out again from here" in show_commands(services, waiting, OLGA).body.decode()
    send(installation, waiting, verb="cancel", release="shop-1", reason="the wrong branch")
    assert "Send shop-1 out again in production" in show_commands(services, waiting, OLGA).body.decode()


def test_a_form_is_received_first_and_its_page_looks_again_until_it_is_counted(installation: Installation) -> None:
    form = {"form_token": nonce(installation, LANE), "verb": "freeze", "reason": "the sale"}
    form |= {"application": "shop", "environment": "production"}
    answer = give_command(services_of(installation.app), LANE, OLGA, FORM, urlencode(form).encode())
    waiting = follow(installation, answer)
    assert "Received" in waiting.body.decode()
    assert waiting.headers["Refresh"] == f"1; url={answer.headers['Location']}"
    assert installation.lane("production").freeze is None
    installation.hear()
    counted = follow(installation, answer)
    assert "Done" in counted.body.decode()
    assert "Refresh" not in counted.headers
    assert installation.lane("production").freeze is not None


def test_a_refusal_is_shown_by_its_rules(installation: Installation) -> None:
    send(installation, LANE, verb="freeze", application="shop", environment="production", reason="the sale")
    answer = send(
        installation, LANE, verb="freeze", application="shop", environment="production", reason="<b>me too</b>"
    )
    page = follow(installation, answer).body
    assert b"Refused" in page
    assert b"is-not-frozen" in page
    assert b"<b>me" not in page


def test_a_command_without_the_permission_has_no_form_and_is_refused(installation: Installation) -> None:
    page = show_commands(services_of(installation.app), LANE, READER).body.decode()
    assert "<form" not in page
    assert "needs the permission <code>freeze</code>" in page
    stolen = nonce(installation, LANE)
    body = urlencode({"form_token": stolen, "verb": "freeze", "reason": "x"}).encode()
    assert give_command(services_of(installation.app), LANE, READER, FORM, body).status == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Sec-Fetch-Site": "cross-site"}, 403), ({"Content-Type": "text/plain"}, 415), ({"Origin": "https://evil"}, 403)],
)
def test_a_form_of_another_site_changes_nothing(
    installation: Installation, headers: dict[str, str], status: int
) -> None:
    body = urlencode({"form_token": nonce(installation, PageSubject()), "verb": "freeze", "reason": "x"}).encode()
    assert give_command(services_of(installation.app), PageSubject(), OLGA, FORM | headers, body).status == status
    assert installation.app.blocks.everything() is None


def test_a_forged_nonce_or_that_of_another_page_changes_nothing(installation: Installation) -> None:
    for wrong in ("", "forged.nonce", nonce(installation, LANE)):
        body = urlencode({"form_token": wrong, "verb": "freeze", "reason": "x"}).encode()
        assert give_command(services_of(installation.app), PageSubject(), OLGA, FORM, body).status == 400
    assert installation.app.blocks.everything() is None


def test_looking_changes_nothing(installation: Installation) -> None:
    before = len(installation.trail())
    for subject in (PageSubject(), LANE, PageSubject(release="shop-1")):
        assert show_commands(services_of(installation.app), subject, OLGA).status == 200
    assert len(installation.trail()) == before


def test_a_form_that_would_be_refused_leads_to_no_sign_in(installation: Installation) -> None:
    answer = send(installation, LANE, verb="resume", application="shop", environment="production")
    assert (answer.status, "Location" in answer.headers) == (409, False)
    assert "no rollback holds it" in answer.body.decode()
