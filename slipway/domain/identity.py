"""The identity that a verified token shows, and the possible results of verifying one.

`effects/identity` reads the tokens; pages, API and the proof of a vote decide by the types here.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from .model import sha256

TOKEN_LIMIT = 24_000
"""Characters of an ID or access token: 200 groups and as many roles fit."""


@dataclass(frozen=True, kw_only=True)
class VerifiedToken[T]:
    """The issuer signed it, for us, and every rule of the reader holds."""

    value: T


@dataclass(frozen=True, kw_only=True)
class IdentityRefused:
    """The token is not what it claims to be, and never will be. `why` is for people and contains nothing of the
    token."""

    why: str


@dataclass(frozen=True, kw_only=True)
class CannotVerify:
    """The proof cannot be judged yet: the issuer cannot be reached, or does not publish that key. It is neither passed
    nor refused."""

    why: str


type Verdict[T] = VerifiedToken[T] | IdentityRefused | CannotVerify


@dataclass(frozen=True, kw_only=True)
class KeySet:
    """An issuer's public keys, byte for byte as they were published, so that they can be kept and named by hash."""

    content: bytes = field(repr=False)

    @property
    def hash(self) -> str:
        return sha256(self.content)


@dataclass(frozen=True, kw_only=True)
class TokenPerson:
    """A person, as a token names them. Tenant and object id identify the person; the rest is for display or for
    rights."""

    tenant: str
    oid: str
    """Object id in that tenant, lower case."""
    name: str
    """For display only: names are neither unique nor verified."""
    roles: tuple[str, ...]
    """App roles on the registration that the token is for."""
    groups: tuple[str, ...] | None
    """Object ids, lower case; None, meaning unknown, if the person is in more groups than a token names."""
    guest: bool | None = None
    """None if the token does not say."""


@dataclass(frozen=True, kw_only=True)
class TokenApplication:
    """An application that calls in its own name."""

    tenant: str
    oid: str
    """Object id of its service principal, lower case."""
    client_id: str
    roles: tuple[str, ...]
    """Never empty."""


@dataclass(frozen=True, kw_only=True)
class IdToken:
    """A verified ID token."""

    person: TokenPerson
    audience: str
    nonce: str
    issued_at: datetime
    """Entra writes it five minutes into the past."""
    expires_at: datetime
    authenticated_at: datetime | None
    """When the person last gave their credential; None if the registration lacks the optional claim."""
    key_set: KeySet
    """The set that its signature was verified with."""
    kid: str


class AccessTokenReader(Protocol):
    """Verifies access tokens: of people, and of applications that call in their own name (`effects/identity`)."""

    def verify(self, token: str, *, at: datetime) -> Verdict[TokenPerson | TokenApplication]: ...


class TokenReader(Protocol):
    """Reads the ID tokens of the votes' registration (`effects/identity`)."""

    @property
    def issuer(self) -> str: ...
    def key_set(self) -> KeySet | CannotVerify: ...
    def verify(self, token: str, *, nonce: str, at: datetime) -> Verdict[IdToken]: ...
    def archived(self, published: bytes) -> "TokenReader":
        """A reader of the same tokens with only this set of keys. Raises `ValueError` if it is not a set of keys."""
        ...
