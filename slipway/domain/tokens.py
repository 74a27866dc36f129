"""Signed tokens (HMAC-SHA-256): what a link may be used for, by whom, until when. The ledger remains the authority.

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

from .key_source import FixedKeys, KeySource
from .model import Digest, Moment, Name, Record, canonical

TOKEN_LIMIT = 2048
"""Characters; a longer one is refused before anything is computed."""


class TokenRefused(ValueError):  # noqa: N818 - the message is the point
    """The token cannot be used; the message says why, without repeating it."""


class TokenExpired(TokenRefused):
    """The token was valid but has expired."""


class Claims(Record):
    """The claims of a token; tokens of every kind expire."""

    expires_at: Moment


class ApprovalClaims(Claims):
    """The claims of an approval link."""

    application: Name
    release: int
    environment: Name
    plan_hash: Digest
    approver: str


class Keys:
    """Signing keys by id. The first one signs, all of them verify."""

    def __init__(self, keys: Mapping[str, bytes] | KeySource) -> None:
        self._source: KeySource = FixedKeys(keys) if isinstance(keys, Mapping) else keys

    def sign(self, purpose: str, claims: Claims) -> str:
        """Raises `KeysUnavailable`."""
        key_id, key = next(iter(self._source.live().items()))
        payload = canonical({"k": key_id, "p": purpose, "c": claims.model_dump(mode="json")})
        return f"{_encode(payload)}.{_encode(_mac(key, payload))}"

    def ids(self) -> tuple[str, ...]:
        """Ids of the live keys, the one that signs first. Raises `KeysUnavailable`."""
        return self._source.ids()

    def approval(self, token: str, *, now: datetime) -> ApprovalClaims:
        """The claims of an approval link. Raises `TokenRefused`."""
        return self.verify("approval", token, ApprovalClaims, now=now)

    def verify[C: Claims](self, purpose: str, token: str, kind: type[C], *, now: datetime) -> C:
        """The claims of a token that was signed for this purpose. Raises `TokenRefused`, also as `TokenExpired`;
        `KeysUnavailable`."""
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
        key = self._source.live(key_id).get(key_id) if dot and isinstance(key_id, str) else None
        if key is None:
            raise TokenRefused("the link was not signed with a key of this installation, or its key was retired")
        if not hmac.compare_digest(mac, _mac(key, payload)):
            raise TokenRefused("the link's signature is wrong")
        if found_purpose != purpose:
            raise TokenRefused("the link is for something else")
        return claims


class NoKeys:
    """Those of an app that may sign nothing: no token is one of its own, so each is refused."""

    def live(self, wanted: str | None = None) -> Mapping[str, bytes]:  # noqa: ARG002 - there is nowhere to look
        return {}

    def ids(self) -> tuple[str, ...]:
        return ()


def _mac(key: bytes, payload: bytes) -> bytes:
    return hmac.new(key, payload, hashlib.sha256).digest()


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
