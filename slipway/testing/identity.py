"""An issuer in memory: it signs a test's claims with a key that the readers of tokens find in the same way as Entra's.
The readers are the product's own; only HTTP is left out."""

import json
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from slipway.domain.identity import CannotVerify, KeySet, TokenPerson
from slipway.effects.identity.keys import Key, read_keys

TENANT: Final = "11111111-1111-4111-8111-111111111111"
BACK_DATED: Final = timedelta(minutes=5)
"""How far Entra dates `iat` and `nbf` back."""
LIFE: Final = timedelta(hours=1)


@cache
def signing_key(kid: str) -> RSAPrivateKey:
    """A key for each id; made once, since that takes a tenth of a second."""
    return generate_private_key(public_exponent=65537, key_size=2048)


def published_keys(*kids: str) -> bytes:
    """A key set as it is published on the web."""
    keys = [
        {**RSAAlgorithm.to_jwk(signing_key(kid).public_key(), as_dict=True), "kid": kid, "use": "sig"} for kid in kids
    ]
    return json.dumps({"keys": keys}).encode()


class MemoryIssuer:
    """A source of keys (`effects/identity/keys.py`), which also signs."""

    def __init__(self, *, tenant: str = TENANT, kid: str = "k1") -> None:
        self.tenant, self.kid, self.away = tenant, kid, False
        self.url = f"https://issuer.example/{tenant}/v2.0"

    def key(self, kid: str) -> Key | CannotVerify:
        if self.away:
            return CannotVerify(why="the issuer is away")
        key_set = read_keys(published_keys(self.kid), issuer=self.url, tenant=self.tenant)
        return key_set.key(kid) or CannotVerify(why="the issuer publishes no key with the token's key id")

    def key_set(self) -> KeySet | CannotVerify:
        return CannotVerify(why="the issuer is away") if self.away else KeySet(content=published_keys(self.kid))

    def claims(self, client_id: str, *, at: datetime) -> dict[str, Any]:
        """The common claims of this issuer's tokens at that moment."""
        back_dated = int((at - BACK_DATED).timestamp())
        times = {"iat": back_dated, "nbf": back_dated, "exp": int((at + LIFE).timestamp())}
        return {"iss": self.url, "aud": client_id, "tid": self.tenant, "ver": "2.0", "sub": "pairwise", **times}

    def id_token(self, client_id: str, person: TokenPerson, *, nonce: str, at: datetime, **more: Any) -> str:
        """`more` adds claims or replaces them; None leaves one out."""
        claims = self.claims(client_id, at=at) | person_claims(person)
        return self.sign(claims | {"nonce": nonce, "auth_time": int(at.timestamp())} | more)

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        present_claims = {name: value for name, value in claims.items() if value is not None}
        # Not `jwt.encode`, which refuses some claims that a hostile issuer could sign.
        payload, headers = json.dumps(present_claims).encode(), {"kid": self.kid} | header
        return jwt.api_jws.encode(payload, signing_key(self.kid), algorithm="RS256", headers=headers)


def person_claims(person: TokenPerson) -> dict[str, Any]:
    groups = None if person.groups is None else list(person.groups)
    return {
        "oid": person.oid,
        "name": person.name,
        "roles": list(person.roles),
        "groups": groups,
        "_claim_names": {"groups": "src1"} if groups is None else None,
        "acct": None if person.guest is None else int(person.guest),
    }
