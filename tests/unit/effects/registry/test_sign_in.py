"""Signing in: which flow, which scopes and how often, and that secrets are sent nowhere else."""

import base64
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import pytest

from slipway.effects.registry import (
    Anonymous,
    BasicCredential,
    Credential,
    Denied,
    EntraCredential,
    Firewalled,
    OtherSignIn,
    Registry,
    RegistryEndpoint,
    RequestRejected,
    SignInRefused,
    Unsupported,
)
from slipway.testing.artifacts import digest_of, image
from slipway.testing.registry import MemoryPool, MemoryRegistry, RegistryReply, Request, error
from tests.unit.effects.registry.pairs import Waiting

IMAGE = image(b"layer")


def jwt(name: str, expires_at: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": expires_at, "name": name}).encode()).decode().rstrip("=")
    return f"e30.{claims}.c2ln"


class Guarded:
    """A registry that demands tokens, and its token endpoints."""

    def __init__(self, waiting: Waiting, *, host: str = "acr.test") -> None:
        self.registry = MemoryRegistry()
        self.registry.seed("team/shop", IMAGE, "481")
        self.registry_handler: Callable[[Request], RegistryReply] = self.registry.handle
        """Answers requests that have a valid token."""
        self.overrides: dict[str, Callable[[Request], RegistryReply]] = {}
        """Answers for single paths, instead of the token endpoints."""
        self.waiting = waiting
        self.challenge = f'Bearer realm="https://{host}/oauth2/token",service="{host}"'
        self.accepted: set[str] = set()
        self.exchanges: list[dict[str, list[str]]] = []
        self.grants: list[dict[str, list[str]]] = []
        self.grant_headers: list[dict[str, str]] = []
        self.token_life = 4500.0
        self.refresh_valid = True

    def __call__(self, request: Request) -> RegistryReply:
        if request.path in self.overrides:
            return self.overrides[request.path](request)
        if request.path == "/oauth2/exchange":
            return self._exchange(parse_qs(request.body.decode()))
        if request.path == "/oauth2/token":
            return self._token(request)
        if request.headers.get("Authorization", "") not in self.accepted:
            return RegistryReply(status=401, headers={"WWW-Authenticate": self.challenge})
        return self.registry_handler(request)

    def _exchange(self, form: dict[str, list[str]]) -> RegistryReply:
        self.exchanges.append(form)
        self.refresh_valid = True
        token = jwt(f"refresh{len(self.exchanges)}", self.waiting.now + 10_800)
        return RegistryReply(status=200, body=json.dumps({"refresh_token": token}).encode())

    def _token(self, request: Request) -> RegistryReply:
        form = parse_qs(request.body.decode()) if request.method == "POST" else parse_qs(request.url.partition("?")[2])
        self.grants.append(form)
        self.grant_headers.append(request.headers)
        if not self.refresh_valid:
            return RegistryReply(status=401)
        token = jwt(f"access{len(self.grants)}", self.waiting.now + self.token_life)
        self.accepted.add(f"Bearer {token}")
        return RegistryReply(status=200, body=json.dumps({"access_token": token}).encode())


@pytest.fixture
def guarded(waiting: Waiting) -> Guarded:
    return Guarded(waiting)


def client(guarded: Guarded, credential: Credential, **hosts: object) -> Registry:
    return Registry(
        RegistryEndpoint("acr.test"),
        credential,
        pool=MemoryPool(**{"acr.test": guarded, **hosts}),
        clock=guarded.waiting.clock,
        pause=guarded.waiting.pause,
    )


ENTRA = EntraCredential(lambda: "entra-token")


def test_an_entra_token_is_exchanged_once_and_each_scope_gets_its_own_token(guarded: Guarded) -> None:
    registry = client(guarded, ENTRA)

    for _ in range(3):
        registry.resolve("team/shop", "481")
    registry.put_blob("team/shop", digest_of(b"new"), 3, lambda: [b"new"])

    assert [(form["grant_type"], form["service"], form["access_token"]) for form in guarded.exchanges] == [
        (["access_token"], ["acr.test"], ["entra-token"])
    ]
    assert [form["scope"] for form in guarded.grants] == [
        ["repository:team/shop:pull"],
        ["repository:team/shop:pull,push"],
    ]


def test_a_token_is_renewed_before_it_expires(guarded: Guarded) -> None:
    registry = client(guarded, ENTRA)
    registry.resolve("team/shop", "481")

    guarded.waiting.now += guarded.token_life - 61
    registry.resolve("team/shop", "481")
    assert len(guarded.grants) == 1

    guarded.waiting.now += 2
    registry.resolve("team/shop", "481")
    assert (len(guarded.grants), len(guarded.exchanges)) == (2, 1)


def test_a_refresh_token_is_replaced_before_it_expires(guarded: Guarded) -> None:
    registry = client(guarded, ENTRA)
    registry.resolve("team/shop", "481")

    guarded.waiting.now += 10_800
    registry.resolve("team/shop", "481")

    assert len(guarded.exchanges) == 2


def test_a_refresh_token_that_was_revoked_is_replaced_once(guarded: Guarded) -> None:
    registry = client(guarded, ENTRA)
    registry.resolve("team/shop", "481")
    guarded.waiting.now += guarded.token_life
    guarded.refresh_valid = False

    assert registry.resolve("team/shop", "481") == IMAGE.digest
    assert len(guarded.exchanges) == 2


def test_a_token_that_the_registry_no_longer_takes_is_renewed_once(guarded: Guarded) -> None:
    registry = client(guarded, ENTRA)
    registry.resolve("team/shop", "481")
    guarded.accepted.clear()

    assert registry.resolve("team/shop", "481") == IMAGE.digest
    assert len(guarded.grants) == 2


def test_after_a_refusal_the_next_try_signs_in_anew(guarded: Guarded) -> None:
    """A role assignment may reach the registry late, and a token holds the rights of the time when it was issued."""
    registry = client(guarded, ENTRA)
    with_rights = guarded.registry_handler

    def refuse_until_second_exchange(request: Request) -> RegistryReply:
        return with_rights(request) if len(guarded.exchanges) > 1 else RegistryReply(status=403)

    guarded.registry_handler = refuse_until_second_exchange

    with pytest.raises(Denied) as refusal:
        registry.manifest("team/shop", "481")
    assert refusal.value.retryable
    assert registry.manifest("team/shop", "481").digest == IMAGE.digest
    assert len(guarded.exchanges) == 2


def test_a_registry_that_refuses_even_a_new_token_denies_access(guarded: Guarded) -> None:
    guarded.accepted = _Nothing()

    with pytest.raises(Denied, match=r"acr\.test/team/shop:481: resolving it was answered with 401; check the role"):
        client(guarded, ENTRA).resolve("team/shop", "481")

    assert len(guarded.grants) == 1


def test_an_upload_that_is_met_by_401_sends_its_bytes_again(guarded: Guarded) -> None:
    registry = client(guarded, ENTRA)
    registry.put_blob("team/shop", digest_of(b"one"), 3, lambda: [b"one"])
    usual = guarded.registry_handler

    def expire_before_put(request: Request) -> RegistryReply:
        if request.method == "POST":
            guarded.accepted.clear()
        return usual(request)

    guarded.registry_handler = expire_before_put
    registry.put_blob("team/shop", digest_of(b"two"), 3, lambda: [b"two"])

    assert guarded.registry.blobs["team/shop", digest_of(b"two")] == b"two"


def test_many_threads_that_need_a_token_fetch_it_once(guarded: Guarded) -> None:
    registry = client(guarded, ENTRA)
    registry.resolve("team/shop", "481")
    guarded.waiting.now += guarded.token_life
    barrier = threading.Barrier(8)

    def ask(_: int) -> str | None:
        barrier.wait(timeout=30)
        return registry.resolve("team/shop", "481")

    with ThreadPoolExecutor(8) as executor:
        assert set(executor.map(ask, range(8))) == {IMAGE.digest}

    assert len(guarded.grants) == 2


def test_an_entra_token_goes_only_to_the_registry_even_if_the_realm_is_elsewhere(guarded: Guarded) -> None:
    elsewhere: list[Request] = []
    guarded.challenge = 'Bearer realm="https://thief.example/oauth2/token",service="acr.test"'

    registry = client(guarded, ENTRA, **{"thief.example": elsewhere.append})

    assert registry.resolve("team/shop", "481") == IMAGE.digest
    assert elsewhere == []


def test_a_name_and_password_use_the_docker_flow(guarded: Guarded) -> None:
    assert client(guarded, BasicCredential("ada", "s3cret")).resolve("team/shop", "481") == IMAGE.digest

    assert guarded.grants == [{"service": ["acr.test"], "scope": ["repository:team/shop:pull"]}]
    assert guarded.grant_headers[0]["Authorization"] == "Basic " + base64.b64encode(b"ada:s3cret").decode()


def test_a_name_and_password_answer_a_basic_challenge_themselves(guarded: Guarded) -> None:
    guarded.challenge = 'Basic realm="registry"'
    guarded.accepted = {"Basic " + base64.b64encode(b"ada:s3cret").decode()}

    assert client(guarded, BasicCredential("ada", "s3cret")).resolve("team/shop", "481") == IMAGE.digest
    assert guarded.grants == []


def test_anonymous_asks_for_a_token_without_a_name(guarded: Guarded) -> None:
    assert client(guarded, Anonymous()).resolve("team/shop", "481") == IMAGE.digest
    assert "Authorization" not in guarded.grant_headers[0]


@pytest.mark.parametrize("realm", ["http://acr.test:8080/oauth2/token", "http://login.test/oauth2/token"])
def test_a_password_is_not_sent_over_plain_http(guarded: Guarded, realm: str) -> None:
    guarded.challenge = f'Bearer realm="{realm}",service="acr.test"'

    with pytest.raises(Unsupported, match="token address: expected an https address"):
        client(guarded, BasicCredential("ada", "s3cret")).resolve("team/shop", "481")


@pytest.mark.parametrize("realm", ["http://acr.test/oauth2/token", "http://ACR.test:80/oauth2/token"])
def test_a_plain_http_token_address_from_behind_a_tls_proxy_is_asked_over_https(guarded: Guarded, realm: str) -> None:
    urls: list[str] = []
    guarded.challenge = f'Bearer realm="{realm}",service="acr.test"'

    def record_url(request: Request) -> RegistryReply:
        urls.append(request.url)
        return guarded(request)

    registry = Registry(
        RegistryEndpoint("acr.test"), BasicCredential("ada", "s3cret"), pool=MemoryPool(**{"acr.test": record_url})
    )

    assert registry.resolve("team/shop", "481") == IMAGE.digest
    assert all(url.startswith("https://acr.test/") for url in urls)
    assert any("/oauth2/token" in url for url in urls)


@pytest.mark.parametrize(
    "realm",
    [
        "https://thief.example/oauth2/token",
        "https://acr.test.thief.example/oauth2/token",
        "https://acr.test@thief.example/oauth2/token",
        "https://thief.example\\@acr.test/oauth2/token",
        "https://acr.test:8443/oauth2/token",
        "//thief.example/oauth2/token",
    ],
)
def test_a_password_is_not_sent_to_a_token_address_at_another_host(guarded: Guarded, realm: str) -> None:
    elsewhere: list[Request] = []
    guarded.challenge = f'Bearer realm="{realm}",service="acr.test"'
    everywhere = dict.fromkeys(("thief.example", "acr.test.thief.example", "acr.test:8443"), elsewhere.append)

    with pytest.raises(Unsupported, match=r"token address: expected one at acr\.test"):
        client(guarded, BasicCredential("ada", "s3cret"), **everywhere).resolve("team/shop", "481")

    assert (elsewhere, guarded.grants) == ([], [])


@pytest.mark.parametrize("realm", ["https://login.test/oauth2/token", "https://ACR.test:443/oauth2/token"])
def test_a_token_address_at_a_host_that_counts_as_the_registrys_is_used(guarded: Guarded, realm: str) -> None:
    guarded.challenge = f'Bearer realm="{realm}",service="acr.test"'
    registry = Registry(
        RegistryEndpoint("acr.test", frozenset({"login.test"})),
        BasicCredential("ada", "s3cret"),
        pool=MemoryPool(**{"acr.test": guarded, "ACR.test:443": guarded, "login.test": guarded}),
        clock=guarded.waiting.clock,
        pause=guarded.waiting.pause,
    )

    assert registry.resolve("team/shop", "481") == IMAGE.digest
    assert len(guarded.grants) == 1


@pytest.mark.parametrize(
    ("credential", "challenge", "message"),
    [
        (Anonymous(), 'Basic realm="registry"', "asks for a name and a password, but none are configured"),
        (ENTRA, 'Basic realm="registry"', "but the credential is an Entra identity"),
        (ENTRA, "", "without a challenge that says how to sign in"),
    ],
)
def test_a_sign_in_that_cannot_work_says_why(
    guarded: Guarded, credential: Credential, challenge: str, message: str
) -> None:
    guarded.challenge = challenge

    with pytest.raises(Denied, match=message):
        client(guarded, credential).resolve("team/shop", "481")


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (401, SignInRefused, "/oauth2/exchange was refused with 401; check that the credential is this registry's"),
        (404, OtherSignIn, "/oauth2/exchange was answered with 404: this registry has no such sign-in; configure the"),
        (418, RequestRejected, "/oauth2/exchange was answered with 418"),
    ],
)
def test_a_refused_exchange_shows_neither_token_nor_answer(
    guarded: Guarded, status: int, kind: type[Exception], message: str
) -> None:
    guarded.overrides["/oauth2/exchange"] = lambda request: RegistryReply(status=status, body=b"bad token: entra-token")

    with pytest.raises(kind, match=message) as error:
        client(guarded, ENTRA).resolve("team/shop", "481")

    assert "entra-token" not in str(error.value)


@pytest.mark.parametrize("credential", [ENTRA, BasicCredential("ada", "s3cret"), Anonymous()])
def test_a_firewall_in_front_of_the_token_address_is_named_with_the_address_that_it_refuses(
    guarded: Guarded, credential: Credential
) -> None:
    refusal = error(403, "DENIED", "client with IP '203.0.113.7' is not allowed access. s3cret entra-token")
    guarded.overrides |= dict.fromkeys(("/oauth2/exchange", "/oauth2/token"), lambda request: refusal)

    with pytest.raises(Firewalled, match=r"\(DENIED\): a client with the address 203\.0\.113\.7 is not") as failure:
        client(guarded, credential).resolve("team/shop", "481")

    assert "az acr network-rule add" in str(failure.value)
    assert not any(secret in str(failure.value) for secret in ("s3cret", "entra-token"))


def test_text_in_place_of_an_ip_address_is_not_shown(guarded: Guarded) -> None:
    reply = error(403, "DENIED", "client with IP 'deadbeef.cafe' is not allowed access")
    guarded.overrides["/oauth2/exchange"] = lambda request: reply

    with pytest.raises(SignInRefused) as failure:
        client(guarded, ENTRA).resolve("team/shop", "481")

    assert "deadbeef" not in str(failure.value)


def test_a_refused_name_and_password_lead_to_the_advice_to_check_the_credential(guarded: Guarded) -> None:
    guarded.challenge = 'Basic realm="registry"'

    with pytest.raises(SignInRefused, match=r"answered with 401; check that the credential is this registry's"):
        client(guarded, BasicCredential("ada", "wrong")).resolve("team/shop", "481")


def test_a_token_with_a_line_break_never_becomes_a_header(guarded: Guarded) -> None:
    body = json.dumps({"refresh_token": "x\r\nEvil: yes"}).encode()
    guarded.overrides["/oauth2/exchange"] = lambda request: RegistryReply(status=200, body=body)

    with pytest.raises(Unsupported, match="expected refresh_token to be a token"):
        client(guarded, ENTRA).resolve("team/shop", "481")


def test_an_opaque_token_lives_as_long_as_the_server_says(guarded: Guarded) -> None:
    guarded.accepted = {"Bearer opaque"}
    token = RegistryReply(status=200, body=b'{"token": "opaque", "expires_in": 300}')
    token_requests: list[Request] = []

    def sign_in(request: Request) -> RegistryReply:
        token_requests.append(request)
        return token

    guarded.overrides["/oauth2/token"] = sign_in
    registry = client(guarded, Anonymous())

    registry.resolve("team/shop", "481")
    guarded.waiting.now += 239
    registry.resolve("team/shop", "481")
    assert len(token_requests) == 1
    guarded.waiting.now += 2
    registry.resolve("team/shop", "481")
    assert len(token_requests) == 2


def test_credentials_do_not_show_their_secrets() -> None:
    assert "s3cret" not in repr(BasicCredential("ada", "s3cret"))
    assert repr(ENTRA) == "EntraCredential()"


class _Nothing(set[str]):
    """Accepts no token, not even a new one."""

    def __contains__(self, token: object) -> bool:
        return False
