"""The identity provider as the pages' sign-in sees it, over the clients of `effects/identity`."""

from dataclasses import dataclass
from datetime import datetime

from ..domain.identity import CannotVerify, IdToken, Verdict, VerifiedToken
from ..effects.identity import Ask, Client, Code, IdTokens, Issuer, Verifier, authorization_url, redeem
from ..effects.identity.web import IdentityPool
from ..http.signing_in import PendingSignIn

SCOPE = "user_impersonation"
"""The scope of the sign-in's registration. The scope that people are asked for. It makes the registration the resource
beyond doubt, so the tenant's rules for it apply; an access token of a person must have it."""
VOTES_SCOPE = "vote"
"""The scope of the votes' registration, asked for with the same reason; the access that it gives is never used."""


@dataclass(frozen=True, kw_only=True)
class OpenIdProvider:
    """One registration at one issuer."""

    issuer: Issuer
    pool: IdentityPool
    client: Client

    def address(self, pending: PendingSignIn, redirect_uri: str) -> str | CannotVerify:
        endpoints = self.issuer.endpoints()
        if isinstance(endpoints, CannotVerify):
            return endpoints
        return authorization_url(
            endpoints,
            Ask(
                client_id=self.client.client_id,
                redirect_uri=redirect_uri,
                scope=f"openid profile api://{self.client.client_id}/{SCOPE}",
                nonce=pending.nonce,
                state=pending.state,
                verifier=Verifier(value=pending.verifier),
                prompt="none" if pending.quiet else None,
            ),
        )

    def redeem(self, pending: PendingSignIn, redirect_uri: str, code: str, *, at: datetime) -> Verdict[IdToken]:
        grant = Code(value=code, redirect_uri=redirect_uri, verifier=Verifier(value=pending.verifier))
        redeemed = redeem(self.issuer, self.pool, self.client, grant)
        if not isinstance(redeemed, VerifiedToken):
            return redeemed
        return IdTokens(self.issuer, self.client.client_id).verify(redeemed.value, nonce=pending.nonce, at=at)
