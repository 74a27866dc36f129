"""Posts JSON to a URL: one attempt, no redirects, and only the status of the response is read."""

from collections.abc import Mapping
from typing import Any

import urllib3

from .channel import NotificationError

TIMEOUT = urllib3.Timeout(connect=5, read=10)
RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
OK, MULTIPLE_CHOICES = 200, 300


class PostingChannel:
    """A channel whose notices are posted to one address. Errors name the channel and never the address, which may be a
    secret."""

    asks_only = False

    def __init__(self, *, name: str, url: str, pool: urllib3.PoolManager | None = None) -> None:
        self._name, self._url = name, url
        self._pool = pool or urllib3.PoolManager(timeout=TIMEOUT, retries=False)

    def reach(self) -> str:
        """Check that a server answers at the address, without posting. Raises `NotificationError` if none does."""
        self._request("HEAD")
        return "a server answers; only sending a notice shows whether it accepts them"

    def _post(self, body: bytes, headers: Mapping[str, str], *, expected: str) -> None:
        """Raises `NotificationError`."""
        status = self._request("POST", body=body, headers=headers)
        if not OK <= status < MULTIPLE_CHOICES:
            why = f"channel {self._name}: expected a status of {expected}, got {status}"
            raise NotificationError(why, retryable=status in RETRYABLE)

    def _request(self, method: str, **options: Any) -> int:
        """The status. The body may be of any size, so it is not read."""
        try:
            response = self._pool.request(method, self._url, redirect=False, preload_content=False, **options)
            response.close()
        except urllib3.exceptions.HTTPError as error:
            why = f"channel {self._name}: no answer ({type(error).__name__})"
            raise NotificationError(why, retryable=True) from None
        return response.status
