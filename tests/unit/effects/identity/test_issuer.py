"""Keys are fetched only when necessary; after a bad key set the last good one stays in use."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import urllib3
from jwt.algorithms import RSAAlgorithm

from slipway.domain.identity import CannotVerify
from slipway.domain.model import sha256
from slipway.effects.identity import Issuer, Key
from slipway.effects.identity import web as web_module
from slipway.effects.identity.issuer import FAILED_PAUSE, KEYS_LIMIT, LAST_GOOD, MAX_AGE, UNKNOWN_PAUSE
from slipway.effects.identity.keys import MOST_KEYS, read_keys
from slipway.effects.identity.web import ProviderAway, exchange
from slipway.testing.identity import TENANT, published_keys, signing_key

from .web_server import AUTHORIZE, DISCOVERY, ISSUER, KEYS, TOKEN, ScriptedPool, Ticks, discovery, redirected


@pytest.fixture
def pool() -> ScriptedPool:
    return ScriptedPool()


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def issuer(pool: ScriptedPool, ticks: Ticks) -> Issuer:
    return Issuer(ISSUER, tenant=TENANT, pool=pool, monotonic=ticks)


def test_a_key_is_found_with_the_set_that_holds_it(issuer: Issuer) -> None:
    key = issuer.key("k1")
    assert isinstance(key, Key)
    assert key.public.public_numbers() == signing_key("k1").public_key().public_numbers()
    assert (key.key_set.content, key.key_set.hash) == (published_keys("k1"), sha256(published_keys("k1")))


def test_the_addresses_come_from_the_discovery_document(issuer: Issuer) -> None:
    endpoints = issuer.endpoints()
    assert not isinstance(endpoints, CannotVerify)
    assert (endpoints.authorization, endpoints.token) == (AUTHORIZE, TOKEN)


def test_keys_are_fetched_once_an_hour(issuer: Issuer, pool: ScriptedPool, ticks: Ticks) -> None:
    for _ in range(5):
        issuer.key("k1")
    assert pool.fetches() == 1
    ticks.now += MAX_AGE
    issuer.key("k1")
    assert pool.fetches() == 2


def test_an_unknown_key_is_looked_for_at_once_and_then_every_five_minutes(
    issuer: Issuer, pool: ScriptedPool, ticks: Ticks
) -> None:
    issuer.key("k1")
    pool.answers[KEYS] = (200, published_keys("k1", "k2"))
    assert isinstance(issuer.key("k2"), Key)
    for number in range(50):
        assert isinstance(issuer.key(f"no-{number}"), CannotVerify)
    assert pool.fetches() == 2
    ticks.now += UNKNOWN_PAUSE
    issuer.key("no")
    issuer.key("no")
    assert pool.fetches() == 3


def test_the_last_good_set_stays_in_use_for_a_day(issuer: Issuer, pool: ScriptedPool, ticks: Ticks) -> None:
    issuer.key("k1")
    pool.answers[KEYS] = (500, b"")
    ticks.now += LAST_GOOD - 1
    assert isinstance(issuer.key("k1"), Key)
    ticks.now += 1
    result = issuer.key("k1")
    assert isinstance(result, CannotVerify)
    assert "issuer.example" in result.why


def test_a_provider_that_is_away_is_asked_again_after_a_pause(issuer: Issuer, pool: ScriptedPool, ticks: Ticks) -> None:
    pool.answers[DISCOVERY] = urllib3.exceptions.ProtocolError("gone")
    for _ in range(10):
        assert isinstance(issuer.key("k1"), CannotVerify)
    assert len(pool.requests) == 1
    ticks.now += FAILED_PAUSE
    pool.answers[DISCOVERY] = (200, discovery())
    assert isinstance(issuer.key("k1"), Key)


def test_while_one_thread_fetches_keys_the_others_use_the_old_ones(pool: ScriptedPool, ticks: Ticks) -> None:
    fetch_started, may_continue = threading.Event(), threading.Event()

    class Slow(ScriptedPool):
        def request(self, method: str, url: str, **options: object) -> urllib3.BaseHTTPResponse:
            if self.fetches():
                fetch_started.set()
                assert may_continue.wait(20)
            return super().request(method, url, **options)

    issuer = Issuer(ISSUER, tenant=TENANT, pool=Slow(), monotonic=ticks)
    issuer.key("k1")
    ticks.now += MAX_AGE
    refreshing = threading.Thread(target=issuer.key, args=("k1",))
    refreshing.start()
    assert fetch_started.wait(20)
    assert isinstance(issuer.key("k1"), Key)
    may_continue.set()
    refreshing.join(20)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"<html>",
        b"\xff\xfe{\x00}\x00",
        b'{"keys": 1}',
        b'{"keys": []}',
        b'{"keys": [1]}',
        b'{"keys": [], "keys": []}',
        b'{"keys": ' + b"[" * 100_000,
        json.dumps({"keys": [json.loads(published_keys("k1"))["keys"][0]] * 2}).encode(),
        json.dumps({"keys": json.loads(published_keys("k1"))["keys"] * (MOST_KEYS + 1)}).encode(),
        b" " * (KEYS_LIMIT + 1),
    ],
    ids=range(12),
)
def test_an_invalid_key_set_leaves_the_last_good_one_in_use(
    issuer: Issuer, pool: ScriptedPool, ticks: Ticks, body: bytes
) -> None:
    issuer.key("k1")
    pool.answers[KEYS] = (200, body)
    ticks.now += MAX_AGE
    assert isinstance(issuer.key("k1"), Key)
    assert pool.fetches() == 2
    fresh = Issuer(ISSUER, tenant=TENANT, pool=pool, monotonic=ticks)
    assert isinstance(fresh.key("k1"), CannotVerify)


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://login.evil.example/v2.0"},
        {"jwks_uri": "https://login.evil.example/keys"},
        {"jwks_uri": KEYS.replace("https", "http")},
        {"token_endpoint": "https://issuer.example.evil.example/token"},
        {"token_endpoint": "https://issuer.example:444/token"},
        {"authorization_endpoint": None},
    ],
)
def test_a_discovery_document_that_leads_elsewhere_is_not_believed(
    issuer: Issuer, pool: ScriptedPool, changed: dict[str, object]
) -> None:
    pool.answers[DISCOVERY] = (200, discovery(**changed))
    assert isinstance(issuer.key("k1"), CannotVerify)
    assert pool.fetches() == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(issuer: Issuer, pool: ScriptedPool, status: int) -> None:
    redirected(status, "https://login.evil.example/")(pool)
    assert isinstance(issuer.key("k1"), CannotVerify)
    assert [url for _, url in pool.requests] == [DISCOVERY]


def test_a_set_of_a_thousand_keys_is_read_and_one_of_them_found() -> None:
    jwk = json.loads(published_keys("k1"))["keys"][0]
    keys = [jwk | {"kid": f"k{number}"} for number in range(MOST_KEYS)]
    key_set = read_keys(json.dumps({"keys": keys}).encode(), issuer=ISSUER, tenant=TENANT)
    assert key_set.key("k999") is not None
    assert key_set.key("k1000") is None


@pytest.mark.parametrize(
    "changed",
    [
        {"kty": "EC"},
        {"use": "enc"},
        {"alg": "RS512"},
        {"kid": ""},
        {"kid": 7},
        {"kid": "x" * 300},
        {"issuer": "https://o"},
    ],
)
def test_a_key_for_something_else_is_passed_over(changed: dict[str, object]) -> None:
    usable, unusable = json.loads(published_keys("k1", "k2"))["keys"]
    key_set = read_keys(json.dumps({"keys": [usable, unusable | changed]}).encode(), issuer=ISSUER, tenant=TENANT)
    assert set(key_set.numbers) == {"k1"}


def test_a_key_published_for_all_tenants_counts_for_ours() -> None:
    key = json.loads(published_keys("k1"))["keys"][0] | {"issuer": "https://issuer.example/{tenantid}/v2.0"}
    assert read_keys(json.dumps({"keys": [key]}).encode(), issuer=ISSUER, tenant=TENANT).key("k1") is not None


@pytest.mark.parametrize(
    "changed", [{"n": "AQAB"}, {"n": "A" * 9000}, {"n": 3}, {"e": "AQ"}, {"e": "Ag"}, {"e": "A" * 40}]
)
def test_a_key_with_an_unusable_modulus_or_exponent_is_refused(changed: dict[str, object]) -> None:
    key = json.loads(published_keys("k1"))["keys"][0] | changed
    with pytest.raises(ValueError, match="expected"):
        read_keys(json.dumps({"keys": [key]}).encode(), issuer=ISSUER, tenant=TENANT)


def test_a_modulus_beyond_the_limit_is_refused_before_it_is_used() -> None:
    numbers = RSAAlgorithm.to_jwk(signing_key("k1").public_key(), as_dict=True)
    key = numbers | {"kid": "k1", "n": numbers["n"] * 5}
    with pytest.raises(ValueError, match="bits"):
        read_keys(json.dumps({"keys": [key]}).encode(), issuer=ISSUER, tenant=TENANT)


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example/v2.0",
        "ftp://issuer.example",
        "https://a:b@issuer.example",
        "https://issuer.example/",
        "https://i/?a",
    ],
)
def test_an_issuer_is_an_address_with_https_and_nothing_else(url: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Issuer(url, tenant=TENANT, pool=ScriptedPool())


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server that answers at once and then sends its body byte by byte without end."""
    ended = threading.Event()
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with closing(connection):
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not ended.is_set():
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        ended.set()
        thread.join(20)


def test_an_answer_that_drips_is_given_up(dripping: str) -> None:
    with pytest.raises(ProviderAway, match=r"too slowly: only \d+ bytes came"):
        exchange(
            web_module.new_identity_pool(),
            "GET",
            dripping,
            limit=100_000,
            monotonic=Ticks(step=web_module.WHOLE_SECONDS),
        )


def test_a_failed_request_is_reported_with_the_host_and_without_path_or_query() -> None:
    pool = ScriptedPool(
        answers={"https://h/p?code=secret": urllib3.exceptions.ProtocolError("https://h/p?code=secret")}
    )
    with pytest.raises(ProviderAway) as error:
        exchange(pool, "GET", "https://h/p?code=secret", limit=10)
    assert str(error.value) == "h does not answer (ProtocolError)"
