"""A code is redeemed for an ID token, is refused, or has to wait; the client proves itself by its managed identity."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from slipway.domain.identity import TOKEN_LIMIT, CannotVerify, IdentityRefused, VerifiedToken
from slipway.effects.identity import (
    Ask,
    AssertionAway,
    Client,
    Code,
    Issuer,
    IssuerEndpoints,
    Verifier,
    authorization_url,
    managed_assertion,
    redeem,
)
from slipway.testing.identity import TENANT

from .web_server import AUTHORIZE, DISCOVERY, ISSUER, TOKEN, ScriptedPool

CODE = Code(value="c0de", redirect_uri="https://slipway.example/vote/back", verifier=Verifier(value="v" * 43))
CLIENT = Client(client_id="votes", assertion=lambda: "a55ertion")


def outcome(status: int, body: object, client: Client = CLIENT) -> object:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return redeem_code(ScriptedPool(), (status, content), client)


def redeem_code(pool: ScriptedPool, response: tuple[int, bytes] | Exception, client: Client = CLIENT) -> object:
    pool.answers[TOKEN] = response
    return redeem(Issuer(ISSUER, tenant=TENANT, pool=pool), pool, client, CODE)


def test_the_code_goes_out_with_the_verifier_and_the_clients_proof() -> None:
    pool = ScriptedPool()
    assert redeem_code(pool, (200, b'{"id_token": "i", "access_token": "thrown away"}')) == VerifiedToken(value="i")
    assert pool.requests[-1] == ("POST", TOKEN)
    assert {name: values for name, (values,) in parse_qs(pool.bodies[-1].decode()).items()} == {
        "grant_type": "authorization_code",
        "client_id": "votes",
        "code": "c0de",
        "redirect_uri": "https://slipway.example/vote/back",
        "code_verifier": "v" * 43,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "a55ertion",
    }


def test_a_code_that_was_used_is_refused_in_the_providers_words() -> None:
    error = {"error": "invalid_grant", "error_description": "AADSTS54005: code already redeemed. Trace ID: secret"}
    result = outcome(400, error)
    assert result == IdentityRefused(why="the identity provider rejects the code: invalid_grant (AADSTS54005)")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": "invalid_client", "error_description": "AADSTS700213: secret"}),
        (400, {"error": "temporarily_unavailable"}),
        (400, {"error": "<script>secret"}),
        (429, {"error": "invalid_grant"}),
        (503, b"<html>"),
        (302, b""),
        (200, {}),
        (200, {"id_token": 7}),
        (200, {"id_token": "i" * (TOKEN_LIMIT + 1)}),
        (200, b"[]"),
        (200, b" " * 300_000),
    ],
)
def test_any_other_failure_refuses_nobody_and_shows_no_secret(status: int, body: object) -> None:
    result = outcome(status, body)
    assert isinstance(result, CannotVerify)
    assert "secret" not in result.why


def test_a_provider_that_is_away_refuses_nobody() -> None:
    assert isinstance(redeem_code(ScriptedPool(), urllib3.exceptions.ProtocolError("gone")), CannotVerify)
    pool = ScriptedPool()
    pool.answers[DISCOVERY] = (503, b"")
    assert isinstance(redeem_code(pool, (200, b"{}")), CannotVerify)
    assert TOKEN not in [url for _, url in pool.requests]


@pytest.mark.parametrize("code", ["", "c" * 5000])
def test_an_empty_or_overlong_code_is_refused_and_not_sent(code: str) -> None:
    pool = ScriptedPool()
    code_to_redeem = Code(value=code, redirect_uri=CODE.redirect_uri, verifier=CODE.verifier)
    assert isinstance(redeem(Issuer(ISSUER, tenant=TENANT, pool=pool), pool, CLIENT, code_to_redeem), IdentityRefused)
    assert pool.requests == []


class Credential:
    def __init__(self, token_or_error: str | Exception) -> None:
        self.token_or_error, self.scopes = token_or_error, list[str]()

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.scopes.extend(scopes)
        if isinstance(self.token_or_error, Exception):
            raise self.token_or_error
        return AccessToken(self.token_or_error, 0)


def test_the_clients_proof_is_a_token_of_the_managed_identity() -> None:
    credential = Credential("t0ken")
    assert managed_assertion(credential)() == "t0ken"
    assert credential.scopes == ["api://AzureADTokenExchange/.default"]


def test_without_the_managed_identitys_token_the_code_waits() -> None:
    assertion = managed_assertion(Credential(ClientAuthenticationError("with a secret")))
    with pytest.raises(AssertionAway) as error:
        assertion()
    assert "secret" not in str(error.value)
    assert isinstance(outcome(200, {"id_token": "i"}, Client(client_id="votes", assertion=assertion)), CannotVerify)


def test_a_person_is_sent_to_the_provider_with_all_that_binds_the_answer() -> None:
    verifier = Verifier(value="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")  # RFC 7636, appendix B
    ask = Ask(
        client_id="votes",
        redirect_uri="https://slipway.example/vote/back",
        scope="openid profile api://votes/vote",
        nonce="n",
        state="s",
        verifier=verifier,
        max_age=300,
    )
    address = urlsplit(authorization_url(IssuerEndpoints(authorization=AUTHORIZE, token=TOKEN), ask))
    assert f"https://{address.netloc}{address.path}" == AUTHORIZE
    assert {name: values for name, (values,) in parse_qs(address.query).items()} == {
        "client_id": "votes",
        "response_type": "code",
        "response_mode": "query",
        "redirect_uri": "https://slipway.example/vote/back",
        "scope": "openid profile api://votes/vote",
        "nonce": "n",
        "state": "s",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "max_age": "300",
    }


def test_a_verifier_is_made_again_each_time_and_shown_nowhere() -> None:
    first, second = Verifier(), Verifier()
    assert first.value != second.value
    assert len(first.value) >= 43
    assert first.value not in repr(Code(value="c", redirect_uri="r", verifier=first))
