"""The operator's page: who sees which form, what a form does, and what is no answer to a page of ours."""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from slipway.domain.release import Phase
from slipway.domain.roles import Caller, Role
from slipway.flow.commanding import Commander
from slipway.pages.answer import Answer
from slipway.pages.operating import Desk, Subject, give, show
from tests.unit.flow.deliveries import ADA, write_delivery
from tests.unit.flow.house import BASE, KEYS, House

OLGA = Caller(name="olga@example.com", roles=frozenset({Role.ADMIN}))
READER = Caller(name="rita@example.com", roles=frozenset({Role.READER}))
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
LANE = Subject(application="shop", environment="production")


@pytest.fixture
def house(tmp_path: Path) -> House:
    write_delivery(tmp_path)
    made = House(tmp_path)
    made.push("1.0")
    made.settle()
    return made


def desk(house: House) -> Desk:
    commander = Commander(intake=house.intake, reader=house.reader, freezer=house.freezer, clock=house.time)
    return Desk(keys=KEYS, commander=commander, clock=house.time, public_url=BASE)


def nonce(house: House, subject: Subject, who: Caller = OLGA) -> str:
    found = re.search(r'name="nonce" value="([^"]+)"', show(desk(house), subject, who).body.decode())
    return found[1] if found else ""


def send(house: House, subject: Subject, who: Caller = OLGA, **fields: str) -> Answer:
    given = {"nonce": nonce(house, subject, who), **fields}
    return give(desk(house), subject, who, FORM, urlencode(given).encode())


def test_a_lane_is_frozen_and_unfrozen_by_its_forms(house: House) -> None:
    answer = send(
        house, LANE, verb="freeze", application="shop", environment="production", reason="the sale", hours="4"
    )
    assert (answer.status, answer.headers["Location"]) == (303, LANE.address)
    page = show(desk(house), LANE, OLGA).body.decode()
    assert "is frozen" in page
    assert "the sale" in page
    assert "End the freeze of shop production" in page
    house.intake.take(house.vote(1, ADA))
    house.settle()
    assert house.phase(1) is Phase.HELD_BACK
    send(house, LANE, verb="unfreeze", application="shop", environment="production")
    house.settle()
    assert house.phase(1) is Phase.COMPLETED


def test_a_release_is_cancelled_once_however_often_the_form_is_sent(house: House) -> None:
    subject = Subject(release="shop-1")
    fields = {"nonce": nonce(house, subject), "verb": "cancel", "release": "shop-1", "reason": "wrong branch"}
    answers = [give(desk(house), subject, OLGA, FORM, urlencode(fields).encode()) for _ in range(2)]
    assert [answer.status for answer in answers] == [303, 303]
    assert house.actions().count("release.cancelled") == 1
    record = next(r for r in house.audit() if r.action == "release.cancelled")
    assert (record.actor, record.details["channel"]) == ("olga@example.com", "page")


def test_a_refusal_is_shown_by_its_rules_and_keeps_what_was_written(house: House) -> None:
    send(house, LANE, verb="freeze", application="shop", environment="production", reason="the sale")
    answer = send(house, LANE, verb="freeze", application="shop", environment="production", reason="<b>me too</b>")
    assert answer.status == 409
    assert b"is-not-frozen" in answer.body
    assert b"<b>me" not in answer.body


def test_what_somebody_may_not_do_has_no_form_and_is_refused(house: House) -> None:
    page = show(desk(house), LANE, READER).body.decode()
    assert "<form" not in page
    assert "needs the permission <code>freeze</code>" in page
    stolen = nonce(house, LANE)
    body = urlencode({"nonce": stolen, "verb": "freeze", "reason": "x"}).encode()
    assert give(desk(house), LANE, READER, FORM, body).status == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Sec-Fetch-Site": "cross-site"}, 403), ({"Content-Type": "text/plain"}, 415), ({"Origin": "https://evil"}, 403)],
)
def test_a_form_of_another_site_changes_nothing(house: House, headers: dict[str, str], status: int) -> None:
    body = urlencode({"nonce": nonce(house, Subject()), "verb": "freeze", "reason": "x"}).encode()
    assert give(desk(house), Subject(), OLGA, FORM | headers, body).status == status
    assert house.freezer.current() is None


def test_a_forged_nonce_or_that_of_another_page_changes_nothing(house: House) -> None:
    for wrong in ("", "forged.nonce", nonce(house, LANE)):
        body = urlencode({"nonce": wrong, "verb": "freeze", "reason": "x"}).encode()
        assert give(desk(house), Subject(), OLGA, FORM, body).status == 400
    assert house.freezer.current() is None


def test_looking_changes_nothing(house: House) -> None:
    before = len(house.audit())
    for subject in (Subject(), LANE, Subject(release="shop-1")):
        assert show(desk(house), subject, OLGA).status == 200
    assert len(house.audit()) == before
