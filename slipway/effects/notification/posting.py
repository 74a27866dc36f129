"""Posts JSON to a URL: one attempt, no redirects, and only the status of the response is read."""

from collections.abc import Mapping

import urllib3

from .channel import NotificationError

TIMEOUT = urllib3.Timeout(connect=5, read=10)
RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
OK, MULTIPLE_CHOICES = 200, 300


def new_pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(timeout=TIMEOUT, retries=False)


def post(
    pool: urllib3.PoolManager, url: str, body: bytes, headers: Mapping[str, str], *, channel: str, expected: str
) -> None:
    """Raises `NotificationError`, which names the channel and never the URL, as that may be a secret."""
    try:
        # Only the status matters; the body may be of any size, so it is not read.
        response = pool.request("POST", url, body=body, headers=headers, redirect=False, preload_content=False)
        response.close()
    except urllib3.exceptions.HTTPError as error:
        raise NotificationError(f"channel {channel}: no answer ({type(error).__name__})", retryable=True) from None
    if not OK <= response.status < MULTIPLE_CHOICES:
        raise NotificationError(
            f"channel {channel}: expected a status of {expected}, got {response.status}",
            retryable=response.status in RETRYABLE,
        )


def reach(pool: urllib3.PoolManager, url: str, *, channel: str) -> str:
    """Check that a server answers at the URL, without posting. Raises `NotificationError` if none does."""
    try:
        response = pool.request("HEAD", url, redirect=False, preload_content=False)
        response.close()
    except urllib3.exceptions.HTTPError as error:
        raise NotificationError(f"channel {channel}: no answer ({type(error).__name__})", retryable=True) from None
    return "a server answers; only sending a notice shows whether it accepts them"
