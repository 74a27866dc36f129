"""A published set of keys (JWKS), read strictly: RSA keys for signing, of a limited size, each id once."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from ...domain.identity import CannotVerify, KeySet
from .web import strict_object

MOST_KEYS: Final = 1000
"""Entra's page on key rollover says that clients have to handle 10 to 1,000."""
LONGEST_KID: Final = 256
LEAST_BITS, MOST_BITS = 2048, 8192
"""Below the first, RSA is weak; above the second, one verification costs too much."""
_LARGEST_EXPONENT: Final = 2**32


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key, and the set that it was found in."""

    kid: str
    public: RSAPublicKey = field(repr=False)
    key_set: KeySet


class IssuerKeySource(Protocol):
    """A source of an issuer's keys: `Issuer`, or a test's own."""

    @property
    def url(self) -> str:
        """The `iss` of its tokens."""
        ...

    @property
    def tenant(self) -> str: ...

    def key(self, kid: str) -> Key | CannotVerify: ...
    def key_set(self) -> KeySet | CannotVerify:
        """Everything that it publishes."""
        ...


@dataclass(frozen=True, kw_only=True)
class PublishedKeys:
    """A set that was read: public numbers by key id. Keys are only built when they are used, since a set may hold a
    thousand."""

    key_set: KeySet
    numbers: Mapping[str, RSAPublicNumbers] = field(repr=False)

    def key(self, kid: str) -> Key | None:
        numbers = self.numbers.get(kid)
        return None if numbers is None else Key(kid=kid, public=numbers.public_key(), key_set=self.key_set)


def read_keys(content: bytes, *, issuer: str, tenant: str) -> PublishedKeys:
    """The keys; those of another kind, use or issuer are skipped. Raises `ValueError` for a document that is not a set
    of keys."""
    listed = strict_object(content).get("keys")
    if not isinstance(listed, list):
        raise ValueError("expected keys, a list")  # noqa: TRY004 - what is read is wrong, not our call
    if len(listed) > MOST_KEYS:
        raise ValueError(f"expected at most {MOST_KEYS} keys, got {len(listed)}")
    numbers: dict[str, RSAPublicNumbers] = {}
    for key in listed:
        if not isinstance(key, dict):
            raise ValueError("expected each key to be an object")  # noqa: TRY004 - as above
        if not _signs_for(key, issuer, tenant):
            continue
        kid = key.get("kid")
        if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID:
            continue
        if kid in numbers:
            raise ValueError("expected each key id once")
        numbers[kid] = _numbers(key)
    if not numbers:
        raise ValueError("expected at least one RSA key for signing")
    return PublishedKeys(key_set=KeySet(content=content), numbers=numbers)


def _signs_for(key: Mapping[str, Any], issuer: str, tenant: str) -> bool:
    """Whether a key is the issuer's. Entra's common documents name each key's issuer, with a template if a key serves
    all tenants."""
    key_issuer = key.get("issuer", issuer)
    return (
        key.get("kty") == "RSA"
        and key.get("use", "sig") == "sig"
        and key.get("alg", "RS256") == "RS256"
        and isinstance(key_issuer, str)
        and key_issuer.replace("{tenantid}", tenant) == issuer
    )


def _numbers(key: Mapping[str, Any]) -> RSAPublicNumbers:
    modulus, exponent = _integer(key.get("n")), _integer(key.get("e"))
    if not LEAST_BITS <= modulus.bit_length() <= MOST_BITS:
        raise ValueError(f"expected RSA keys of {LEAST_BITS} to {MOST_BITS} bits, got one of {modulus.bit_length()}")
    if modulus % 2 == 0:
        raise ValueError("expected the modulus of an RSA key to be odd")
    if not 2 < exponent < _LARGEST_EXPONENT or exponent % 2 == 0:  # noqa: PLR2004 - no RSA key has a smaller one
        raise ValueError("expected an odd RSA exponent of at most 32 bits")
    return RSAPublicNumbers(exponent, modulus)


def _integer(text: object) -> int:
    if not isinstance(text, str) or len(text) > MOST_BITS:
        raise ValueError("expected the numbers of an RSA key in base64url")
    try:
        return int.from_bytes(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise ValueError("expected the numbers of an RSA key in base64url") from None


class ArchivedKeys:
    """An issuer's keys as they were published once, without asking for its present ones."""

    def __init__(self, issuer: IssuerKeySource, published: bytes) -> None:
        """Raises `ValueError` for a document that is not a set of keys."""
        self.url, self.tenant = issuer.url, issuer.tenant
        self._keys = read_keys(published, issuer=issuer.url, tenant=issuer.tenant)

    def key(self, kid: str) -> Key | CannotVerify:
        return self._keys.key(kid) or CannotVerify(why="none of the archived keys has the token's key id")

    def key_set(self) -> KeySet | CannotVerify:
        return self._keys.key_set
