"""Signing in for the pages: out to the provider, back again, and everything that may happen in between."""

from datetime import timedelta

import pytest

from slipway.http.signing_in import MOST_TABS, NotSignedIn, SignInRedirect
from slipway.testing.sign_in import Browser
from tests.unit.http.sign_in_kit import ADA, BEN, Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_people_come_back_to_the_page_that_they_wanted(scene: Scene) -> None:
    outcome = scene.back(scene.provider.answer(scene.begin("/releases/shop-1?after=3"), ADA))
    assert isinstance(outcome, SignInRedirect)
    assert outcome.to == "/releases/shop-1?after=3"
    assert scene.session().oid == ADA.oid


@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/\\evil.example", "/nosuch", "", "/audit\r\nx: y", "javascript:x"]
)
def test_nobody_is_sent_anywhere_but_to_our_pages(scene: Scene, to: str) -> None:
    outcome = scene.back(scene.provider.answer(scene.begin(to), ADA))
    assert isinstance(outcome, SignInRedirect)
    assert outcome.to == "/"


def test_two_tabs_sign_in_at_once(scene: Scene) -> None:
    first, second = scene.begin("/audit"), scene.begin("/")
    for address, target in ((second, "/"), (first, "/audit")):
        outcome = scene.back(scene.provider.answer(address, ADA))
        assert isinstance(outcome, SignInRedirect)
        assert outcome.to == target


def test_the_oldest_of_many_tabs_gives_way(scene: Scene) -> None:
    first = scene.begin()
    later_tabs = [scene.begin() for _ in range(MOST_TABS)]
    assert isinstance(scene.back(scene.provider.answer(first, ADA)), NotSignedIn)
    assert all(isinstance(scene.back(scene.provider.answer(address, ADA)), SignInRedirect) for address in later_tabs)


def test_coming_back_from_the_provider_twice_keeps_the_session(scene: Scene) -> None:
    callback = scene.provider.answer(scene.begin(), ADA)
    scene.back(callback)
    session = scene.session()
    outcome = scene.back(callback)
    assert isinstance(outcome, SignInRedirect)
    assert outcome.to == "/"
    assert scene.session() == session


def test_an_answer_that_another_browser_asked_for_signs_nobody_in(scene: Scene) -> None:
    """An attacker gives the victim the end of their own sign-in, so that the victim works in the attacker's name."""
    attackers = scene.provider.answer(scene.begin(), BEN)
    scene.browser = Browser()
    outcome = scene.back(attackers)
    assert isinstance(outcome, NotSignedIn)
    assert scene.sessions.read(scene.browser.headers) is None


def test_an_answer_after_ten_minutes_signs_nobody_in(scene: Scene) -> None:
    callback = scene.provider.answer(scene.begin(), ADA)
    scene.time.wait(timedelta(minutes=10))
    assert isinstance(scene.back(callback), NotSignedIn)


def test_a_code_of_another_sign_in_signs_nobody_in(scene: Scene) -> None:
    """The nonce in the token has to be that of the request."""
    code = scene.provider.answer(scene.begin(), BEN)["code"]
    callback = scene.provider.answer(scene.begin(), ADA)
    outcome = scene.back(callback | {"code": code})
    assert isinstance(outcome, NotSignedIn)
    assert outcome.title == "You could not be signed in"


def test_cancelling_is_reported_and_signs_nobody_in(scene: Scene) -> None:
    outcome = scene.back(scene.provider.answer(scene.begin("/audit")))
    assert isinstance(outcome, NotSignedIn)
    assert (outcome.title, outcome.to) == ("You did not sign in", "/audit")


@pytest.mark.parametrize("error", ["server_error", "<script>alert(1)</script>", "x" * 10_000, ""])
def test_an_error_of_the_provider_is_reported_without_its_text(scene: Scene, error: str) -> None:
    state = scene.provider.answer(scene.begin(), ADA)["state"]
    outcome = scene.back({"error": error, "state": state})
    assert isinstance(outcome, NotSignedIn)
    assert "script" not in outcome.why
    assert len(outcome.why) < 200


def test_while_the_provider_is_away_nobody_signs_in_and_the_page_says_so(scene: Scene) -> None:
    callback = scene.provider.answer(scene.begin(), ADA)
    scene.provider.away = True
    for outcome in (scene.sign_in.begin(scene.browser.headers, "/audit"), scene.back(callback)):
        assert isinstance(outcome, NotSignedIn)
        assert outcome.waits


def test_renewing_asks_without_a_page_and_keeps_the_sessions_id_and_end(scene: Scene) -> None:
    before = scene.signs_in()
    scene.time.wait(timedelta(minutes=50))
    address = scene.begin(quiet=True)
    assert "prompt=none" in address
    scene.back(scene.provider.answer(address))
    after = scene.session()
    assert (after.sid, after.exp) == (before.sid, before.exp)
    assert after.iat > before.iat


def test_renewing_for_another_person_is_a_new_session(scene: Scene) -> None:
    before = scene.signs_in(ADA)
    scene.provider.at_home = BEN
    scene.back(scene.provider.answer(scene.begin(quiet=True)))
    after = scene.session()
    assert (after.oid, after.sid != before.sid) == (BEN.oid, True)


def test_where_the_provider_would_have_to_ask_the_session_is_over_and_the_person_is_sent_there(scene: Scene) -> None:
    scene.signs_in()
    scene.provider.at_home = None
    outcome = scene.back(scene.provider.answer(scene.begin(quiet=True)))
    assert isinstance(outcome, SignInRedirect)
    assert "prompt=none" not in outcome.to
    assert scene.sessions.read(scene.browser.headers) is None
    assert isinstance(scene.back(scene.provider.answer(outcome.to, ADA)), SignInRedirect)
    assert scene.session().oid == ADA.oid
