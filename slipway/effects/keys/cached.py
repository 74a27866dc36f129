"""A cache of keys, refreshed when it is old or when a link was signed with an unknown key.

Anybody can send a link that names an unknown key, so there is a minimum time between two refreshes. Within it a forged
key id cannot be told from a key that has only just begun to sign, so the caller is told to come again. Cached keys stay
valid while the source of the keys does not answer.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from ...domain.signing import KeysUnavailable, checked_keys

log = logging.getLogger(__name__)

MAX_AGE = 600
"""Seconds after which keys are read again. A retired key stays valid that long."""
PAUSE = 10
"""Minimum seconds between two refreshes, however many links name unknown keys."""
MOST_AWAITED = 1000
"""Unknown keys that are remembered from one refresh to the next."""


class CachedKeys:
    """A source of keys (`domain/signing.py`) over a function that reads them."""

    def __init__(
        self,
        load: Callable[[], Mapping[str, bytes]],
        *,
        max_age: float = MAX_AGE,
        pause: float = PAUSE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`load` returns keys by id, the signing key first. It raises `KeysUnavailable`, or ValueError for bad keys."""
        self._load, self._max_age, self._pause, self._monotonic = load, max_age, pause, monotonic
        self._lock = threading.Lock()
        self._keys: Mapping[str, bytes] = {}
        self._read_at = self._looked_at = float("-inf")
        self._awaited = set[str]()
        """Unknown keys that were asked for since the last refresh began."""
        self._absent = set[str]()
        """Keys that were asked for before a refresh and that it did not bring."""

    def live(self, key_id: str | None = None) -> Mapping[str, bytes]:
        """The current keys by id, refreshed if necessary. Raises `KeysUnavailable` if no keys could be read yet, or
        none since this one was first asked for.

        If the cache has keys, no caller waits for another's refresh: a forged link must not delay valid ones.
        """
        keys = self._keys
        if keys and not self._is_due(key_id, self._monotonic()):
            return self._keys_if_certain(keys, key_id)
        if not self._lock.acquire(blocking=not keys):
            return self._keys_if_certain(keys, key_id)
        try:
            now = self._monotonic()
            if self._is_due(key_id, now):
                self._looked_at = now
                self._await(key_id)
                self._try_to_read(now)
        finally:
            self._lock.release()
        if not self._keys:
            raise KeysUnavailable("the signing keys cannot be read right now")
        return self._keys_if_certain(self._keys, key_id)

    def _keys_if_certain(self, keys: Mapping[str, bytes], key_id: str | None) -> Mapping[str, bytes]:
        if key_id is None or key_id in keys or key_id in self._absent:
            return keys
        self._await(key_id)
        raise KeysUnavailable(f"whether the key {key_id[:40]} is one of ours is known when the keys are read again")

    def _await(self, key_id: str | None) -> None:
        if key_id is not None and len(self._awaited) < MOST_AWAITED:
            self._awaited.add(key_id)

    def _is_due(self, key_id: str | None, now: float) -> bool:
        unknown = key_id is not None and key_id not in self._keys
        old = now - self._read_at >= self._max_age
        return (unknown or old) and now - self._looked_at >= self._pause

    def _try_to_read(self, now: float) -> None:
        try:
            self._read(now)
        except (KeysUnavailable, ValueError) as error:
            log.warning("the signing keys could not be refreshed: %s", error)

    def ids(self) -> tuple[str, ...]:
        """The ids of the keys, read now and not from the cache. Raises `KeysUnavailable`."""
        with self._lock:
            try:
                self._read(self._monotonic())
            except ValueError as error:
                raise KeysUnavailable(str(error)) from None
            return tuple(self._keys)

    def _read(self, now: float) -> None:
        awaited = self._awaited.copy()  # a key that is asked for while they are being read may be newer
        self._keys = checked_keys(self._load())
        self._read_at = now
        earlier = self._absent if len(self._absent) < MOST_AWAITED else set[str]()
        self._absent = (earlier | awaited) - self._keys.keys()
        self._awaited -= awaited
