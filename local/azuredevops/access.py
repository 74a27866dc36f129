"""Access to the double: Entra tokens for Azure DevOps, issued to service principals that are members of the
organization.

Azure DevOps ignores the token's scopes and application roles: its holder may do whatever the organization lets that
member do.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from .answers import NotKnown, Refusal, SignIn
from .organization import Organization, Reader
from .times import Clock, utc_now

AUDIENCE = "499b84ac-1321-427f-aa17-267ca6975798"
"""The id of Azure DevOps in Entra; tokens for it are requested with the scope `<audience>/.default`."""
ALGORITHM = "RS256"
HOUR = 3600
BACK_DATED = 300
"""Entra back-dates `iat` and `nbf` by five minutes."""

Keys = Callable[[str], jwt.PyJWK | None]
"""Returns the key of a `kid`, or None."""


def issuer(tenant: str) -> str:
    """The issuer of tokens for Azure DevOps, which are of version 1.0."""
    return f"https://sts.windows.net/{tenant}/"


@dataclass(frozen=True)
class Gate:
    """Accepts a token or refuses it. Refusals look like those of Azure DevOps: often without an error status."""

    organization: Organization
    keys: Keys
    clock: Clock

    def enter(self, authorization: str) -> Reader:
        """The member that sends the request. Raises `SignIn`, `Refusal`, `NotKnown`."""
        scheme, _, token = authorization.partition(" ")
        if scheme.casefold() == "basic":
            raise NotKnown("a personal access token for this request: Slipway reads runs with its own identity only")
        if scheme.casefold() != "bearer" or not token:
            raise SignIn
        claims = self._verified_claims(token)
        if claims.get("idtyp") != "app":
            raise NotKnown("an access token of a person")
        if (reader := self.organization.readers.get(str(claims["oid"]))) is None:
            tenant, oid = self.organization.tenant, claims["oid"]
            raise Refusal(
                401,
                "UnauthorizedRequestException",
                f"TF401444: Please sign-in at least once as {tenant}\\{tenant}\\{oid} in a web browser to enable "
                "access to the service.",
            )
        return reader

    def _verified_claims(self, token: str) -> Mapping[str, Any]:
        try:
            key = self.keys(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise SignIn
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=issuer(self.organization.tenant),
                options={
                    "require": ["exp", "nbf", "aud", "iss", "oid", "tid"],
                    "verify_exp": False,
                    "verify_nbf": False,
                },
            )
        except jwt.InvalidTokenError:
            raise SignIn from None
        if not claims["nbf"] <= self.clock().timestamp() < claims["exp"]:
            raise SignIn
        return claims


@functools.cache
def key_of_this_process() -> rsa.RSAPrivateKey:
    """One key for all doubles of a process: making a key takes longer than most tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Tenant:
    """The part of Entra that signs tokens, for tests that start no identity provider."""

    def __init__(self, id: str, *, clock: Clock = utc_now, key: rsa.RSAPrivateKey | None = None) -> None:
        self.id = str(UUID(id))
        self._clock = clock
        self._private = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._kid = f"tenant-{id[:8]}"

    def keys(self, kid: str) -> jwt.PyJWK | None:
        if kid != self._kid:
            return None
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self._private.public_key(), as_dict=True)
        return jwt.PyJWK({**public, "kid": self._kid, "alg": ALGORITHM, "use": "sig"})

    def token(self, oid: str, /, **changes: object) -> str:
        """An access token of a service principal for Azure DevOps. `changes` replaces or adds claims; None removes."""
        now = int(self._clock().timestamp())
        claims: dict[str, object] = {
            "aud": AUDIENCE,
            "iss": issuer(self.id),
            "iat": now - BACK_DATED,
            "nbf": now - BACK_DATED,
            "exp": now + HOUR,
            "appid": oid,
            "idtyp": "app",
            "oid": oid,
            "sub": oid,
            "tid": self.id,
            "ver": "1.0",
        } | changes
        claims_to_sign = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims_to_sign, self._private, algorithm=ALGORITHM, headers={"kid": self._kid})
