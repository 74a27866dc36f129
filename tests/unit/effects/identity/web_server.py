"""The provider's HTTP side as a test scripts it: a pool that answers without a network."""

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
    told = {"issuer": ISSUER, "jwks_uri": KEYS, "token_endpoint": TOKEN, "authorization_endpoint": AUTHORIZE}
    return json.dumps(told | changed).encode()


@dataclass
class ScriptedPool:
    """Answers by address; what is not scripted is a 404. Keeps what was asked."""

    answers: dict[str, Answer] = field(
        default_factory=lambda: {DISCOVERY: (200, discovery()), KEYS: (200, published_keys("k1"))}
    )
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        assert options["redirect"] is False
        assert options["retries"] is False
        assert options["timeout"].connect_timeout <= 5
        self.asked.append((method, url))
        self.bodies.append(options.get("body") or b"")
        answer = self.answers.get(url, (404, b"{}"))
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        return urllib3.HTTPResponse(BytesIO(body), status=status, preload_content=False, headers=self.headers)

    def fetches(self) -> int:
        return sum(url == KEYS for _, url in self.asked)


@dataclass
class Ticks:
    """Monotonic seconds that a test moves."""

    now: float = 1000.0
    each: float = 0.0
    """Passes with every look."""

    def __call__(self) -> float:
        self.now += self.each
        return self.now


def redirected(status: int, to: str) -> Callable[[ScriptedPool], None]:
    def change(pool: ScriptedPool) -> None:
        pool.headers["Location"] = to
        pool.answers[DISCOVERY] = (status, b"")

    return change
