"""Ways to sign in to a registry: with an Entra token (ACR), with a name and password, or anonymously.

A credential is a value that several registries may share. Each registry creates its own authorizer from it, which turns
the registry's challenge and the scopes of a request into the `Authorization` header to send.
"""

import base64
import binascii
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, Protocol
from urllib.parse import urlencode, urlsplit

from ._answers import refused_sign_in
from ._endpoint import RegistryEndpoint, require_own_host, trusted
from ._errors import Denied, ErrorSubject, OtherSignIn, RequestRejected, Unsupported
from ._http import RegistryResponse, Surroundings, ask

_EARLY: Final = 60.0
"""A token is renewed this many seconds before it expires, so that it does not expire during a request."""

_SHORTEST_LIFE: Final = 60.0
_LARGEST_ANSWER: Final = 256 * 1024
_OK: Final = 200
_NOT_FOUND: Final = 404
_FORBIDDEN: Final = frozenset({400, 401, 403})


@dataclass(frozen=True, kw_only=True)
class BearerChallenge:
    """A registry's answer to a request without a token."""

    scheme: Literal["bearer", "basic"]
    realm: str = ""
    service: str = ""


@dataclass(frozen=True, kw_only=True)
class Authorization:
    """A header value, and when to ask for a new one."""

    header: str = field(repr=False)
    renew_at: float = float("inf")


_NOTHING: Final = Authorization(header="", renew_at=0.0)


class Authorizer(Protocol):
    """Signs in to one registry."""

    def authorize(self, challenge: BearerChallenge, scopes: Sequence[str]) -> Authorization: ...

    def forget(self) -> None:
        """Drop the tokens granted so far, since the registry refuses them: the next request starts again from the
        identity."""


class Credential(Protocol):
    """Something that authenticates to registries."""

    def authorizer(self, endpoint: RegistryEndpoint, around: Surroundings) -> Authorizer: ...


@dataclass(frozen=True)
class EntraCredential:
    """An Entra identity at an Azure Container Registry.

    `token` returns a current access token for `https://containerregistry.azure.net/.default`, and does any caching.
    """

    token: Callable[[], str] = field(repr=False)

    def authorizer(self, endpoint: RegistryEndpoint, around: Surroundings) -> Authorizer:
        return _EntraAuthorizer(endpoint, around, self.token)


@dataclass(frozen=True)
class BasicCredential:
    """A name and a password, or an ACR token's name and password."""

    username: str
    password: str = field(repr=False)

    def authorizer(self, endpoint: RegistryEndpoint, around: Surroundings) -> Authorizer:
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return _DockerAuthorizer(endpoint, around, f"Basic {pair}")


@dataclass(frozen=True)
class Anonymous:
    """No identity: only content that the registry serves to everybody."""

    def authorizer(self, endpoint: RegistryEndpoint, around: Surroundings) -> Authorizer:
        return _DockerAuthorizer(endpoint, around, None)


class _DockerAuthorizer:
    """The docker token flow: `GET realm?service=…&scope=…`; plain Basic if the challenge is Basic."""

    def __init__(self, endpoint: RegistryEndpoint, around: Surroundings, basic: str | None) -> None:
        self._endpoint = endpoint
        self._around = around
        self._basic = basic

    def authorize(self, challenge: BearerChallenge, scopes: Sequence[str]) -> Authorization:
        where = ErrorSubject(self._endpoint.login_server)
        if challenge.scheme == "basic":
            if self._basic is None:
                raise OtherSignIn(where, "the registry asks for a name and a password, but none are configured")
            return Authorization(header=self._basic)
        # Without a password nothing secret is sent, so the address need not be the registry's own, only trustworthy.
        realm = (
            require_own_host(where, self._endpoint, challenge.realm, "token address")
            if self._basic
            else trusted(where, self._endpoint.url, challenge.realm, "token address")
        )
        query = urlencode([("service", challenge.service), *(("scope", scope) for scope in scopes)])
        url = f"{realm}{'&' if urlsplit(realm).query else '?'}{query}"
        headers = {"Authorization": self._basic} if self._basic else {}
        answer = ask(self._around, "GET", url, where=where, headers=headers, limit=_LARGEST_ANSWER)
        content = _token_answer(answer, where, "sign-in", anonymous=self._basic is None)
        return _authorization(content, where, self._around.clock())

    def forget(self) -> None:
        """Nothing to drop: it keeps nothing between two tokens."""


class _EntraAuthorizer:
    """ACR's flow: an Entra token is exchanged for a refresh token (valid for hours), and that for access tokens."""

    def __init__(self, endpoint: RegistryEndpoint, around: Surroundings, token: Callable[[], str]) -> None:
        self._endpoint = endpoint
        self._around = around
        self._token = token
        self._refresh = _NOTHING
        self._lock = threading.Lock()

    def authorize(self, challenge: BearerChallenge, scopes: Sequence[str]) -> Authorization:
        where = ErrorSubject(self._endpoint.login_server)
        if challenge.scheme == "basic":
            text = "the registry asks for a name and a password, but the credential is an Entra identity"
            raise OtherSignIn(where, text)
        # Ignores the realm in the challenge: an Entra token must be sent to the registry itself and nowhere else.
        service = challenge.service or self._endpoint.login_server
        with self._lock:
            try:
                return self._access(service, scopes, where)
            except Denied:
                if self._refresh is _NOTHING:
                    raise
                self._refresh = _NOTHING  # it may have been revoked: get a new one
            return self._access(service, scopes, where)

    def forget(self) -> None:
        """Drop the refresh token, which holds the rights that the identity had when it was issued."""
        with self._lock:
            self._refresh = _NOTHING

    def _access(self, service: str, scopes: Sequence[str], where: ErrorSubject) -> Authorization:
        form = [("grant_type", "refresh_token"), ("service", service), *(("scope", scope) for scope in scopes)]
        form.append(("refresh_token", self._refresh_token(service, where)))
        return _authorization(self._post("/oauth2/token", form, where), where, self._around.clock())

    def _refresh_token(self, service: str, where: ErrorSubject) -> str:
        now = self._around.clock()
        if self._refresh is _NOTHING or self._refresh.renew_at <= now:
            form = [("grant_type", "access_token"), ("service", service), ("access_token", self._token())]
            token = _text(self._post("/oauth2/exchange", form, where), "refresh_token", where)
            self._refresh = Authorization(header=token, renew_at=_renew_at(token, now, now + _SHORTEST_LIFE))
        return self._refresh.header

    def _post(self, path: str, form: list[tuple[str, str]], where: ErrorSubject) -> dict[str, Any]:
        answer = ask(
            self._around,
            "POST",
            self._endpoint.url + path,
            where=where,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
            limit=_LARGEST_ANSWER,
        )
        return _token_answer(answer, where, path)


def _token_answer(
    answer: RegistryResponse, where: ErrorSubject, doing: str, *, anonymous: bool = False
) -> dict[str, Any]:
    if answer.status in _FORBIDDEN:
        raise refused_sign_in(answer, where, doing, anonymous=anonymous)
    if answer.status == _NOT_FOUND:
        raise OtherSignIn(where, f"{doing} was answered with 404: this registry has no such sign-in")
    if answer.status != _OK:
        raise RequestRejected(where, f"{doing} was answered with {answer.status}")
    try:
        content = json.loads(answer.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Unsupported(where, f"{doing}: expected a JSON object, got something else")
    return content


def _text(content: dict[str, Any], field_name: str, where: ErrorSubject) -> str:
    value = content.get(field_name)
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
        raise Unsupported(where, f"sign-in: expected {field_name} to be a token, got none")
    return value


def _authorization(content: dict[str, Any], where: ErrorSubject, now: float) -> Authorization:
    token = _text(content, "access_token" if content.get("access_token") else "token", where)
    life = content.get("expires_in")
    seconds = float(life) if isinstance(life, int) and life > 0 else _SHORTEST_LIFE
    issued = content.get("issued_at")
    start = _moment(issued, now) if isinstance(issued, str) else now
    return Authorization(header=f"Bearer {token}", renew_at=_renew_at(token, now, start + seconds))


def _moment(text: str, fallback: float) -> float:
    try:
        return min(datetime.fromisoformat(text).timestamp(), fallback)
    except ValueError:
        return fallback


def _renew_at(token: str, now: float, fallback: float) -> float:
    end = _expiry(token, fallback)
    return end - min(_EARLY, max(0.0, end - now) / 4)


def _expiry(token: str, fallback: float) -> float:
    """The `exp` of a JWT, unverified: a wrong value only costs one more request."""
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return fallback
