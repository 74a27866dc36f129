"""Challenges on both tables: found by their state, marked once, and removed a day later, before their marks."""

from datetime import timedelta

import pytest

from slipway.domain.challenge import Challenge, Pending, UsedChallenge, browser_hash
from slipway.domain.commands import Verb
from slipway.domain.inbox import Via, inbox_id
from slipway.domain.statement import CommandStatement, VoteStatement
from slipway.ledger.challenges import Challenges
from slipway.ledger.table import Exists, RowTable
from slipway.testing import MORNING

STATE = f"{MORNING:%Y%m%d}-{'s' * 43}"
CHALLENGE = Challenge(
    statement=VoteStatement.model_validate(
        {
            "installation": "here",
            "salt": "A" * 22,
            "application": "shop",
            "release": 1,
            "environment": "production",
            "attempt": 1,
            "opening": 1,
            "plan": "sha256:" + "a" * 64,
            "decision": "approve",
            "reason": "ü" * 2000,
        }
    ),
    person="aaaaaaaa-0000-4000-8000-000000000001",
    browser=browser_hash("b"),
    verifier="v" * 43,
    made_at=MORNING,
    fresh=timedelta(minutes=5),
)
RESUME = CommandStatement(
    installation="here",
    salt="A" * 22,
    verb=Verb.RESUME,
    application="shop",
    environment="production",
    reason="ü" * 2000,
)
FIRST, SECOND = (UsedChallenge(inbox=inbox_id(MORNING, bytes([number] * 8)), at=MORNING) for number in (1, 2))


@pytest.fixture
def challenges(row_table: RowTable) -> Challenges:
    return Challenges(row_table)


def test_a_challenge_is_found_by_its_state_and_by_no_other(challenges: Challenges) -> None:
    challenges.add(STATE, CHALLENGE)
    assert challenges.find(STATE) == CHALLENGE
    assert challenges.find(STATE[:-1] + "t") is None


def test_a_second_challenge_with_the_same_state_is_refused(challenges: Challenges) -> None:
    challenges.add(STATE, CHALLENGE)
    with pytest.raises(Exists):
        challenges.add(STATE, CHALLENGE)


def test_a_challenge_keeps_the_mark_of_its_first_use(challenges: Challenges) -> None:
    assert challenges.used(STATE) is None
    assert challenges.mark(STATE, FIRST) == FIRST
    assert challenges.mark(STATE, SECOND) == FIRST
    assert challenges.used(STATE) == FIRST


def test_day_old_challenges_are_removed_before_their_marks(challenges: Challenges) -> None:
    challenges.add(STATE, CHALLENGE)
    challenges.mark(STATE, FIRST)
    assert challenges.remove_old(MORNING + timedelta(hours=30)) == 0
    assert challenges.remove_old(MORNING + timedelta(days=2), limit=1) == 1
    assert (challenges.find(STATE), challenges.used(STATE)) == (None, FIRST)
    assert challenges.remove_old(MORNING + timedelta(days=2), limit=1) == 1
    assert challenges.used(STATE) is None


def test_a_statement_that_waits_to_be_confirmed_is_found_by_its_handle_and_removed_when_old(
    challenges: Challenges,
) -> None:
    pending = Pending(statement=RESUME, made_at=MORNING, via=Via.CLI)
    challenges.add_pending(STATE, pending)
    assert (challenges.pending(STATE), challenges.find(STATE), challenges.confirmed(STATE)) == (pending, None, None)
    assert challenges.mark_confirmed(STATE, FIRST) == FIRST
    assert challenges.mark_confirmed(STATE, SECOND) == FIRST
    assert challenges.confirmed(STATE) == FIRST
    assert challenges.remove_old(MORNING + timedelta(days=2)) == 2
    assert (challenges.pending(STATE), challenges.confirmed(STATE)) == (None, None)
