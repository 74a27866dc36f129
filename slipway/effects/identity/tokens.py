"""Verifies ID tokens and access tokens: signer, audience, tenant and time; then reads their claims.

PyJWT checks signature, algorithm, issuer and audience; everything else is checked here. The caller gives the time: a
page's own clock, or the moment at which a vote was received.

The claims: https://learn.microsoft.com/entra/identity-platform, pages id-token-claims-reference,
access-token-claims-reference and claims-validation.
"""

import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt

from ...domain.identity import (
    TOKEN_LIMIT,
    CannotVerify,
    IdentityRefused,
    IdToken,
    KeySet,
    TokenApplication,
    TokenPerson,
    Verdict,
    VerifiedToken,
)
from ...domain.people import GUID_PATTERN
from .keys import LONGEST_KID, ArchivedKeys, IssuerKeySource, Key
from .web import strict_object

ALGORITHMS: Final = ("RS256",)
AHEAD: Final = timedelta(minutes=1)
"""How far the issuer's clock may be ahead of ours."""
VERSION: Final = "2.0"
MOST_RIGHTS: Final = 1000
"""The most roles or groups of one token."""
LONGEST_NAME: Final = 256
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_GUID: Final = re.compile(GUID_PATTERN)
_LATEST: Final = 2**37
"""Seconds since 1970; a token has no later time."""


class _BadError(Exception):
    """The token is refused; the text says why."""


class _CannotVerifyYet(Exception):  # noqa: N818 - it is an answer
    """The token cannot be verified yet; the text says why."""


@dataclass(frozen=True, kw_only=True)
class _Claims:
    """The claims of a token whose signature, issuer, audience, tenant, version and times hold."""

    values: dict[str, Any]
    key: Key
    issued_at: datetime
    expires_at: datetime


class IdTokens:
    """Reads the ID tokens of one registration."""

    def __init__(self, source: IssuerKeySource, client_id: str) -> None:
        self._source, self._client_id = source, client_id

    @property
    def issuer(self) -> str:
        return self._source.url

    def archived(self, published: bytes) -> "IdTokens":
        """A reader of the same tokens with only this set of keys. Raises `ValueError` if it is not a set of keys."""
        return IdTokens(ArchivedKeys(self._source, published), self._client_id)

    def key_set(self) -> KeySet | CannotVerify:
        return self._source.key_set()

    def verify(self, token: str, *, nonce: str, at: datetime) -> Verdict[IdToken]:
        """`nonce` is the one that was sent; `at` is the time at which the token has to be valid."""
        try:
            claims = _verified_claims(self._source, token, audience=self._client_id, at=at)
            return VerifiedToken(value=_id_token(claims, self._client_id, nonce))
        except _BadError as refused:
            return IdentityRefused(why=str(refused))
        except _CannotVerifyYet as later:
            return CannotVerify(why=str(later))


@dataclass(frozen=True, kw_only=True)
class AccessTokens:
    """Reads the access tokens with which the API and the command line are called."""

    source: IssuerKeySource
    client_id: str
    """The registration that they are for: `aud`."""
    scope: str
    """The scope that a person's token must have, such as `user_impersonation`."""
    never: frozenset[str]
    """Clients whose tokens are always refused: the registration of the votes."""

    def verify(self, token: str, *, at: datetime) -> Verdict[TokenPerson | TokenApplication]:
        try:
            claims = _verified_claims(self.source, token, audience=self.client_id, at=at)
            return VerifiedToken(value=self._caller(claims.values))
        except _BadError as refused:
            return IdentityRefused(why=str(refused))
        except _CannotVerifyYet as later:
            return CannotVerify(why=str(later))

    def _caller(self, claims: dict[str, Any]) -> TokenPerson | TokenApplication:
        client = _guid(claims, "azp")
        if client in {each.casefold() for each in self.never}:
            raise _BadError("a token of the votes' client opens nothing else")
        scopes, kind = claims.get("scp"), claims.get("idtyp")
        if kind == "app" and scopes is None:
            if not (roles := _texts(claims, "roles")):
                raise _BadError("the application has no role here")
            return TokenApplication(
                tenant=_guid(claims, "tid"), oid=_guid(claims, "oid"), client_id=client, roles=roles
            )
        if isinstance(scopes, str) and kind in (None, "user"):
            if self.scope not in scopes.split(" "):
                raise _BadError(f"expected the scope {self.scope}")
            return _person(claims)
        raise _BadError(
            "expected an access token of a person (scp) or of an application (idtyp: app); an ID token is neither"
        )


def _verified_claims(source: IssuerKeySource, token: str, *, audience: str, at: datetime) -> _Claims:
    header, claims = _parts(token)
    key = _key_of(source, header)
    try:
        jwt.decode(
            token,
            key.public,
            algorithms=ALGORITHMS,
            audience=audience,
            issuer=source.url,
            options={
                "require": ["iss", "aud", "exp", "iat", "nbf"],
                "strict_aud": True,
                "enforce_minimum_key_length": True,
                "verify_exp": False,  # compared below, with the caller's time
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.PyJWTError as error:
        raise _BadError(f"the token does not hold: {_NAMES.get(type(error), 'it is malformed')}") from None
    if not hmac.compare_digest(_text(claims, "tid").casefold().encode(), source.tenant.casefold().encode()):
        raise _BadError("the token is from another tenant")
    if claims.get("ver") != VERSION:
        raise _BadError(f"expected a token of version {VERSION}")
    issued_at, not_before, expires_at = (_moment(claims, name) for name in ("iat", "nbf", "exp"))
    if max(issued_at, not_before) > at + AHEAD:
        raise _BadError("the token is from the future")
    if expires_at <= at:
        raise _BadError("the token has expired")
    return _Claims(values=claims, key=key, issued_at=issued_at, expires_at=expires_at)


_NAMES: Final[dict[type[jwt.PyJWTError], str]] = {
    jwt.InvalidSignatureError: "its signature is not the issuer's",
    jwt.InvalidAlgorithmError: "its algorithm is not RS256",
    jwt.InvalidIssuerError: "another issuer signed it",
    jwt.InvalidAudienceError: "it is for somebody else",
    jwt.MissingRequiredClaimError: "a claim is missing that every token has",
    jwt.InvalidKeyError: "its key cannot verify it",
}
"""Our texts for PyJWT's errors, since its own can contain parts of the token."""


def _key_of(source: IssuerKeySource, header: dict[str, Any]) -> Key:
    if header.get("alg") not in ALGORITHMS:
        raise _BadError("the token does not hold: its algorithm is not RS256")
    if "crit" in header:
        raise _BadError("the token requires an extension that is not known here")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID:
        raise _BadError("the token names no key")
    key = source.key(kid)
    if isinstance(key, CannotVerify):
        raise _CannotVerifyYet(key.why)
    return key


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload, read strictly. PyJWT takes the last of two members of one name, and ignores unused bits at
    the end of base64, so a changed token could still verify."""
    if len(token) > TOKEN_LIMIT:
        raise _BadError(f"expected a token of at most {TOKEN_LIMIT} characters")
    if not _COMPACT.fullmatch(token):
        raise _BadError("expected a signed token: three parts of base64url")
    header, payload, _ = (_decoded(part) for part in token.split("."))
    return _read(header), _read(payload)


def _decoded(part: str) -> bytes:
    try:
        decoded = jwt.utils.base64url_decode(part)
    except ValueError:
        decoded = b""
    if jwt.utils.base64url_encode(decoded) != part.encode():
        raise _BadError("expected a signed token: three parts of base64url")
    return decoded


def _read(part: bytes) -> dict[str, Any]:
    try:
        claims = strict_object(part)
        json.dumps(claims, ensure_ascii=False).encode()  # half a surrogate pair is not text
    except (ValueError, RecursionError):
        raise _BadError("expected JSON in the token, each name once") from None
    return claims


def _id_token(claims: _Claims, audience: str, nonce: str) -> IdToken:
    claim_values = claims.values
    if not nonce or not hmac.compare_digest(_text(claim_values, "nonce").encode(), nonce.encode()):
        raise _BadError("the token answers another request: its nonce differs")
    if "scp" in claim_values or "idtyp" in claim_values:
        raise _BadError("expected an ID token, got an access token")
    return IdToken(
        person=_person(claim_values),
        audience=audience,
        nonce=nonce,
        issued_at=claims.issued_at,
        expires_at=claims.expires_at,
        authenticated_at=_moment(claim_values, "auth_time") if "auth_time" in claim_values else None,
        key_set=claims.key.key_set,
        kid=claims.key.kid,
    )


def _person(claims: dict[str, Any]) -> TokenPerson:
    name = claims.get("name")
    return TokenPerson(
        tenant=_guid(claims, "tid"),
        oid=_guid(claims, "oid"),
        name=name[:LONGEST_NAME] if isinstance(name, str) else "",
        roles=_texts(claims, "roles"),
        groups=_groups(claims),
        guest=None if (kind := claims.get("acct")) is None else kind != 0,
    )


def _groups(claims: dict[str, Any]) -> tuple[str, ...] | None:
    """The groups; None if the token only points to them (`_claim_names`, or `hasgroups`), as it does beyond 200."""
    elsewhere = claims.get("_claim_names")
    if claims.get("hasgroups") or (
        elsewhere is not None and (not isinstance(elsewhere, dict) or "groups" in elsewhere)
    ):
        return None
    return tuple(group.casefold() for group in _texts(claims, "groups"))


def _texts(claims: dict[str, Any], name: str) -> tuple[str, ...]:
    value = claims.get(name, [])
    if not isinstance(value, list) or len(value) > MOST_RIGHTS:
        raise _BadError(f"expected {name} as a list of at most {MOST_RIGHTS}")
    if not all(isinstance(each, str) and 0 < len(each) <= LONGEST_NAME for each in value):
        raise _BadError(f"expected {name} as a list of names")
    return tuple(value)


def _guid(claims: dict[str, Any], name: str) -> str:
    value = _text(claims, name)
    if not _GUID.fullmatch(value):
        raise _BadError(f"expected {name} as an object id")
    return value.casefold()


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        raise _BadError(f"the token has no {name}")
    return value


def _moment(claims: dict[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < _LATEST:
        raise _BadError(f"expected {name} as seconds since 1970")
    return datetime.fromtimestamp(value, UTC)
