"""One exchange with Azure DevOps: sends, waits as asked, reads up to a limit, and says plainly what an answer means.

Azure DevOps answers a bad token with a sign-in page (203) or a redirect to it (302), answers 404 for things that we may
not see, and asks for pauses with `Retry-After` on answers that are otherwise fine.
"""

import email.utils
import json
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import urllib3
from azure.core.exceptions import AzureError
from urllib3.exceptions import HTTPError

from slipway.domain.run_source import Absent, CannotKnow
from slipway.dripping import TooSlow, start_of

_BROKEN: Final = (HTTPError, OSError)
_SMALL: Final = 64 * 1024
_OK, _NO_CONTENT, _FORBIDDEN, _NOT_FOUND, _TOO_MANY = 200, 204, 403, 404, 429
_SIGN_IN: Final = frozenset({203, 302, 401})
_BUSY: Final = frozenset({408, 429, 500, 502, 503, 504})
_UNREADABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_PREVIEW: Final = b'"VssInvalidPreviewVersionException"'
_QUOTED: Final = 200


@dataclass(frozen=True)
class OnlyInPreview(CannotKnow):
    """This resource accepts only a version that says `-preview`."""


class AzureDevOpsPool(Protocol):
    """The part of `urllib3.PoolManager` that is used."""

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse: ...


@dataclass(frozen=True, kw_only=True)
class RequestLimits:
    """The limits of a request's size and time."""

    attempts: int = 3
    """For one request, while the source is busy or the connection breaks."""
    connect_seconds: float = 5
    read_seconds: float = 20
    """Longest time without receiving a byte."""
    whole_seconds: float = 60
    """Longest time for one body that arrives drop by drop."""
    first_pause: float = 0.3
    longest_pause: float = 5
    """If the source asks for a longer pause, the whole matter is put off instead."""
    answer_bytes: int = 4 * 1024 * 1024
    attachment_bytes: int = 64 * 1024
    pages: int = 10
    """Pages of one list; a longer list is not read at all."""


@dataclass(frozen=True, kw_only=True)
class JsonResponse:
    """A response of 200, whose body was read."""

    headers: urllib3.HTTPHeaderDict
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON; None if it is not JSON."""
        if not self.headers.get("Content-Type", "").casefold().startswith("application/json"):
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


class Exchange:
    """Requests with one identity. `token` returns a current access token, and does any caching."""

    def __init__(
        self,
        token: Callable[[], str],
        *,
        pool: AzureDevOpsPool | None = None,
        limits: RequestLimits | None = None,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._token = token
        self._pool = pool or urllib3.PoolManager(num_pools=4, maxsize=8, ssl_context=_trust())
        self.limits = limits or RequestLimits()
        self._clock, self._pause = clock, pause
        self._not_before = 0.0

    def ask(
        self, method: str, url: str, *, subject: str, body: Any = None, most: int | None = None
    ) -> JsonResponse | Absent | CannotKnow:
        """`subject` names the request in reasons for people."""
        limit = most or self.limits.answer_bytes
        for attempt in range(self.limits.attempts):
            if (early := self._wait(subject)) is not None:
                return early
            response = self._ask_once(method, url, subject=subject, body=body, limit=limit)
            if not isinstance(response, CannotKnow) or not response.retryable or attempt == self.limits.attempts - 1:
                return response
            pause = max(self.limits.first_pause * 2.0**attempt, response.after.total_seconds())
            if pause > self.limits.longest_pause:
                return response
            self._pause(pause)
        raise AssertionError("unreachable")

    def _wait(self, subject: str) -> CannotKnow | None:
        """Obey a pause that an earlier answer asked for, if it is short."""
        left = self._not_before - self._clock()
        if left > self.limits.longest_pause:
            why = f"Azure DevOps asked for a pause of {left:.0f} s before it is asked for {subject}"
            return CannotKnow(why, retryable=True, after=timedelta(seconds=left))
        if left > 0:
            self._pause(left)
        return None

    def _ask_once(
        self, method: str, url: str, *, subject: str, body: Any, limit: int
    ) -> JsonResponse | Absent | CannotKnow:
        try:
            token = self._token()
        except AzureError as error:
            return CannotKnow(
                f"Slipway's identity got no token for Azure DevOps ({type(error).__name__})", retryable=True
            )
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "User-Agent": "slipway"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        timeout = urllib3.Timeout(connect=self.limits.connect_seconds, read=self.limits.read_seconds)
        try:
            response = self._pool.request(
                method,
                url,
                headers=headers,
                body=None if body is None else json.dumps(body).encode(),
                retries=False,
                redirect=False,
                preload_content=False,
                timeout=timeout,
            )
            return self._read_answer(response, subject=subject, host=urlsplit(url).hostname or "", limit=limit)
        except _BROKEN as error:
            # Only the type: the text of urllib3's errors can contain an address.
            return CannotKnow(
                f"{urlsplit(url).hostname} cannot be reached for {subject} ({type(error).__name__})", retryable=True
            )

    def _read_answer(
        self, response: urllib3.BaseHTTPResponse, *, subject: str, host: str, limit: int
    ) -> JsonResponse | Absent | CannotKnow:
        after = _retry_after(response.headers, self._clock())
        self._not_before = max(self._not_before, self._clock() + after)
        status, pause = response.status, timedelta(seconds=after)
        try:
            data = start_of(response, limit, grace=self.limits.whole_seconds, monotonic=self._clock)
        except TooSlow as slow:
            response.close()
            return CannotKnow(f"{host} answers too slowly for {subject}: {slow}", retryable=True)
        if len(data) > limit:
            response.close()
            return CannotKnow(f"{host} answers more than {limit} bytes for {subject}")
        response.release_conn()
        if status == _OK:
            if _is_page(response.headers):
                return _not_signed_in(host, subject, status)
            return JsonResponse(headers=response.headers, body=data)
        message = _error_message(data)
        if status in _SIGN_IN:
            return _not_signed_in(host, subject, status, message)
        if status in (_NO_CONTENT, _NOT_FOUND):
            return Absent(f"{host} knows no {subject}, or may not show it to Slipway{message}")
        if status == _FORBIDDEN:
            return CannotKnow(f"{host} does not let Slipway see {subject}{message}")
        if _PREVIEW in data:
            return OnlyInPreview(f"{host} requires a preview version for {subject}{message}")
        if status == _TOO_MANY:
            return CannotKnow(f"{host} is asked too often{message}", retryable=True, after=pause)
        return CannotKnow(f"{host} answers {status} for {subject}{message}", retryable=status in _BUSY, after=pause)


def _not_signed_in(host: str, subject: str, status: int, detail: str = "") -> CannotKnow:
    why = f"{host} does not accept Slipway's identity (answer {status} for {subject}){detail}"
    return CannotKnow(why, retryable=True)


def _is_page(headers: urllib3.HTTPHeaderDict) -> bool:
    return headers.get("Content-Type", "").casefold().startswith("text/html")


def _error_message(data: bytes) -> str:
    """The message of an error in Azure DevOps' form, cut and made harmless; empty if there is none."""
    try:
        content = json.loads(data[:_SMALL])
    except (ValueError, RecursionError):
        return ""
    message = content.get("message") if isinstance(content, dict) else None
    if not isinstance(message, str) or not message:
        return ""
    return ": " + _UNREADABLE.sub("\ufffd", message[:_QUOTED]).encode("utf-8", "replace").decode()


def _retry_after(headers: urllib3.HTTPHeaderDict, now: float) -> float:
    """The seconds that an answer asks to wait; 0 if it does not ask."""
    value = headers.get("Retry-After", "")
    if value.isascii() and value.isdecimal():
        return float(value[:6])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError):
        return 0.0
