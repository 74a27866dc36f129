"""A token counts if the issuer signed it for us and it is valid now. Any other is refused, or waits if it cannot be
verified at present."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.identity import (
    TOKEN_LIMIT,
    CannotVerify,
    IdentityRefused,
    IdToken,
    TokenApplication,
    TokenPerson,
    Verdict,
    VerifiedToken,
)
from slipway.effects.identity import AccessTokens, IdTokens
from slipway.effects.identity.tokens import AHEAD
from slipway.testing.clock import MORNING
from slipway.testing.identity import LIFE, TENANT, MemoryIssuer, signing_key

CLIENT = "cccccccc-0000-4000-8000-000000000002"
API = "cccccccc-0000-4000-8000-000000000001"
COMMAND = "cccccccc-0000-4000-8000-000000000003"
OTHER_TENANT = "22222222-2222-4222-8222-222222222222"
NONCE = "n" * 43
ADA = TokenPerson(
    tenant=TENANT,
    oid="aaaaaaaa-0000-4000-8000-000000000001",
    name="Ada",
    roles=("reader", "shop-approvers"),
    groups=("eeeeeeee-0000-4000-8000-000000000001",),
    guest=False,
)
ISSUER = MemoryIssuer()
VOTES = IdTokens(ISSUER, CLIENT)
CALLS = AccessTokens(source=ISSUER, client_id=API, scope="user_impersonation", never=frozenset({CLIENT}))


def id_token(**more: Any) -> str:
    return ISSUER.id_token(CLIENT, ADA, at=MORNING, **({"nonce": NONCE} | more))


def verify(token: str, *, at: datetime = MORNING) -> Verdict[IdToken]:
    return VOTES.verify(token, nonce=NONCE, at=at)


def access(**more: Any) -> str:
    claims = ISSUER.claims(API, at=MORNING) | {"azp": COMMAND, "oid": ADA.oid, "name": "Ada", "roles": list(ADA.roles)}
    return ISSUER.sign(claims | {"scp": "user_impersonation"} | more)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_an_id_token_says_who_signed_in_and_when() -> None:
    verdict = verify(id_token())
    assert isinstance(verdict, VerifiedToken)
    token = verdict.value
    assert (token.person, token.nonce, token.audience, token.kid) == (ADA, NONCE, CLIENT, "k1")
    assert token.issued_at == MORNING - timedelta(minutes=5)
    assert token.expires_at == MORNING + LIFE
    assert token.authenticated_at == MORNING
    assert token.key_set.hash.startswith("sha256:")


def test_claims_that_the_token_lacks_are_not_known() -> None:
    verdict = verify(id_token(auth_time=None, acct=None, groups=None, _claim_names={"groups": "src1"}))
    assert isinstance(verdict, VerifiedToken)
    assert verdict.value.authenticated_at is None
    assert verdict.value.person.guest is None
    assert verdict.value.person.groups is None


def test_groups_that_the_token_only_announces_are_not_known() -> None:
    verdict = verify(id_token(groups=None, hasgroups=True))
    assert isinstance(verdict, VerifiedToken)
    assert verdict.value.person.groups is None


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"iss": f"https://issuer.example/{OTHER_TENANT}/v2.0"}, "another issuer"),
        ({"iss": f"{ISSUER.url}/"}, "another issuer"),
        ({"iss": None}, "missing"),
        ({"aud": API}, "somebody else"),
        ({"aud": [CLIENT]}, "somebody else"),
        ({"aud": [CLIENT, API]}, "somebody else"),
        ({"aud": None}, "missing"),
        ({"tid": OTHER_TENANT}, "another tenant"),
        ({"tid": None}, "no tid"),
        ({"ver": "1.0"}, "version 2.0"),
        ({"ver": 2.0}, "version 2.0"),
        ({"nonce": "x"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": ""}, "nonce"),
        ({"nonce": [NONCE]}, "nonce"),
        ({"oid": None}, "oid"),
        ({"oid": "ada"}, "oid"),
        ({"oid": ADA.oid + "\n"}, "oid"),
        ({"exp": None}, "missing"),
        ({"iat": None}, "missing"),
        ({"nbf": None}, "missing"),
        ({"exp": int(MORNING.timestamp())}, "expired"),
        ({"exp": "2030"}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": 1e300}, "exp"),
        ({"exp": 10**30}, "exp"),
        ({"exp": -1}, "exp"),
        ({"nbf": int((MORNING + AHEAD).timestamp()) + 1}, "from the future"),
        ({"iat": int((MORNING + AHEAD).timestamp()) + 1}, "from the future"),
        ({"auth_time": "now"}, "auth_time"),
        ({"roles": "platform"}, "roles"),
        ({"roles": [["platform"]]}, "roles"),
        ({"roles": ["r"] * 1001}, "roles"),
        ({"groups": {"a": 1}}, "groups"),
        ({"scp": "vote"}, "access token"),
        ({"idtyp": "app"}, "access token"),
        ({"name": "\ud83d"}, "JSON"),
    ],
)
def test_an_id_token_with_one_wrong_claim_is_refused(changed: dict[str, Any], expected: str) -> None:
    verdict = verify(id_token(**changed))
    assert isinstance(verdict, IdentityRefused)
    assert expected in verdict.why


def test_a_token_counts_up_to_the_second_before_it_expires() -> None:
    assert isinstance(verify(id_token(), at=MORNING + LIFE - timedelta(seconds=1)), VerifiedToken)
    assert isinstance(verify(id_token(), at=MORNING + LIFE), IdentityRefused)


def test_an_issuer_whose_clock_is_a_minute_ahead_is_believed() -> None:
    timestamp = int((MORNING + AHEAD).timestamp())
    assert isinstance(verify(id_token(iat=timestamp, nbf=timestamp)), VerifiedToken)


def test_an_empty_nonce_is_refused() -> None:
    assert isinstance(VOTES.verify(id_token(nonce=""), nonce="", at=MORNING), IdentityRefused)


def unsigned(claims: dict[str, Any]) -> str:
    return f"{part({'alg': 'none', 'kid': 'k1'})}.{part(claims)}."


def symmetric(claims: dict[str, Any]) -> str:
    """A token signed by HMAC with a value that everybody knows: the public key."""
    public = signing_key("k1").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{part({'alg': 'HS256', 'kid': 'k1'})}.{part(claims)}"
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed.encode(), public)
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def by_another_key(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, signing_key("forged"), algorithm="RS256", headers={"kid": "k1"})


def by_another_algorithm(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, signing_key("k1"), algorithm="RS512", headers={"kid": "k1"})


def with_its_own_key(claims: dict[str, Any]) -> str:
    """A token whose header brings a key and addresses of keys."""
    forged_key = jwt.algorithms.RSAAlgorithm.to_jwk(signing_key("forged").public_key(), as_dict=True)
    header = {"kid": "k1", "jwk": forged_key, "jku": "https://evil.example/keys", "x5u": "https://evil.example/cert"}
    return jwt.encode(claims, signing_key("forged"), algorithm="RS256", headers=header)


def without_a_key(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, signing_key("k1"), algorithm="RS256")


def with_an_extension(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, signing_key("k1"), algorithm="RS256", headers={"kid": "k1", "crit": ["b64"], "b64": True})


@pytest.mark.parametrize(
    "forge",
    [unsigned, symmetric, by_another_key, by_another_algorithm, with_its_own_key, without_a_key, with_an_extension],
)
def test_a_forged_token_is_refused(forge: Callable[[dict[str, Any]], str]) -> None:
    claims = jwt.decode(id_token(), options={"verify_signature": False})
    assert isinstance(verify(forge(claims)), IdentityRefused)


@pytest.mark.parametrize("kid", ["../../etc/passwd", "k1\x00", "k1' OR 1=1", "https://evil.example/k1", "k2"])
def test_an_unknown_key_id_leaves_the_token_unverified_whatever_it_holds(kid: str) -> None:
    token = jwt.encode({"a": 1}, signing_key("k1"), algorithm="RS256", headers={"kid": kid})
    assert isinstance(verify(token), CannotVerify)


@pytest.mark.parametrize("kid", ["", "k" * 300, 7, None, ["k1"]])
def test_a_malformed_key_id_is_refused(kid: object) -> None:
    token = f"{part({'alg': 'RS256', 'kid': kid})}.{part({})}.AAAA"
    assert isinstance(verify(token), IdentityRefused)


def test_a_token_with_a_duplicate_member_is_refused_although_it_is_signed() -> None:
    claims = json.dumps(jwt.decode(id_token(), options={"verify_signature": False}))
    content = claims.replace('"roles":', '"roles": ["platform"], "roles":', 1).encode()
    token = jwt.api_jws.encode(content, signing_key("k1"), algorithm="RS256", headers={"kid": "k1"})
    assert isinstance(verify(token), IdentityRefused)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c.d",
        "....",
        "a" * (TOKEN_LIMIT + 1),
        f"{part({'alg': 'RS256', 'kid': 'k1'})}.{'A' * 20_000}.AAAA",
        f"{part({'alg': 'RS256', 'kid': 'k1'})}.{base64.urlsafe_b64encode(b'[' * 15_000).decode()}.AAAA",
        f"{part([])}.{part({})}.AAAA",
    ],
    ids=range(8),
)
def test_a_malformed_token_is_refused(token: str) -> None:
    assert isinstance(verify(token), IdentityRefused)


@pytest.mark.parametrize("around", ["{}\n", " {}", "{}=", "{}.", "Bearer {}", "{} "])
def test_a_token_with_anything_around_it_is_refused(around: str) -> None:
    assert isinstance(verify(around.format(id_token())), IdentityRefused)


ONE_TOKEN = id_token()


@given(st.integers(0, len(ONE_TOKEN) - 1), st.sampled_from("ABCwxyz0189-_"))
def test_no_character_of_a_token_can_be_changed(position: int, character: str) -> None:
    changed = ONE_TOKEN[:position] + character + ONE_TOKEN[position + 1 :]
    assert isinstance(verify(changed), VerifiedToken) == (changed == ONE_TOKEN)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_arbitrary_text_is_never_taken_for_a_token(text: str) -> None:
    for token in (text, f"{text}.{text}.{text}", f"{part({'alg': 'RS256', 'kid': text})}.{part({'iss': text})}.AAAA"):
        assert not isinstance(verify(token), VerifiedToken)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.sampled_from(["iss", "aud", "tid", "ver", "nonce", "oid", "exp", "iat", "nbf", "roles", "groups"]), json_values
)
def test_a_claim_of_any_shape_gets_a_verdict(name: str, value: object) -> None:
    verdict = verify(id_token(**{name: value}))
    if name not in ("roles", "groups", "exp", "iat", "nbf"):
        assert not isinstance(verdict, VerifiedToken)


def test_a_key_that_is_not_published_is_waited_for() -> None:
    issuer = MemoryIssuer()
    token = issuer.id_token(CLIENT, ADA, nonce=NONCE, at=MORNING)
    issuer.kid = "k2"
    assert isinstance(IdTokens(issuer, CLIENT).verify(token, nonce=NONCE, at=MORNING), CannotVerify)
    issuer.kid = "k1"
    assert isinstance(IdTokens(issuer, CLIENT).verify(token, nonce=NONCE, at=MORNING), VerifiedToken)


def test_an_issuer_that_is_away_is_waited_for() -> None:
    issuer = MemoryIssuer()
    token = issuer.id_token(CLIENT, ADA, nonce=NONCE, at=MORNING)
    issuer.away = True
    assert isinstance(IdTokens(issuer, CLIENT).verify(token, nonce=NONCE, at=MORNING), CannotVerify)


def test_a_persons_access_token_opens_the_api() -> None:
    verdict = CALLS.verify(access(), at=MORNING)
    assert isinstance(verdict, VerifiedToken)
    assert isinstance(verdict.value, TokenPerson)
    assert (verdict.value.oid, verdict.value.roles) == (ADA.oid, ADA.roles)


def test_an_applications_access_token_opens_the_api_by_its_role() -> None:
    verdict = CALLS.verify(access(scp=None, idtyp="app", roles=["operator"]), at=MORNING)
    assert isinstance(verdict, VerifiedToken)
    expected = TokenApplication(tenant=TENANT, oid=ADA.oid, client_id=COMMAND, roles=("operator",))
    assert verdict.value == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"scp": None},
        {"scp": None, "idtyp": "user"},
        {"scp": "vote"},
        {"scp": "user_impersonation_not"},
        {"scp": ""},
        {"scp": ["user_impersonation"]},
        {"idtyp": "app"},
        {"idtyp": "device"},
        {"scp": None, "idtyp": "app", "roles": []},
        {"scp": None, "idtyp": "app", "roles": None},
        {"azp": CLIENT},
        {"azp": CLIENT.upper()},
        {"azp": None},
        {"aud": CLIENT},
        {"aud": f"api://{API}"},
        {"tid": OTHER_TENANT},
        {"ver": "1.0"},
    ],
    ids=str,
)
def test_an_access_token_of_neither_person_nor_application_is_refused(changed: dict[str, Any]) -> None:
    assert isinstance(CALLS.verify(access(**changed), at=MORNING), IdentityRefused)


def test_an_id_token_of_the_same_audience_does_not_open_the_api() -> None:
    token = ISSUER.id_token(API, ADA, nonce=NONCE, at=MORNING, azp=COMMAND)
    assert isinstance(CALLS.verify(token, at=MORNING), IdentityRefused)


def test_no_refusal_repeats_what_the_token_holds() -> None:
    for token in (
        access(aud="secret-audience"),
        access(scp="secret-scope"),
        access(tid="secret-tenant"),
        access(ver="secret"),
    ):
        verdict = CALLS.verify(token, at=datetime(2026, 11, 23, 8, tzinfo=UTC))
        assert isinstance(verdict, IdentityRefused)
        assert "secret" not in verdict.why
