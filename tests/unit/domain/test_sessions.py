"""The record of ended sessions: enough to refuse all of them, and no more than a row holds."""

from datetime import UTC, datetime, timedelta

from slipway.domain.sessions import MOST_ENDED, SESSION_LASTS, EndedSessions, session_hash

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def test_a_session_that_nobody_ended_is_not_over() -> None:
    assert not EndedSessions().is_over("a", NOW)


def test_ending_all_sessions_ends_earlier_ones_and_none_that_begin_later() -> None:
    ended = EndedSessions().with_all_ended(LATER)
    assert ended.is_over("a", NOW)
    assert not ended.is_over("b", LATER)


def test_an_earlier_time_that_arrives_late_lets_nobody_in_again() -> None:
    assert EndedSessions().with_all_ended(LATER).with_all_ended(NOW).since == LATER


def test_ending_one_session_ends_it_whenever_it_began_and_no_other() -> None:
    ended = EndedSessions().with_one_ended(session_hash("a"), NOW)
    assert ended.is_over("a", LATER)
    assert not ended.is_over("b", NOW)


def test_an_ended_session_is_remembered_as_long_as_it_could_last() -> None:
    ended = EndedSessions().with_one_ended(session_hash("a"), NOW)
    before_the_end = ended.with_one_ended(session_hash("b"), NOW + SESSION_LASTS - timedelta(seconds=1))
    assert before_the_end.is_over("a", NOW)
    assert set(ended.with_one_ended(session_hash("b"), NOW + SESSION_LASTS).single) == {session_hash("b")}


def test_ending_more_sessions_than_are_remembered_ends_all_of_them() -> None:
    ended = EndedSessions()
    for number in range(MOST_ENDED + 1):
        ended = ended.with_one_ended(session_hash(str(number)), NOW)
    assert all(ended.is_over(str(number), NOW - timedelta(seconds=1)) for number in range(MOST_ENDED + 1))
    assert len(ended.single) <= MOST_ENDED
