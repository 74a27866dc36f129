"""The product's own reader of tokens, and the redemption of codes, against the double of Entra over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.identity import ManagedIdentityCredential

from local.identity import COMMAND, SIGN_IN, VOTES, Browser, Flow, Identity
from slipway.domain.identity import (
    CannotVerify,
    IdentityRefused,
    KeySet,
    TokenApplication,
    TokenPerson,
    Verdict,
    VerifiedToken,
)
from slipway.effects.identity import (
    AccessTokens,
    Ask,
    Client,
    Code,
    IdTokens,
    Issuer,
    Verifier,
    authorization_url,
    managed_assertion,
    new_identity_pool,
    redeem,
)

from .support import BACK, PIPELINE, directory

POOL = new_identity_pool()
NONCE = "n" * 43


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def issuer(identity: Identity) -> Issuer:
    return Issuer(identity.issuer, tenant=identity.settings.tenant, pool=POOL)


@pytest.fixture
def votes(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> Client:
    for name, value in identity.environment("front").items():
        monkeypatch.setenv(name, value)
    credential = ManagedIdentityCredential(client_id=identity.settings.identity("front").client_id)
    return Client(client_id=identity.settings.registration(VOTES).client_id, assertion=managed_assertion(credential))


def code_for(flow: Flow, issuer: Issuer, who: str, **more: object) -> Code:
    """Sign in as this person, from the product's own authorization URL to the code."""
    endpoints = issuer.endpoints()
    assert not isinstance(endpoints, CannotVerify)
    verifier = Verifier()
    ask = Ask(
        client_id=flow.registration(VOTES).client_id,
        redirect_uri=BACK,
        scope=flow.scope(VOTES),
        nonce=NONCE,
        state="s",
        verifier=verifier,
        max_age=300,
    )
    redirect = Browser().go(authorization_url(endpoints, ask), back_to=BACK, who=flow.identity.settings.person(who).oid)
    return Code(value=redirect.parameters["code"], redirect_uri=BACK, verifier=verifier)


def token_of(verdict: Verdict[str]) -> str:
    assert isinstance(verdict, VerifiedToken), verdict
    return verdict.value


def test_a_sign_in_by_the_products_own_request_ends_in_a_verified_token(
    flow: Flow, issuer: Issuer, votes: Client
) -> None:
    before = now()
    token = token_of(redeem(issuer, POOL, votes, code_for(flow, issuer, "Voter")))
    verdict = IdTokens(issuer, votes.client_id).verify(token, nonce=NONCE, at=now())
    assert isinstance(verdict, VerifiedToken)
    verified, voter = verdict.value, flow.identity.settings.person("Voter")
    assert (verified.person.oid, verified.person.name, verified.person.roles) == (
        voter.oid,
        "Voter",
        ("shop-approvers",),
    )
    assert verified.person.groups == voter.groups
    assert verified.person.guest is False
    assert verified.issued_at < before
    assert verified.authenticated_at is not None


def test_the_groups_of_a_person_in_too_many_groups_are_unknown(flow: Flow, issuer: Issuer, votes: Client) -> None:
    token = token_of(redeem(issuer, POOL, votes, code_for(flow, issuer, "Everywhere")))
    verdict = IdTokens(issuer, votes.client_id).verify(token, nonce=NONCE, at=now())
    assert isinstance(verdict, VerifiedToken)
    assert verdict.value.person.groups is None


def test_a_code_is_redeemed_once(flow: Flow, issuer: Issuer, votes: Client) -> None:
    code = code_for(flow, issuer, "Ada")
    assert isinstance(redeem(issuer, POOL, votes, code), VerifiedToken)
    assert isinstance(redeem(issuer, POOL, votes, code), IdentityRefused)


def test_a_code_of_another_verifier_is_refused(flow: Flow, issuer: Issuer, votes: Client) -> None:
    code = code_for(flow, issuer, "Ada")
    stolen = Code(value=code.value, redirect_uri=BACK, verifier=Verifier())
    assert isinstance(redeem(issuer, POOL, votes, stolen), IdentityRefused)


def test_a_client_that_cannot_prove_itself_gets_nothing(flow: Flow, issuer: Issuer, votes: Client) -> None:
    forged = Client(client_id=votes.client_id, assertion=lambda: f"{votes.assertion()[:-20]}{'A' * 20}")
    verdict = redeem(issuer, POOL, forged, code_for(flow, issuer, "Ada"))
    assert isinstance(verdict, CannotVerify)
    assert "invalid_client" in verdict.why


def test_a_token_of_the_sign_in_registration_does_not_verify_as_a_vote(
    flow: Flow, issuer: Issuer, votes: Client
) -> None:
    token = flow.sign_in(SIGN_IN, "Ada", nonce=NONCE).id_token
    assert isinstance(IdTokens(issuer, votes.client_id).verify(token, nonce=NONCE, at=now()), IdentityRefused)


@pytest.fixture
def calls(flow: Flow, issuer: Issuer) -> AccessTokens:
    votes = flow.registration(VOTES).client_id
    api = flow.registration(SIGN_IN).client_id
    return AccessTokens(source=issuer, client_id=api, scope="user_impersonation", never=frozenset({votes}))


def test_the_api_is_opened_by_a_person_and_by_an_application(flow: Flow, calls: AccessTokens) -> None:
    person = calls.verify(flow.sign_in(COMMAND, "Ada").access_token, at=now())
    assert isinstance(person, VerifiedToken)
    assert isinstance(person.value, TokenPerson)
    flow.managed = PIPELINE
    application = calls.verify(str(flow.managed_token(f"api://{calls.client_id}").content["access_token"]), at=now())
    assert isinstance(application, VerifiedToken)
    assert isinstance(application.value, TokenApplication)
    assert application.value.roles == ("operator",)


def test_the_api_is_not_opened_by_an_id_token_a_vote_or_an_application_without_a_role(
    flow: Flow, calls: AccessTokens
) -> None:
    votes = flow.sign_in(VOTES, "Ada")
    roleless = str(flow.managed_token(f"api://{calls.client_id}").content["access_token"])
    for token in (flow.sign_in(SIGN_IN, "Ada").id_token, votes.id_token, votes.access_token, roleless):
        assert isinstance(calls.verify(token, at=now()), IdentityRefused)


@pytest.fixture
def mortal(identity: Identity, tmp_path: Path) -> Iterator[Identity]:
    """A second provider, which tests may stop and whose keys they may change; `identity` skips where none is
    installed."""
    with Identity.start(directory(), tmp_path / "mortal") as running:
        running.set_redirect_uris({VOTES: [BACK]})
        yield running


def test_new_keys_are_found_and_old_tokens_hold_until_their_keys_are_forgotten(mortal: Identity) -> None:
    ticks = [0.0]
    issuer = Issuer(mortal.issuer, tenant=mortal.settings.tenant, pool=POOL, monotonic=lambda: ticks[0])
    flow = Flow(mortal, back=BACK)
    reader = IdTokens(issuer, flow.registration(VOTES).client_id)
    old = flow.sign_in(VOTES, "Ada", nonce=NONCE).id_token
    assert isinstance(reader.verify(old, nonce=NONCE, at=now()), VerifiedToken)
    before = issuer.key_set()
    assert isinstance(before, KeySet)
    mortal.rotate_keys()
    new = flow.sign_in(VOTES, "Ada", nonce=NONCE).id_token
    assert isinstance(reader.verify(new, nonce=NONCE, at=now()), VerifiedToken)
    after = issuer.key_set()
    assert isinstance(after, KeySet)
    assert after.hash != before.hash
    assert isinstance(reader.verify(old, nonce=NONCE, at=now()), VerifiedToken)
    mortal.rotate_keys(forget=True)
    newest = flow.sign_in(VOTES, "Ada", nonce=NONCE).id_token
    assert isinstance(reader.verify(newest, nonce=NONCE, at=now()), CannotVerify)  # asked less than five minutes ago
    ticks[0] += 300
    assert isinstance(reader.verify(newest, nonce=NONCE, at=now()), VerifiedToken)
    assert isinstance(reader.verify(old, nonce=NONCE, at=now()), CannotVerify)


def test_with_the_provider_gone_known_keys_verify_and_nothing_else_does(mortal: Identity) -> None:
    issuer = Issuer(mortal.issuer, tenant=mortal.settings.tenant, pool=POOL)
    flow = Flow(mortal, back=BACK)
    reader = IdTokens(issuer, flow.registration(VOTES).client_id)
    token = flow.sign_in(VOTES, "Ada", nonce=NONCE).id_token
    assert isinstance(reader.verify(token, nonce=NONCE, at=now()), VerifiedToken)
    mortal.part.stop()
    assert isinstance(reader.verify(token, nonce=NONCE, at=now()), VerifiedToken)
    started_since = IdTokens(
        Issuer(mortal.issuer, tenant=mortal.settings.tenant, pool=POOL), flow.registration(VOTES).client_id
    )
    assert isinstance(started_since.verify(token, nonce=NONCE, at=now()), CannotVerify)


def test_a_provider_that_was_away_is_back_with_the_keys_and_sessions_that_it_had(mortal: Identity) -> None:
    flow = Flow(mortal, back=BACK)
    token = flow.sign_in(VOTES, "Ada", nonce=NONCE).id_token
    mortal.make_unreachable()
    mortal.make_unreachable()  # a second time changes nothing
    started_since = IdTokens(
        Issuer(mortal.issuer, tenant=mortal.settings.tenant, pool=POOL), flow.registration(VOTES).client_id
    )
    assert isinstance(started_since.verify(token, nonce=NONCE, at=now()), CannotVerify)
    assert mortal.token("worker", f"api://{flow.registration(VOTES).client_id}")
    mortal.make_reachable()
    reader = IdTokens(
        Issuer(mortal.issuer, tenant=mortal.settings.tenant, pool=POOL), flow.registration(VOTES).client_id
    )
    assert isinstance(reader.verify(token, nonce=NONCE, at=now()), VerifiedToken)
    assert flow.sign_in(VOTES, None, nonce=NONCE).pages == 0


def test_a_provider_that_lets_an_old_sign_in_pass_says_when_it_was(mortal: Identity) -> None:
    flow = Flow(mortal, back=BACK)
    reader = IdTokens(
        Issuer(mortal.issuer, tenant=mortal.settings.tenant, pool=POOL), flow.registration(VOTES).client_id
    )
    mortal.back_date_sign_ins(3600)
    old = flow.sign_in(VOTES, "Ada", nonce=NONCE, max_age=300).id_token
    verdict = reader.verify(old, nonce=NONCE, at=now())
    assert isinstance(verdict, VerifiedToken)
    assert verdict.value.authenticated_at is not None
    assert verdict.value.authenticated_at < now() - timedelta(minutes=59)
    with pytest.raises(ValueError, match="whole number"):
        mortal.back_date_sign_ins(-1)
