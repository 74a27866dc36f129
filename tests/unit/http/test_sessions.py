"""Sessions of the pages: how long they last, what ends them, and that nobody but us can make one."""

from datetime import timedelta

import pytest

from slipway.domain.identity import TokenPerson
from slipway.domain.sessions import EndedSessions, session_hash
from slipway.http.cookies import VALUE_LIMIT
from tests.unit.http.sign_in_kit import ADA, Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_session_says_who_signed_in(scene: Scene) -> None:
    session = scene.signs_in()
    assert (session.tid, session.oid, session.name, session.roles) == (ADA.tenant, ADA.oid, "Ada", ("reader",))
    assert session.began == scene.time.now


def test_an_hour_without_use_ends_a_session(scene: Scene) -> None:
    scene.signs_in()
    scene.time.wait(timedelta(minutes=59))
    assert scene.sessions.read(scene.browser.headers)
    scene.time.wait(timedelta(minutes=1))
    assert scene.sessions.read(scene.browser.headers) is None


def test_use_is_noted_every_five_minutes_and_a_session_in_use_ends_after_eight_hours(scene: Scene) -> None:
    scene.signs_in()
    assert scene.sessions.cookie_noting_use(scene.session()) is None
    for _ in range(8 * 12 - 1):
        scene.time.wait(timedelta(minutes=5))
        noted = scene.sessions.cookie_noting_use(scene.session())
        assert noted is not None
        scene.browser.take(noted)
    scene.time.wait(timedelta(minutes=5))
    assert scene.sessions.read(scene.browser.headers) is None


def test_the_roles_of_a_session_are_stale_after_an_hour(scene: Scene) -> None:
    session = scene.signs_in()
    scene.time.wait(timedelta(minutes=59))
    assert not scene.sessions.is_stale(session)
    scene.time.wait(timedelta(minutes=1))
    assert scene.sessions.is_stale(session)


def test_each_sign_in_has_an_id_of_its_own(scene: Scene) -> None:
    assert scene.signs_in().sid != scene.signs_in().sid


def test_a_session_cookie_does_not_count_in_another_browser(scene: Scene) -> None:
    scene.signs_in()
    stolen = scene.browser.jar["__Host-session"]
    assert scene.sessions.read({"Cookie": f"__Host-session={stolen}"}) is None
    assert scene.sessions.read({"Cookie": f"__Host-session={stolen}; __Host-browser=another"}) is None


def test_a_session_that_began_before_the_person_ended_them_all_is_over(scene: Scene) -> None:
    scene.signs_in()
    scene.time.wait(timedelta(minutes=1))
    assert scene.sessions.read(scene.browser.headers)
    scene.ended[ADA.oid] = EndedSessions(since=scene.time.now)
    assert scene.sessions.read(scene.browser.headers), "the ledger is asked once a minute"
    assert scene.sessions.read(scene.browser.headers, sure=True) is None
    scene.time.wait(timedelta(minutes=1))
    assert scene.sessions.read(scene.browser.headers) is None
    scene.signs_in()
    assert scene.sessions.read(scene.browser.headers)


def test_one_session_that_was_ended_is_over_and_the_others_of_the_person_go_on(scene: Scene) -> None:
    ended, other_session = scene.signs_in(), scene.signs_in()
    scene.ended[ADA.oid] = EndedSessions(single={session_hash(ended.sid): scene.time.now})
    assert scene.sessions.read(scene.browser.headers, sure=True) == other_session
    scene.ended[ADA.oid] = EndedSessions(single={session_hash(other_session.sid): scene.time.now})
    assert scene.sessions.read(scene.browser.headers, sure=True) is None


def test_ending_a_session_takes_its_cookie_away(scene: Scene) -> None:
    scene.signs_in()
    scene.browser.take(scene.sessions.end())
    assert scene.sessions.read(scene.browser.headers) is None


@pytest.mark.parametrize(("groups", "are_known"), [(5, True), (200, False)])
def test_more_groups_than_a_cookie_holds_are_not_known(scene: Scene, groups: int, are_known: bool) -> None:
    many = tuple(f"00000000-0000-4000-8000-{number:012d}" for number in range(groups))
    person = TokenPerson(tenant=ADA.tenant, oid=ADA.oid, name="Ada", roles=("reader",), groups=many)
    session = scene.signs_in(person)
    assert session.groups == (many if are_known else None)
    assert len(scene.browser.jar["__Host-session"]) <= VALUE_LIMIT


def test_a_value_that_was_sealed_for_another_purpose_is_not_a_session(scene: Scene) -> None:
    scene.begin()
    jar = scene.browser.jar
    assert scene.sessions.read({"Cookie": f"__Host-session={jar['__Host-signin']}; __Host-browser=x"}) is None
