"""Posting JSON to somebody's address: one try, no redirect, and of the answer nothing but its status."""

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
    """Raises `NotificationError`, which names the channel and never the address: that may be a secret."""
    try:
        # What the receiver answers is of no interest, and may be of any size: only the status is read.
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
    """Whether somebody answers at the address; nothing is posted. Raises `NotificationError`."""
    try:
        response = pool.request("HEAD", url, redirect=False, preload_content=False)
        response.close()
    except urllib3.exceptions.HTTPError as error:
        raise NotificationError(f"channel {channel}: no answer ({type(error).__name__})", retryable=True) from None
    return "somebody answers there; whether it takes notices is known once one is sent"
