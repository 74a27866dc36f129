"""A double of Entra for a laptop: an OpenID provider, and the endpoint of managed identities. See README.md."""

from .browser import CANCEL, Browser, CameBack, Pkce, SignInStuck
from .flow import Flow, Redeemed, Tokens
from .server import Identity
from .settings import COMMAND, SIGN_IN, VOTES, ManagedIdentity, Person, Registration, Settings, laptop

__all__ = [
    "CANCEL",
    "COMMAND",
    "SIGN_IN",
    "VOTES",
    "Browser",
    "CameBack",
    "Flow",
    "Identity",
    "ManagedIdentity",
    "Person",
    "Pkce",
    "Redeemed",
    "Registration",
    "Settings",
    "SignInStuck",
    "Tokens",
    "laptop",
]
