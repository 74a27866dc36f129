"""Identifies API callers: a person or an application by an access token, or the holder of a key.

The Functions host checks its own keys before it calls the app, but does not tell a Python app which one was used. The
app sees only the key itself, in `x-functions-key` or `?code=`, so the settings give names to hashes of keys. The holder
of a key is unknown, so a key is good for reading only.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..clock import Clock
from ..domain.identity import AccessTokenReader, CannotVerify, IdentityRefused, TokenPerson
from ..domain.people import OID, SignedIn
from ..domain.roles import Caller, Role, read_roles
from .sessions import Session

KEY_HEADER = "x-functions-key"
KEY_PARAMETER = "code"
HOST_KEY = "api"
"""The name of a caller whose key the host accepted but the settings do not name."""
OF_KEYS: Final = frozenset({Role.READER})
_BEARER: Final = "bearer "


class UnknownCaller(Exception):  # noqa: N818 - it is an answer, not a fault
    """The caller cannot be identified; the message says why."""

    def __init__(self, why: str = "send an access token as Authorization: Bearer …") -> None:
        super().__init__(why)


class CallerNotYetKnown(Exception):  # noqa: N818 - it is an answer, not a fault
    """The caller cannot be identified right now: the identity provider is away."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """The authentication of API callers. `headers` must be case-insensitive."""

    tokens: AccessTokenReader
    clock: Clock
    host_keys: bool
    """Whether the host checks its own keys first, so that every caller holds one of them."""
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Keys that the settings name: the hash of each, 64 hexadecimal digits."""

    def caller(self, headers: Mapping[str, str], parameters: Mapping[str, str]) -> Caller:
        """The caller of a request. Raises `UnknownCaller`, even if a bad token comes with a good key, and
        `CallerNotYetKnown`."""
        if (bearer := self._bearer(headers)) is not None:
            return self._caller_of_token(bearer)
        caller = self._caller_of_key(headers.get(KEY_HEADER) or parameters.get(KEY_PARAMETER) or "")
        if caller is None and self.host_keys:
            caller = Caller(name=HOST_KEY, roles=OF_KEYS)
        if caller is None:
            raise UnknownCaller
        return caller

    def _bearer(self, headers: Mapping[str, str]) -> str | None:
        header = headers.get("Authorization")
        if header is None:
            return None
        if not header[: len(_BEARER)].casefold() == _BEARER:
            raise UnknownCaller("Authorization: expected Bearer and an access token")
        return header[len(_BEARER) :].strip()

    def _caller_of_token(self, token: str) -> Caller:
        verdict = self.tokens.verify(token, at=self.clock())
        if isinstance(verdict, IdentityRefused):
            raise UnknownCaller(f"the access token is not accepted: {verdict.why}")
        if isinstance(verdict, CannotVerify):
            raise CallerNotYetKnown(verdict.why)
        who = verdict.value
        if isinstance(who, TokenPerson):
            return caller_of_person(who)
        claims = {f"app:{who.client_id}", *(f"role:{role}" for role in who.roles)}
        return Caller(name=f"app:{who.client_id}", roles=read_roles(who.roles), claims=frozenset(claims))

    def _caller_of_key(self, key: str) -> Caller | None:
        """The caller of a named key. All hashes are compared, each in constant time."""
        digest = hashlib.sha256(key.encode()).hexdigest()
        names = [name for name, stored_digest in self.keys.items() if hmac.compare_digest(digest, stored_digest)]
        if not key or not names:
            return None
        return Caller(name=f"key:{names[0]}", roles=OF_KEYS)


def caller_of_person(who: Session | TokenPerson) -> Caller:
    """The person, by their object id: names are neither unique nor verified. A person with any role here may read, even
    if only a gate names the role."""
    return Caller(
        name=f"{OID}{who.oid}",
        roles=read_roles(who.roles) | ({Role.READER} if who.roles else set()),
        shown=who.name,
        signed_in=SignedIn(object_id=who.oid, groups=who.groups or (), roles=who.roles),
        claims=frozenset(f"role:{role}" for role in who.roles),
    )
