"""Rights: principals, scopes, and the two-step token exchange of ACR.

The flow is that of `AAD-OAuth.md` in Azure/acr: a 401 challenge names realm, service and scope; an Entra token is
exchanged for a refresh token; a refresh token (or a name and password) for an access token with that scope.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import Code, OciError
from .settings import Principal, Settings
from .tokens import Signer, TokenError

TOKEN_USER = "00000000-0000-0000-0000-000000000000"
"""The user name to send with a refresh token in place of a password."""

ANONYMOUS = "anonymous"
REFRESH, ACCESS = "refresh_token", "access_token"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Actions on one resource, written `repository:shop:pull,push` or `registry:catalog:*`."""

    kind: str
    name: str
    actions: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> "Scope":
        kind, _, name_and_actions = text.partition(":")
        name, _, actions = name_and_actions.rpartition(":")
        if not kind or not name or not actions:
            raise OciError(Code.UNAUTHORIZED, f"scope: expected type:name:actions, got {text[:200]!r}", status=400)
        return cls(kind=kind, name=name, actions=frozenset(actions.split(",")))

    @classmethod
    def repository(cls, name: str, *actions: str) -> "Scope":
        return cls(kind="repository", name=name, actions=frozenset(actions))

    def __str__(self) -> str:
        order = [*("pull", "push"), *sorted(self.actions - {"pull", "push"})]
        return f"{self.kind}:{self.name}:{','.join(action for action in order if action in self.actions)}"


CATALOG = Scope(kind="registry", name="catalog", actions=frozenset({"*"}))


class Authority:
    """Knows the principals, issues tokens and checks them."""

    def __init__(self, settings: Settings, signer: Signer) -> None:
        self._settings = settings
        self._signer = signer
        self._by_name = {principal.name: principal for principal in settings.principals}

    def check(self, authorization: str | None, *, realm: str, service: str, scopes: Sequence[Scope]) -> str:
        """The name of the principal whose token covers the scopes; raises OciError 401 with a challenge."""

        def refused(detail: object, error: str | None = None) -> OciError:
            parts = [f'realm="{realm}"', f'service="{service}"']
            parts += [f'scope="{" ".join(map(str, scopes))}"'] if scopes else []
            parts += [f'error="{error}"'] if error else []
            return OciError(Code.UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer " + ",".join(parts)})

        scheme, _, token = (authorization or "").partition(" ")
        if scheme.casefold() != "bearer" or not token:
            raise refused(_scope_details(scopes))
        try:
            claims = self._signer.claims(ACCESS, token.strip())
        except TokenError as error:
            raise refused(str(error), "invalid_token") from error
        if claims["aud"] != service:
            raise refused("the token is for another registry", "invalid_token")
        if not all(_covers(claims["access"], scope) for scope in scopes):
            raise refused(_scope_details(scopes), "insufficient_scope")
        return str(claims["sub"])

    def exchange(self, *, service: str, entra_token: str) -> str:
        """Exchange an Entra access token for a refresh token."""
        for principal in self._settings.principals:
            if principal.entra_token and _is_same(principal.entra_token.get_secret_value(), entra_token):
                return self._refresh_token(principal, service)
        raise OciError(Code.UNAUTHORIZED, "access_token: expected the Entra token of a known principal, got another")

    def by_refresh_token(self, *, service: str, token: str) -> Principal:
        try:
            claims = self._signer.claims(REFRESH, token)
        except TokenError as error:
            raise OciError(Code.UNAUTHORIZED, str(error)) from error
        if claims["aud"] != service:
            raise OciError(Code.UNAUTHORIZED, f"refresh_token: expected one for {service}, got another")
        return self._by_name[claims["sub"]]

    def by_password(self, *, service: str, name: str, password: str) -> Principal:
        if name == TOKEN_USER:
            return self.by_refresh_token(service=service, token=password)
        principal = self._by_name.get(name)
        if principal and principal.password and _is_same(principal.password.get_secret_value(), password):
            return principal
        raise OciError(Code.UNAUTHORIZED, "the user name or the password is wrong")

    def by_basic(self, *, service: str, authorization: str) -> Principal:
        scheme, _, encoded = authorization.partition(" ")
        try:
            name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise OciError(Code.UNAUTHORIZED, "Authorization: expected Basic and base64 of name:password") from error
        if scheme.casefold() != "basic" or not colon:
            raise OciError(Code.UNAUTHORIZED, "Authorization: expected Basic and base64 of name:password")
        return self.by_password(service=service, name=name, password=password)

    def access_token(self, principal: Principal | None, *, service: str, scopes: Iterable[Scope]) -> str:
        """A token for the allowed ones of the scopes; refused if scopes were requested and none of them is allowed."""
        requested = list(scopes)
        granted = [grant for scope in requested if (grant := self._grant(principal, scope)).actions]
        if (requested and not granted) or (principal is None and not granted):
            raise OciError(Code.UNAUTHORIZED, _scope_details(requested))
        access = [{"type": g.kind, "name": g.name, "actions": sorted(g.actions)} for g in granted]
        claims = {"iss": "Azure Container Registry", "aud": service, "sub": _name(principal), "access": access}
        return self._signer.token(ACCESS, claims, seconds=self._settings.access_token_minutes * 60)

    def refresh_token(self, principal: Principal, *, service: str) -> str:
        return self._refresh_token(principal, service)

    def _refresh_token(self, principal: Principal, service: str) -> str:
        claims = {"iss": "Azure Container Registry", "aud": service, "sub": principal.name}
        return self._signer.token(REFRESH, claims, seconds=self._settings.refresh_token_minutes * 60)

    def _grant(self, principal: Principal | None, scope: Scope) -> Scope:
        allowed: frozenset[str] = frozenset()
        if scope.kind == "repository":
            allowed = self._allowed(principal, scope.name)
        elif scope == CATALOG and principal and principal.catalog:
            return scope
        actions = allowed if "*" in scope.actions else scope.actions & allowed
        return Scope(kind=scope.kind, name=scope.name, actions=actions)

    def _allowed(self, principal: Principal | None, repository: str) -> frozenset[str]:
        open_to_all = frozenset({"pull", "metadata_read"} if self._settings.anonymous_pull else ())
        return open_to_all | (principal.actions_on(repository) if principal else frozenset())


def _covers(access: list[dict[str, Any]], scope: Scope) -> bool:
    granted: set[str] = set()
    for entry in access:
        if (entry["type"], entry["name"]) == (scope.kind, scope.name):
            granted |= set(entry["actions"])
    return scope.actions <= granted


def _scope_details(scopes: Sequence[Scope]) -> object:
    return [{"Type": scope.kind, "Name": scope.name, "Actions": sorted(scope.actions)} for scope in scopes]


def _name(principal: Principal | None) -> str:
    return principal.name if principal else ANONYMOUS


def _is_same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())
