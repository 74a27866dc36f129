"""Signed tokens: what a link may be used for, by whom, until when. HMAC-SHA-256; the ledger stays the authority.

A token is `payload.signature`, both base64url without padding. The payload is canonical JSON that holds the key id,
the purpose, and the claims. Two keys can be live at once, so that rotating does not break open links.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from .model import Digest, Moment, Name, Record, canonical

KEY_BYTES = 32
TOKEN_LIMIT = 2048
"""Characters; a longer one is refused before anything is computed."""


class TokenRefused(ValueError):  # noqa: N818 - the message is the point
    """The token cannot be used; the message says why, without repeating it."""


class TokenExpired(TokenRefused):
    """The token was good once: its time is over."""


class Claims(Record):
    """What a token stands for; every kind of token ends at some time."""

    expires_at: Moment


class ApprovalClaims(Claims):
    """What an approval link stands for."""

    application: Name
    release: int
    environment: Name
    plan_hash: Digest
    approver: str


class Keys:
    """Signing keys by id. The first one signs, all of them verify."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise ValueError("signing keys: expected at least one, got none")
        for key_id, key in keys.items():
            if len(key) < KEY_BYTES:
                raise ValueError(f"signing key {key_id!r}: expected at least {KEY_BYTES} bytes, got {len(key)}")
        self._keys = dict(keys)
        self._newest = next(iter(self._keys))

    def sign(self, purpose: str, claims: Claims) -> str:
        payload = canonical({"k": self._newest, "p": purpose, "c": claims.model_dump(mode="json")})
        return f"{_encode(payload)}.{_encode(self._mac(self._newest, payload))}"

    def approval(self, token: str, *, now: datetime) -> ApprovalClaims:
        """The claims of an approval link. Raises `TokenRefused`."""
        return self.verify("approval", token, ApprovalClaims, now=now)

    def verify[C: Claims](self, purpose: str, token: str, kind: type[C], *, now: datetime) -> C:
        """The claims of a token that was signed for this purpose. Raises `TokenRefused`, also as `TokenExpired`."""
        claims = self._verified(purpose, token)
        try:
            parsed = kind.model_validate(claims)
        except ValidationError as error:
            raise TokenRefused("the link is incomplete") from error
        if parsed.expires_at <= now:
            raise TokenExpired(f"the link expired at {parsed.expires_at:%Y-%m-%d %H:%M} UTC")
        return parsed

    def _verified(self, purpose: str, token: str) -> Any:
        if len(token) > TOKEN_LIMIT:
            raise TokenRefused("the link is too long")
        payload_text, dot, mac_text = token.partition(".")
        try:
            payload, mac = _decode(payload_text), _decode(mac_text)
            content = json.loads(payload)
            key_id, found_purpose, claims = content["k"], content["p"], content["c"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise TokenRefused("the link is damaged") from error
        if not dot or not isinstance(key_id, str) or key_id not in self._keys:
            raise TokenRefused("the link was not signed with a key of this installation, or its key was retired")
        if not hmac.compare_digest(mac, self._mac(key_id, payload)):
            raise TokenRefused("the link's signature is wrong")
        if found_purpose != purpose:
            raise TokenRefused("the link is for something else")
        return claims

    def _mac(self, key_id: str, payload: bytes) -> bytes:
        return hmac.new(self._keys[key_id], payload, hashlib.sha256).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if _encode(data) != text:
        raise ValueError("not the one encoding of its bytes")
    return data
