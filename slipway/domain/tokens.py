"""Tokens of links, signed by the worker (Ed25519): what a link may be used for, by whom, and until when.

A token is `payload.signature`, both base64url without padding. The payload is canonical JSON; the signature covers it.
Only public keys are needed to verify it. The ledger remains the authority on the subject of a link.
"""

import base64
import binascii
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from ..text import moment
from .model import Digest, Name, Record, Timestamp, canonical
from .signing import KeyId, PublicKeys, Signature, Signer

TOKEN_LIMIT: Final = 2048
"""The most characters; a longer token is refused before anything is computed."""
Recipient = Annotated[str, Field(min_length=1, max_length=254)]
"""A person as the policy lists them."""


class TokenRefused(ValueError):  # noqa: N818 - the message is the point
    """The token cannot be used; the message says why, without repeating it."""


class TokenExpired(TokenRefused):
    """The token was valid but has expired."""


class Purpose(StrEnum):
    """The purpose of a link."""

    SHOW = "show"
    """Leads to the page with the question, where people sign in."""
    VOTE = "vote"
    """Also votes, but only at a gate of level `link`."""


class ApprovalClaims(Record):
    """What a link's recipient is asked."""

    application: Name
    release: int
    environment: Name
    plan_hash: Digest
    approver: Recipient
    expires_at: Timestamp
    opening: Annotated[int, Field(ge=1)] | None = None
    """The opening of the gate that a link is for; None for a signed-in person, who sees the present one."""
    purpose: Purpose = Purpose.SHOW


class LinkToken(Record):
    """The payload of a token."""

    v: Literal[1] = 1
    kid: KeyId
    application: Name
    release: int
    environment: Name
    opening: Annotated[int, Field(ge=1)]
    plan: Digest
    to: Recipient
    purpose: Purpose
    exp: Timestamp

    @property
    def claims(self) -> ApprovalClaims:
        return ApprovalClaims(
            application=self.application,
            release=self.release,
            environment=self.environment,
            plan_hash=self.plan,
            approver=self.to,
            expires_at=self.exp,
            opening=self.opening,
            purpose=self.purpose,
        )


def sign_link(claims: ApprovalClaims, signer: Signer) -> str:
    """The token. Raises `KeysUnavailable`, and `ValueError` for claims that name no opening."""

    def payload(kid: str) -> bytes:
        fields = {
            "kid": kid,
            "application": claims.application,
            "release": claims.release,
            "environment": claims.environment,
            "opening": claims.opening,
            "plan": claims.plan_hash,
            "to": claims.approver,
            "purpose": claims.purpose,
            "exp": claims.expires_at,
        }
        return canonical(LinkToken.model_validate(fields).model_dump(mode="json"))

    signature = signer.sign_naming(payload)
    return f"{_encode(payload(signature.kid))}.{_encode(base64.b64decode(signature.value))}"


def read_link(token: str, keys: PublicKeys, *, now: datetime) -> ApprovalClaims:
    """The claims of a link's token. Raises `TokenRefused`, also as `TokenExpired`; `KeysUnavailable`."""
    if len(token) > TOKEN_LIMIT:
        raise TokenRefused("the link is too long")
    payload_text, _, signature_text = token.partition(".")
    try:
        payload, value = _decode(payload_text), base64.b64encode(_decode(signature_text)).decode()
        link = LinkToken.model_validate_json(payload)
        signature = Signature(kid=link.kid, value=value)
        is_canonical = canonical(link.model_dump(mode="json")) == payload
    except (ValidationError, ValueError) as error:
        raise TokenRefused("the link is damaged") from error
    if not is_canonical:
        raise TokenRefused("the link is damaged")
    if fault := keys.fault(signature, payload):
        raise TokenRefused(f"the link cannot be used: {fault}")
    if link.exp <= now:
        raise TokenExpired(f"the link expired at {moment(link.exp)}")
    return link.claims


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
