"""Signed-in exchanges with one registry: URLs, and tokens per scope."""

import re
import threading
from collections.abc import Callable, Sequence
from typing import Final

import urllib3

from ._credentials import Authorization, Authorizer, BearerChallenge, Credential
from ._endpoint import RegistryEndpoint, origin
from ._errors import Denied, ErrorSubject
from ._http import FIRST_ERROR, Body, RegistryResponse, Surroundings, ask, discard, read_answer, send, with_retries

type Scopes = tuple[str, ...]

_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_PLAIN: Final = frozenset({401, 404})
"""Statuses whose reason is clear without a body."""
_LARGEST_REASON: Final = 64 * 1024
_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')


def pull_scopes(repository: str) -> Scopes:
    return (f"repository:{repository}:pull",)


def push_scopes(repository: str) -> Scopes:
    return (f"repository:{repository}:pull,push",)


class RegistrySession:
    """Exchanges with one registry under one identity."""

    def __init__(self, endpoint: RegistryEndpoint, credential: Credential, around: Surroundings) -> None:
        self.endpoint = endpoint
        self.around = around
        self._tokens = _Tokens(credential.authorizer(endpoint, around), around.clock)

    def where(self, repository: str = "", reference: str = "") -> ErrorSubject:
        return ErrorSubject(self.endpoint.login_server, repository, reference)

    def ask(
        self,
        method: str,
        path: str,
        *,
        where: ErrorSubject,
        scopes: Scopes,
        headers: dict[str, str] | None = None,
        body: Body = None,
        limit: int = 64 * 1024,
    ) -> RegistryResponse:
        """A complete exchange. `path` may be a URL from the registry; only the registry's own origin gets the token."""
        url, sign = self._target(path)

        def once(authorization: dict[str, str]) -> RegistryResponse:
            whole = {**(headers or {}), **authorization}
            return ask(self.around, method, url, where=where, headers=whole, body=body, limit=limit)

        answer = self._signed_in(once, scopes, where) if sign else once({})
        if method == "HEAD" and answer.status >= FIRST_ERROR and answer.status not in _PLAIN:
            return self._with_reason(answer, path, where, scopes, headers or {})
        return answer

    def _with_reason(
        self, refusal: RegistryResponse, path: str, where: ErrorSubject, scopes: Scopes, headers: dict[str, str]
    ) -> RegistryResponse:
        """The refusal with a body. The answer to a HEAD has no body, and so no reason, such as our address that a
        firewall refuses; the same request by GET has one."""
        response = self.stream("GET", path, where=where, scopes=scopes, headers=headers)
        if response.status != refusal.status:
            discard(response)
            return refusal
        return read_answer(response, where, _LARGEST_REASON)

    def stream(
        self, method: str, path: str, *, where: ErrorSubject, scopes: Scopes, headers: dict[str, str]
    ) -> urllib3.BaseHTTPResponse:
        """An exchange whose response the caller must read and close."""
        url, sign = self._target(path)

        def once(authorization: dict[str, str]) -> urllib3.BaseHTTPResponse:
            def attempt() -> urllib3.BaseHTTPResponse:
                return send(self.around, method, url, where=where, headers={**headers, **authorization})

            return with_retries(self.around, attempt, where=where, attempts=self.around.limits.attempts)

        return self._signed_in(once, scopes, where) if sign else once({})

    def authorization(self, scopes: Scopes) -> dict[str, str]:
        """The `Authorization` header for another client; empty if the registry asks for none."""
        where = self.where()
        self.ask("GET", "/v2/", where=where, scopes=scopes)
        return self._tokens.header(scopes)

    def _target(self, path: str) -> tuple[str, bool]:
        url = path if "://" in path else self.endpoint.url + path
        return url, origin(url) == origin(self.endpoint.url)

    def _signed_in[A: (RegistryResponse, urllib3.BaseHTTPResponse)](
        self, once: Callable[[dict[str, str]], A], scopes: Scopes, where: ErrorSubject
    ) -> A:
        used = self._tokens.header(scopes)
        answer = once(used)
        if answer.status == _UNAUTHORIZED:
            if isinstance(answer, urllib3.BaseHTTPResponse):
                discard(answer)
            self._tokens.renew(scopes, used, answer.headers, where)
            used = self._tokens.header(scopes)
            answer = once(used)
        if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
            self._tokens.forget(scopes, used)
        return answer


class _Tokens:
    """The challenge of one registry, and a token for each set of scopes, renewed before it expires."""

    def __init__(self, authorizer: Authorizer, clock: Callable[[], float]) -> None:
        self._authorizer = authorizer
        self._clock = clock
        self._challenge: BearerChallenge | None = None
        self._held: dict[Scopes, Authorization] = {}
        self._lock = threading.Lock()
        """Locked while a token is fetched, so that several threads that need the same token fetch it once."""

    def header(self, scopes: Scopes) -> dict[str, str]:
        """The `Authorization` header; empty until the registry has answered with a challenge."""
        with self._lock:
            if self._challenge is None:
                return {}
            token = self._held.get(scopes)
            if token is None or token.renew_at <= self._clock():
                token = self._authorizer.authorize(self._challenge, scopes)
                self._held[scopes] = token
            return {"Authorization": token.header}

    def renew(self, scopes: Scopes, used: dict[str, str], headers: urllib3.HTTPHeaderDict, where: ErrorSubject) -> None:
        """Handle a 401: store the challenge, and drop the token used unless another thread has renewed it already."""
        challenge = parse_challenge(headers.getlist("WWW-Authenticate"))
        with self._lock:
            self._challenge = challenge or self._challenge
            if self._challenge is None:
                raise Denied(where, "the registry answers 401 without a challenge that says how to sign in")
            self._drop(scopes, used)

    def forget(self, scopes: Scopes, used: dict[str, str]) -> None:
        """Drop this token too, which the registry refuses: perhaps it was issued before a right was granted."""
        with self._lock:
            self._drop(scopes, used)
            self._authorizer.forget()

    def _drop(self, scopes: Scopes, used: dict[str, str]) -> None:
        token = self._held.get(scopes)
        if token is not None and used.get("Authorization") == token.header:
            del self._held[scopes]


def parse_challenge(values: Sequence[str]) -> BearerChallenge | None:
    """The Bearer challenge if there is one, or else the Basic challenge; None if there is neither."""
    text = ", ".join(values)
    bearer = re.search(r"(?i)\bbearer\s+(.*)", text)
    if bearer:
        parameters = dict(_PARAMETER.findall(bearer[1]))
        return BearerChallenge(
            scheme="bearer", realm=parameters.get("realm", ""), service=parameters.get("service", "")
        )
    return BearerChallenge(scheme="basic") if re.search(r"(?i)\bbasic\b", text) else None
