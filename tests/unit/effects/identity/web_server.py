"""The provider's HTTP side, scripted by tests: a pool that answers without a network."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import urllib3

from slipway.testing.identity import TENANT, published_keys

ISSUER = f"https://issuer.example/{TENANT}/v2.0"
DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
KEYS = f"https://issuer.example/{TENANT}/discovery/v2.0/keys"
TOKEN = f"https://issuer.example/{TENANT}/oauth2/v2.0/token"
AUTHORIZE = f"https://issuer.example/{TENANT}/oauth2/v2.0/authorize"

type Answer = tuple[int, bytes] | Exception


def discovery(**changed: object) -> bytes:
    document = {"issuer": ISSUER, "jwks_uri": KEYS, "token_endpoint": TOKEN, "authorization_endpoint": AUTHORIZE}
    return json.dumps(document | changed).encode()


@dataclass
class ScriptedPool:
    """Answers by address, with a 404 for every other one, and records the requests."""

    answers: dict[str, Answer] = field(
        default_factory=lambda: {DISCOVERY: (200, discovery()), KEYS: (200, published_keys("k1"))}
    )
    requests: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        assert options["redirect"] is False
        assert options["retries"] is False
        assert options["timeout"].connect_timeout <= 5
        self.requests.append((method, url))
        self.bodies.append(options.get("body") or b"")
        response = self.answers.get(url, (404, b"{}"))
        if isinstance(response, Exception):
            raise response
        status, body = response
        return urllib3.HTTPResponse(BytesIO(body), status=status, preload_content=False, headers=self.headers)

    def fetches(self) -> int:
        return sum(url == KEYS for _, url in self.requests)


@dataclass
class Ticks:
    """Monotonic seconds that a test moves."""

    now: float = 1000.0
    step: float = 0.0
    """How far the clock moves each time it is read."""

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def redirected(status: int, to: str) -> Callable[[ScriptedPool], None]:
    def change(pool: ScriptedPool) -> None:
        pool.headers["Location"] = to
        pool.answers[DISCOVERY] = (status, b"")

    return change
