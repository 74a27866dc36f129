"""One of our registrations at the identity provider: sends people there, and redeems the code that comes back.

The front has two of these: with one people sign in, and with the other they prove their statements.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ...domain.identity import CannotVerify, IdToken, Verdict
from .asking import Ask, Prompt, Verifier, authorization_url
from .issuer import Issuer
from .redeem import Client, Code, redeem
from .tokens import IdTokens
from .web import IdentityPool


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A client of the provider, with the one address that it may lead back to."""

    issuer: Issuer
    pool: IdentityPool
    client: Client
    redirect_uri: str
    scope: str
    """`openid profile` and a scope of the registration's own, so that it is clear what the sign-in is for."""

    def address(
        self, *, state: str, nonce: str, verifier: str, fresh: timedelta | None = None, prompt: Prompt | None = None
    ) -> str | CannotVerify:
        """The address to send the browser to. `fresh` is the greatest age of the person's credential."""
        endpoints = self.issuer.endpoints()
        if isinstance(endpoints, CannotVerify):
            return endpoints
        ask = Ask(
            client_id=self.client.client_id,
            redirect_uri=self.redirect_uri,
            scope=self.scope,
            nonce=nonce,
            state=state,
            verifier=Verifier(value=verifier),
            max_age=None if fresh is None else int(fresh.total_seconds()),
            prompt=prompt,
        )
        return authorization_url(endpoints, ask)

    def redeem(self, code: str, verifier: str) -> Verdict[str]:
        """The ID token for the code, not verified yet."""
        grant = Code(value=code, redirect_uri=self.redirect_uri, verifier=Verifier(value=verifier))
        return redeem(self.issuer, self.pool, self.client, grant)

    def verify(self, token: str, *, nonce: str, at: datetime) -> Verdict[IdToken]:
        return IdTokens(self.issuer, self.client.client_id).verify(token, nonce=nonce, at=at)
