"""A client of the provider for tests: starts a sign-in, lets a person choose, redeems the code, returns the tokens.

tokens = Flow(identity).sign_in(VOTES, "Ada", nonce=nonce)
"""

import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import urllib3

from .browser import CANCEL, Browser, Callback, Pkce
from .server import Identity
from .settings import Registration

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_EXCHANGE = "api://AzureADTokenExchange"
_VERSION = "2019-08-01"


@dataclass(frozen=True, kw_only=True)
class Tokens:
    id_token: str
    access_token: str
    pages: int
    """How often the person was asked to sign in."""


@dataclass(frozen=True, kw_only=True)
class Redeemed:
    """The token endpoint's response."""

    status: int
    content: dict[str, Any]


@dataclass
class Flow:
    """The confidential clients use the managed identity of the front; `command` is public."""

    identity: Identity
    back: str = "http://127.0.0.1:9/back"
    """An address where nobody listens: the browser stops before it gets there."""
    browser: Browser = field(default_factory=Browser)
    managed: str = "front"
    http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=30))

    @cached_property
    def discovery(self) -> dict[str, Any]:
        document: dict[str, Any] = self.http.request("GET", self.identity.discovery_url).json()
        return document

    def registration(self, name: str) -> Registration:
        return self.identity.settings.registration(name)

    def scope(self, name: str) -> str:
        """`openid profile` and each scope of the registration that this one calls, or else of its own."""
        registration = self.registration(name)
        target = self.registration(registration.calls) if registration.calls else registration
        return " ".join(("openid", "profile", *(f"api://{target.client_id}/{scope}" for scope in target.scopes)))

    def request(self, name: str, pkce: Pkce, **more: object) -> str:
        """The address to which a person's browser is sent. `more` adds or replaces parameters; None omits one."""
        parameters: dict[str, object] = {
            "client_id": self.registration(name).client_id,
            "response_type": "code",
            "response_mode": "query",
            "redirect_uri": self.back,
            "scope": self.scope(name),
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(32),
            "code_challenge": pkce.challenge,
            "code_challenge_method": "S256",
        } | more
        query = urlencode({key: value for key, value in parameters.items() if value is not None})
        return f"{self.discovery['authorization_endpoint']}?{query}"

    def go(self, name: str, who: str | None, pkce: Pkce, **more: object) -> Callback:
        """`who` is a person's name, `CANCEL`, or None if nobody is there to choose."""
        chosen = self.identity.settings.person(who).oid if who else who
        back = str(more.get("redirect_uri", self.back))
        return self.browser.go(self.request(name, pkce, **more), back_to=back, who=chosen)

    def cancel(self, name: str, **more: object) -> Callback:
        return self.go(name, CANCEL, Pkce(), **more)

    def managed_token(self, resource: str, **replaced: str) -> Redeemed:
        """The response of the endpoint of managed identities."""
        identity = self.identity.settings.identity(self.managed)
        query = {"resource": resource, "api-version": _VERSION, "client_id": identity.client_id} | replaced
        secret = query.pop("secret", identity.secret)
        response = self.http.request(
            "GET", self.identity.identity_endpoint, fields=query, headers={"X-IDENTITY-HEADER": secret}
        )
        return Redeemed(status=response.status, content=response.json())

    def redeem(self, name: str, code: str, pkce: Pkce, **replaced: str | None) -> Redeemed:
        """Send the code to the token endpoint, with the client's own proof."""
        registration = self.registration(name)
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "client_id": registration.client_id,
            "code": code,
            "redirect_uri": self.back,
            "code_verifier": pkce.verifier,
        }
        if not registration.public:
            form["client_assertion_type"] = ASSERTION_TYPE
            form["client_assertion"] = str(self.managed_token(TOKEN_EXCHANGE).content["access_token"])
        fields = {key: value for key, value in (form | replaced).items() if value is not None}
        response = self.http.request(
            "POST",
            self.discovery["token_endpoint"],
            body=urlencode(fields),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        return Redeemed(status=response.status, content=response.json())

    def sign_in(self, name: str, who: str | None, **more: object) -> Tokens:
        """Follow the flow from the button to the tokens. If it does not get there, raises `ValueError` with the
        provider's message."""
        pkce = Pkce()
        callback = self.go(name, who, pkce, **more)
        if "code" not in callback.parameters:
            raise ValueError(callback.parameters)
        redirect = more.get("redirect_uri")
        redeemed = self.redeem(
            name, callback.parameters["code"], pkce, **({"redirect_uri": str(redirect)} if redirect else {})
        )
        if redeemed.status != 200:
            raise ValueError(redeemed.content)
        tokens = redeemed.content
        return Tokens(id_token=tokens["id_token"], access_token=tokens["access_token"], pages=callback.pages)
