"""The pages that lead people to the sign-in, and what they say when it fails."""

from slipway.http.signing_in import NotSignedIn
from slipway.web.messages import ask_to_sign_in, no_role, not_signed_in, session_over
from tests.unit.web.visitors import DORA


def test_the_page_for_strangers_leads_to_the_sign_in_and_back() -> None:
    for answer in (ask_to_sign_in("/releases/hello-1?after=2&x=<y>"), session_over("/releases/hello-1?after=2&x=<y>")):
        assert answer.status == 401
        assert 'href="/sign-in?to=%2Freleases%2Fhello-1%3Fafter%3D2%26x%3D%3Cy%3E"' in answer.body.decode()


def test_a_form_of_somebody_who_is_no_longer_signed_in_says_that_nothing_was_changed() -> None:
    assert b"Nothing was changed" in session_over("/operate").body


def test_a_provider_that_is_away_is_waited_for() -> None:
    answer = not_signed_in(NotSignedIn(title="Nobody can sign in right now", why="It is away.", waits=True))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


def test_a_person_without_a_role_is_shown_who_they_are_and_can_sign_out() -> None:
    page = no_role(DORA).body.decode()
    assert "You are signed in as Dora" in page
    assert 'href="/sign-out"' in page
