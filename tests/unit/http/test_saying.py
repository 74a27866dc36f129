"""From the button to the inbox: a challenge is answered once, in its own browser and in time; nothing is sent twice.

Challenges and inbox are the product's own, over tables in memory; the provider is played by an issuer that signs."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from slipway.domain.challenge import LIFE
from slipway.domain.identity import CannotVerify, IdentityRefused, IdToken, TokenPerson, Verdict, VerifiedToken
from slipway.domain.inbox import InboxKind, InboxRow, Received, Via
from slipway.domain.statement import Statement, VoteStatement
from slipway.effects.identity import IdTokens
from slipway.http.saying import NothingSent, ProviderRedirect, Saying, WhyNothingSent
from slipway.ledger.challenges import Challenges
from slipway.ledger.inbox import Inbox
from slipway.testing import ManualClock, MemoryTable
from slipway.testing.identity import TENANT, MemoryIssuer

CLIENT = "cccccccc-0000-4000-8000-000000000002"
FRESH = timedelta(minutes=5)
BROWSER = "b" * 32
ADA = TokenPerson(tenant=TENANT, oid="aaaaaaaa-0000-4000-8000-000000000001", name="Ada", roles=("reader",), groups=())
VOTE = VoteStatement.model_validate(
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
    }
)


@dataclass
class PlayedProvider:
    """Sends people to an address, and redeems each code once, for the request that it answers."""

    clock: ManualClock
    issuer: MemoryIssuer = field(default_factory=MemoryIssuer)
    away: bool = False
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Token and verifier by code."""

    def address(
        self,
        *,
        state: str,
        nonce: str,
        verifier: str,
        fresh: timedelta | None = None,
        prompt: str | None = None,
    ) -> str | CannotVerify:
        if self.away:
            return CannotVerify(why="it is away")
        self.codes[f"code of {state}"] = (nonce, verifier)
        age = "" if fresh is None else f"&max_age={fresh.total_seconds():.0f}"
        return f"https://issuer.example/authorize?state={state}{age}&prompt={prompt or ''}"

    def signs_in(
        self, at: str, *, who: TokenPerson = ADA, ago: timedelta = timedelta(0), **claims: Any
    ) -> tuple[str, str]:
        """The person signs in at an address: `state` and `code` of the way back. `ago` is how old the sign-in is."""
        state = parse_qs(urlsplit(at).query)["state"][0]
        nonce, verifier = self.codes[f"code of {state}"]
        authenticated = int((self.clock() - ago).timestamp())
        token_claims: dict[str, Any] = {"nonce": nonce, "auth_time": authenticated} | claims
        token = self.issuer.id_token(CLIENT, who, at=self.clock(), **token_claims)
        self.codes[f"code of {state}"] = (token, verifier)
        return state, f"code of {state}"

    def redeem(self, code: str, verifier: str) -> Verdict[str]:
        if self.away:
            return CannotVerify(why="it is away")
        token, expected = self.codes.pop(code, ("", ""))
        return VerifiedToken(value=token) if token and verifier == expected else IdentityRefused(why="invalid_grant")

    def verify(self, token: str, *, nonce: str, at: datetime) -> Verdict[IdToken]:
        return IdTokens(self.issuer, CLIENT).verify(token, nonce=nonce, at=at)


class Stage:
    """A front with its tables, and a person with a browser."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.challenges, self.inbox = MemoryTable(clock=self.clock), MemoryTable(clock=self.clock)
        self.provider = PlayedProvider(self.clock)
        self.hints: list[tuple[str, str]] = []
        self.saying = Saying(
            provider=self.provider,
            challenges=Challenges(self.challenges),
            sender=self,
            home=lambda statement: f"/approvals/{statement.salt}",
            clock=self.clock,
        )

    def say(self, partition: str, row: InboxRow, *, id: str = "") -> object:
        self.hints.append((partition, id))
        return Inbox(self.inbox).add(partition, id, row)

    def press(self, statement: Statement = VOTE, *, browser: str = BROWSER) -> str:
        lead = self.saying.begin(statement, browser=browser, person=ADA.oid, fresh=FRESH, via=Via.PAGE)
        assert isinstance(lead, ProviderRedirect)
        return lead.to

    def back(
        self, state: str, code: str = "", *, error: str = "", browser: str = BROWSER
    ) -> ProviderRedirect | NothingSent:
        return self.saying.handle_return(state=state, code=code, error=error, browser=browser)

    def rows(self) -> list[Received]:
        return [row for row in Inbox(self.inbox).unread(limit=100) if isinstance(row, Received)]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def why(outcome: ProviderRedirect | NothingSent) -> WhyNothingSent:
    assert isinstance(outcome, NothingSent), outcome
    return outcome.why


def test_a_statement_goes_into_the_inbox_with_its_proof_and_wakes_the_worker(stage: Stage) -> None:
    outcome = stage.back(*stage.provider.signs_in(stage.press()))
    (received,) = stage.rows()
    assert outcome == ProviderRedirect(to=f"/said/shop/{received.id}")
    assert stage.hints == [("shop", received.id)]
    assert (received.row.kind, received.row.statement, received.partition) == (InboxKind.VOTE, VOTE, "shop")
    assert (received.row.speaker.oid, received.row.speaker.roles) == (ADA.oid, ADA.roles)
    assert received.row.proof is not None
    verdict = stage.provider.verify(received.row.proof.id_token, nonce=VOTE.nonce, at=received.received_at)
    assert isinstance(verdict, VerifiedToken)


def test_the_provider_is_asked_for_the_freshness_that_the_gate_demands(stage: Stage) -> None:
    query = parse_qs(urlsplit(stage.press()).query)
    assert query["max_age"] == ["300"]
    assert "prompt" not in query


@pytest.mark.parametrize("times", [1, 2, 5])
def test_back_reload_and_a_restored_tab_lead_to_the_same_page_and_send_nothing_more(stage: Stage, times: int) -> None:
    callback = stage.provider.signs_in(stage.press())
    first = stage.back(*callback)
    stage.clock.wait(LIFE)
    assert [stage.back(*callback) for _ in range(times)] == [first] * times
    assert stage.back(callback[0], error="access_denied") == first
    assert len(stage.rows()) == 1


def test_a_challenge_cannot_be_answered_from_another_browser(stage: Stage) -> None:
    callback = stage.provider.signs_in(stage.press())
    assert why(stage.back(*callback, browser="m" * 32)) is WhyNothingSent.ELSEWHERE
    assert why(stage.back(*callback, browser="")) is WhyNothingSent.ELSEWHERE
    assert stage.rows() == []
    stage.back(*callback)
    assert why(stage.back(*callback, browser="m" * 32)) is WhyNothingSent.ELSEWHERE
    assert len(stage.rows()) == 1


def test_a_statement_is_not_sent_with_the_sign_in_of_another_person(stage: Stage) -> None:
    """An approver sends another one to the provider, and gets hold of the address that they are sent back to."""
    ben = replace(ADA, oid="aaaaaaaa-0000-4000-8000-000000000002", name="Ben")
    callback = stage.provider.signs_in(stage.press(), who=ben)
    assert why(stage.back(*callback)) is WhyNothingSent.SOMEBODY_ELSE
    assert stage.rows() == []
    older = stage.provider.signs_in(stage.press(), who=ben, ago=timedelta(hours=1))
    assert why(stage.back(*older)) is WhyNothingSent.SOMEBODY_ELSE
    not_verified_here = stage.provider.signs_in(stage.press(), who=ben)
    stage.provider.issuer.kid = "k2"
    assert why(stage.back(*not_verified_here)) is WhyNothingSent.SOMEBODY_ELSE
    assert stage.rows() == []


def test_two_tabs_of_one_browser_each_send_their_own_statement(stage: Stage) -> None:
    tabs = [stage.press(VOTE.evolve(salt=salt * 22)) for salt in "XY"]
    callback = [stage.provider.signs_in(tab) for tab in tabs]
    assert stage.back(*callback[1]) != stage.back(*callback[0])
    assert {row.row.statement.salt for row in stage.rows() if row.row.statement} == {"X" * 22, "Y" * 22}


def test_the_code_of_one_tab_does_not_answer_the_challenge_of_another(stage: Stage) -> None:
    first, second = (stage.provider.signs_in(stage.press(VOTE.evolve(salt=salt * 22))) for salt in "XY")
    assert why(stage.back(first[0], second[1])) is WhyNothingSent.REFUSED
    assert stage.rows() == []


def test_a_cancelled_sign_in_sends_nothing_and_uses_nothing_up(stage: Stage) -> None:
    at = stage.press()
    state = parse_qs(urlsplit(at).query)["state"][0]
    cancelled = stage.back(state, error="access_denied")
    assert cancelled == NothingSent(why=WhyNothingSent.CANCELLED, back=f"/approvals/{VOTE.salt}")
    assert isinstance(stage.back(*stage.provider.signs_in(at)), ProviderRedirect)


def test_any_other_error_is_reported_without_the_providers_text(stage: Stage) -> None:
    state = parse_qs(urlsplit(stage.press()).query)["state"][0]
    outcome = stage.back(state, error="<script>alert(1)</script>")
    assert why(outcome) is WhyNothingSent.FAILED
    assert "script" not in WhyNothingSent.FAILED.sentence


def test_a_challenge_that_is_answered_after_a_quarter_of_an_hour_is_too_late(stage: Stage) -> None:
    callback = stage.provider.signs_in(stage.press())
    stage.clock.wait(LIFE)
    assert why(stage.back(*callback)) is WhyNothingSent.TOO_LATE
    assert stage.rows() == []


@pytest.mark.parametrize("state", ["", "x", "20261123-" + "a" * 43, "20261123-" + "a" * 44, "../../etc", "\ud83d" * 52])
def test_a_state_that_was_never_given_is_unknown(stage: Stage, state: str) -> None:
    stage.press()
    assert why(stage.back(state, "code")) is WhyNothingSent.UNKNOWN


@pytest.mark.parametrize("code", ["", "c" * 5000])
def test_a_return_without_a_valid_code_does_not_use_the_challenge_up(stage: Stage, code: str) -> None:
    callback = stage.provider.signs_in(stage.press())
    assert why(stage.back(callback[0], code)) is WhyNothingSent.INCOMPLETE
    assert isinstance(stage.back(*callback), ProviderRedirect)


def test_where_the_provider_is_away_nothing_is_sent_and_the_page_to_follow_says_so(stage: Stage) -> None:
    callback = stage.provider.signs_in(stage.press())
    stage.provider.away = True
    assert why(stage.back(*callback)) is WhyNothingSent.AWAY
    again = stage.back(*callback)
    assert isinstance(again, ProviderRedirect)
    assert re.fullmatch(r"/said/shop/[0-9]{13}-[0-9a-f]{16}", again.to)
    assert stage.rows() == []


def test_nobody_is_led_to_a_provider_that_is_away(stage: Stage) -> None:
    stage.provider.away = True
    outcome = stage.saying.begin(VOTE, browser=BROWSER, person=ADA.oid, fresh=FRESH)
    assert outcome == NothingSent(why=WhyNothingSent.AWAY, back=f"/approvals/{VOTE.salt}")


def test_an_older_sign_in_leads_to_a_fresh_one_for_the_same_statement(stage: Stage) -> None:
    callback = stage.provider.signs_in(stage.press(), ago=timedelta(hours=1))
    second = stage.back(*callback)
    assert isinstance(second, ProviderRedirect)
    assert parse_qs(urlsplit(second.to).query)["prompt"] == ["login"]
    assert stage.rows() == []
    stage.back(*stage.provider.signs_in(second.to))
    (received,) = stage.rows()
    assert received.row.statement == VOTE


def test_a_second_sign_in_that_is_old_too_goes_to_the_worker_who_refuses(stage: Stage) -> None:
    second = stage.back(*stage.provider.signs_in(stage.press(), ago=timedelta(hours=1)))
    assert isinstance(second, ProviderRedirect)
    assert isinstance(stage.back(*stage.provider.signs_in(second.to, auth_time=None)), ProviderRedirect)
    assert len(stage.rows()) == 1


@pytest.mark.parametrize("claims", [{"nonce": "another"}, {"aud": "cccccccc-0000-4000-8000-000000000001"}])
def test_a_token_for_another_statement_or_audience_is_not_sent_on(stage: Stage, claims: dict[str, Any]) -> None:
    assert why(stage.back(*stage.provider.signs_in(stage.press(), **claims))) is WhyNothingSent.REFUSED
    assert stage.rows() == []


def test_a_token_that_the_front_cannot_verify_is_left_to_the_worker(stage: Stage) -> None:
    callback = stage.provider.signs_in(stage.press())
    stage.provider.issuer.kid = "k2"
    assert isinstance(stage.back(*callback), ProviderRedirect)
    (received,) = stage.rows()
    assert (received.row.speaker.oid, received.row.proof is None) == (None, False)


def test_old_rows_go_after_a_day_and_young_ones_stay(stage: Stage) -> None:
    stage.back(*stage.provider.signs_in(stage.press()))
    challenges = Challenges(stage.challenges)
    stage.clock.wait(timedelta(hours=24))
    assert challenges.remove_old(stage.clock()) == 0
    stage.clock.wait(timedelta(hours=24))
    young = stage.provider.signs_in(stage.press())
    assert challenges.remove_old(stage.clock()) == 2
    assert isinstance(stage.back(*young), ProviderRedirect)
