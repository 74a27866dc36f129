"""A double of Entra for the local stack: an OpenID provider, and the endpoint of managed identities. See README.md."""

from .browser import CANCEL, Browser, Callback, Pkce, SignInStuck
from .flow import Flow, Redeemed, Tokens
from .server import Identity
from .settings import COMMAND, SIGN_IN, VOTES, ManagedIdentity, Person, Registration, Settings, laptop

__all__ = [
    "CANCEL",
    "COMMAND",
    "SIGN_IN",
    "VOTES",
    "Browser",
    "Callback",
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
