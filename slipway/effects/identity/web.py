"""One exchange with the identity provider: no redirects, no retries, limited in size and time, JSON read strictly.

A person in front of a page waits for each of these requests. Errors name the host and never a query or a body.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import urllib3

from slipway.dripping import TooSlow, start_of
from slipway.strict_json import strictly

CONNECT_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 10.0
"""Longest time without a byte."""
WHOLE_SECONDS: Final = 15.0
"""Longest time for a body, however steadily it arrives."""


class ProviderAway(Exception):  # noqa: N818 - it is a state of the provider
    """The identity provider did not answer properly; asking later may help."""


class IdentityPool(Protocol):
    """The part of `urllib3.PoolManager` that is used."""

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse: ...


@dataclass(frozen=True, kw_only=True)
class HttpReply:
    status: int
    body: bytes


def new_identity_pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(num_pools=4, maxsize=4, retries=False)


def exchange(
    pool: IdentityPool,
    method: str,
    url: str,
    *,
    limit: int,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> HttpReply:
    """`limit` is the most bytes of a body. Raises `ProviderAway`."""
    host = urlsplit(url).hostname
    try:
        response = pool.request(
            method,
            url,
            headers=dict(headers or {}),
            body=body,
            redirect=False,
            retries=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENT_SECONDS),
        )
        try:
            return HttpReply(status=response.status, body=_read(response, limit, monotonic, host))
        finally:
            response.close()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        # `from None`: urllib3's texts contain the whole address.
        raise ProviderAway(f"{host} does not answer ({type(error).__name__})") from None


def _read(response: urllib3.BaseHTTPResponse, limit: int, monotonic: Callable[[], float], host: str | None) -> bytes:
    try:
        data = start_of(response, limit, grace=WHOLE_SECONDS, monotonic=monotonic)
    except TooSlow as slow:
        raise ProviderAway(f"{host} answers too slowly: {slow}") from None
    if len(data) > limit:
        raise ProviderAway(f"{host} answers with more than {limit} bytes")
    return data


def strict_object(text: bytes | str) -> dict[str, Any]:
    """A JSON object, read strictly. Raises `ValueError`."""
    value = strictly(text if isinstance(text, str) else text.decode())  # given bytes, it would accept UTF-16 too
    if not isinstance(value, dict):
        raise ValueError("expected a JSON object")  # noqa: TRY004 - what is read is wrong, not our call
    return value
