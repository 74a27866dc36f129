"""Identify API callers: a signed-in person, the holder of a key, or both.

The Functions host checks its own keys before it calls the app, but does not tell a Python app which one was used. The
app sees only the key itself, in `x-functions-key` or `?code=`, so the settings assign roles to hashes of keys.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..domain.people import Principal
from ..domain.roles import Caller, Role, read_roles
from .principal import HEADER, read_principal

KEY_HEADER = "x-functions-key"
KEY_PARAMETER = "code"
HOST_KEY = "api"
"""The name of a caller whose key the host accepted but the settings do not name."""


class Unknown(Exception):  # noqa: N818 - it is an answer, not a fault
    """The caller cannot be identified."""

    def __init__(self) -> None:
        super().__init__("sign in, or send a key that this installation knows as x-functions-key")


@dataclass(frozen=True, kw_only=True)
class NamedKey:
    """A key named in the settings."""

    role: Role
    sha256: str = field(repr=False)
    """Hash of the key, 64 hexadecimal digits."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """How API callers are authenticated."""

    easy_auth: bool
    """Whether Easy Auth is in front; without it, its header is ignored because anybody could send it."""
    host_keys: bool
    """Whether the host checks its own keys first, so that every caller holds one of them."""
    host_key_role: Role = Role.OPERATOR
    """The role of a host key without a name in the settings."""
    keys: Mapping[str, NamedKey] = field(default_factory=dict)

    def caller(self, headers: Mapping[str, str], parameters: Mapping[str, str]) -> Caller:
        """`headers` must be case-insensitive. Raises `Unknown`, and `BadInput` for an invalid principal header."""
        return self.caller_as(self.principal(headers), headers, parameters)

    def caller_as(
        self, principal: Principal | None, headers: Mapping[str, str], parameters: Mapping[str, str]
    ) -> Caller:
        """The caller, given the sign-in that `principal` returned. Raises `Unknown`."""
        named = self._named(headers.get(KEY_HEADER) or parameters.get(KEY_PARAMETER) or "")
        person = _person(principal) if principal else None
        if named is None and self.host_keys:
            named = Caller(name=HOST_KEY, roles=frozenset({self.host_key_role}))
        if person and named:
            return person.evolve(roles=person.roles | named.roles)
        if caller := person or named:
            return caller
        raise Unknown

    def person(self, headers: Mapping[str, str]) -> Caller | None:
        """The signed-in person. Everybody who can sign in is a reader, as on the pages; app roles add to that."""
        principal = self.principal(headers)
        return _person(principal) if principal else None

    def principal(self, headers: Mapping[str, str]) -> Principal | None:
        """The sign-in from its header, or None without Easy Auth. Raises `BadInput`."""
        header = headers.get(HEADER, "") if self.easy_auth else ""
        return read_principal(header) if header else None

    def _named(self, key: str) -> Caller | None:
        """The caller of a named key. All hashes are compared, each in constant time."""
        digest = hashlib.sha256(key.encode()).hexdigest()
        names = [name for name, known in self.keys.items() if hmac.compare_digest(digest, known.sha256)]
        if not key or not names:
            return None
        return Caller(name=f"key:{names[0]}", roles=frozenset({self.keys[names[0]].role}))


def _person(principal: Principal) -> Caller:
    claims = frozenset(f"role:{role}" for role in principal.roles)
    return Caller(name=principal.name, roles=read_roles(principal.roles) | {Role.READER}, claims=claims)
