"""Who calls the API: a person who has signed in, or the holder of a key. Nothing else is believed.

The Functions host checks its own keys before the app is asked, and does not tell a Python app which one it was: what
the app sees is the key itself, in `x-functions-key` or `?code=`. So a key gets its role by its hash, in the settings.
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
"""The name of a caller whose key the host let in and the settings do not name."""


class Unknown(Exception):  # noqa: N818 - it is an answer, not a fault
    """Nobody is known who makes the request."""

    def __init__(self) -> None:
        super().__init__("sign in, or send a key that this installation knows as x-functions-key")


@dataclass(frozen=True, kw_only=True)
class NamedKey:
    """A key that the settings name."""

    role: Role
    sha256: str = field(repr=False)
    """Hash of the key, 64 hexadecimal digits."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """Whom the API believes."""

    easy_auth: bool
    """Whether Easy Auth is in front, which alone makes its header worth anything."""
    host_keys: bool
    """Whether the host has checked its own keys before: then every caller holds one of them."""
    host_key_role: Role = Role.OPERATOR
    """The role of a host key that is not named."""
    keys: Mapping[str, NamedKey] = field(default_factory=dict)

    def caller(self, headers: Mapping[str, str], parameters: Mapping[str, str]) -> Caller:
        """`headers` must find names in any case. Raises `Unknown`, and `BadInput` for a header that is no principal."""
        return self.caller_as(self.principal(headers), headers, parameters)

    def caller_as(
        self, principal: Principal | None, headers: Mapping[str, str], parameters: Mapping[str, str]
    ) -> Caller:
        """The caller, of whose sign-in the header was read before. Raises `Unknown`."""
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
        """Who has signed in. Everybody who could is a reader, as on the pages; app roles come on top."""
        principal = self.principal(headers)
        return _person(principal) if principal else None

    def principal(self, headers: Mapping[str, str]) -> Principal | None:
        """The sign-in as its header says it, where that is worth anything. Raises `BadInput`."""
        header = headers.get(HEADER, "") if self.easy_auth else ""
        return read_principal(header) if header else None

    def _named(self, key: str) -> Caller | None:
        """Every hash is compared, each in constant time."""
        digest = hashlib.sha256(key.encode()).hexdigest()
        names = [name for name, known in self.keys.items() if hmac.compare_digest(digest, known.sha256)]
        if not key or not names:
            return None
        return Caller(name=f"key:{names[0]}", roles=frozenset({self.keys[names[0]].role}))


def _person(principal: Principal) -> Caller:
    return Caller(name=principal.name, roles=read_roles(principal.roles) | {Role.READER})
