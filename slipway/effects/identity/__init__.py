"""The identity provider: its keys, the tokens that it signed, and redeeming the code of a sign-in.

issuer = Issuer(url, tenant=tenant, pool=new_pool())
votes = IdTokens(issuer, client_id)
match votes.verify(token, nonce=nonce, at=received_at):
    case Verified(value=token): ...
"""

from .asking import Ask, Verifier, authorization_url
from .issuer import Issuer, IssuerEndpoints
from .keys import IssuerKeySource, Key
from .provider import Registration
from .redeem import AssertionAway, Client, Code, managed_assertion, redeem
from .tokens import AccessTokens, IdTokens
from .web import new_identity_pool

__all__ = [
    "AccessTokens",
    "Ask",
    "AssertionAway",
    "Client",
    "Code",
    "IdTokens",
    "Issuer",
    "IssuerEndpoints",
    "IssuerKeySource",
    "Key",
    "Registration",
    "Verifier",
    "authorization_url",
    "managed_assertion",
    "new_identity_pool",
    "redeem",
]
