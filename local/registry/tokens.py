"""Signed tokens (JWT, HS256) with a key that lives as long as the process, and signatures for data URLs.

Clients of ACR read the expiry out of a token, so a token has the real three-part form.
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
    """The token was not made here, is not of the wanted kind, or its time is over."""


class Signer:
    """Makes and checks tokens of one registry process."""

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
        signed = f"{_encode(_json(HEADER))}.{_encode(_json({**body, 'jti': secrets.token_hex(8)}))}"
        return f"{signed}.{self.sign(signed)}"

    def claims(self, kind: str, token: str) -> dict[str, Any]:
        signed, _, signature = token.rpartition(".")
        if not signed or not self.matches(signed, signature):
            raise TokenError(f"expected a token that this registry signed ({kind})")
        claims: dict[str, Any] = json.loads(_decode(signed.partition(".")[2]))
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
