"""The address at which a person signs in: the request to the provider, and the verifier that only we keep (PKCE)."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

from .issuer import IssuerEndpoints

type Prompt = Literal["none", "login", "select_account"]
"""The screen that the provider shows even if it has a session: none, the question for the credential, or the
accounts."""


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """Proves when the code is redeemed that the same app asked for it. It leaves the app for nothing else."""

    value: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.value.encode()).digest()).decode().rstrip("=")


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request for a sign-in."""

    client_id: str
    redirect_uri: str
    scope: str
    """`openid profile` (without `profile` there is no object id) and a scope of the registration itself."""
    nonce: str
    state: str
    verifier: Verifier
    max_age: int | None = None
    """Seconds since the credential was last given; after an older sign-in, it is asked for again."""
    prompt: Prompt | None = None
    login_hint: str | None = None


def authorization_url(endpoints: IssuerEndpoints, ask: Ask) -> str:
    fields = {
        "client_id": ask.client_id,
        "response_type": "code",
        "response_mode": "query",
        "redirect_uri": ask.redirect_uri,
        "scope": ask.scope,
        "nonce": ask.nonce,
        "state": ask.state,
        "code_challenge": ask.verifier.challenge,
        "code_challenge_method": "S256",
        "max_age": ask.max_age,
        "prompt": ask.prompt,
        "login_hint": ask.login_hint,
    }
    query = urlencode({name: value for name, value in fields.items() if value is not None})
    return f"{endpoints.authorization}?{query}"
