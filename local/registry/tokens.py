"""Signed tokens (JWT, HS256) with a key that lives as long as the process, and signatures for data URLs.

Clients of ACR read the expiry from a token, so tokens have the real three-part format.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

Now = Callable[[], datetime]
HEADER = {"alg": "HS256", "typ": "JWT"}


class TokenError(Exception):
    """The token was not issued here, is not of the required kind, or has expired."""


class Signer:
    """Issues and verifies the tokens of one registry process."""

    def __init__(self, *, now: Now) -> None:
        self._key = secrets.token_bytes(32)
        self._now = now

    def sign(self, text: str) -> str:
        return _encode(hmac.digest(self._key, text.encode(), hashlib.sha256))

    def matches(self, text: str, signature: str) -> bool:
        return hmac.compare_digest(self.sign(text).encode(), signature.encode())

    def token(self, kind: str, claims: dict[str, Any], *, seconds: int) -> str:
        issued = int(self._now().timestamp())
        body = {**claims, "grant_type": kind, "iat": issued, "nbf": issued, "exp": issued + seconds}
        signing_input = f"{_encode(_json(HEADER))}.{_encode(_json({**body, 'jti': secrets.token_hex(8)}))}"
        return f"{signing_input}.{self.sign(signing_input)}"

    def claims(self, kind: str, token: str) -> dict[str, Any]:
        signing_input, _, signature = token.rpartition(".")
        if not signing_input or not self.matches(signing_input, signature):
            raise TokenError(f"expected a token that this registry signed ({kind})")
        claims: dict[str, Any] = json.loads(_decode(signing_input.partition(".")[2]))
        if claims["grant_type"] != kind:
            raise TokenError(f"expected a token of kind {kind}, got {claims['grant_type']}")
        if self._now().timestamp() >= claims["exp"]:
            raise TokenError(f"the {kind} has expired")
        return claims


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
