"""Keys that were read before, read again when they are old or when a link was signed with one that is not known.

Anybody can send a link that names an unknown key. So such a link makes us look again only once in a while, and what is
known goes on being good while the place that keeps the keys does not answer.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from ...domain.tokens import KeysUnavailable, checked_keys

log = logging.getLogger(__name__)

MAX_AGE = 600
"""Seconds after which keys are read again: a retired key is good for that much longer."""
PAUSE = 10
"""Seconds between two looks at least, however many links name unknown keys."""


class CachedKeys:
    """A source of keys (`domain/tokens.py`) over a function that reads them."""

    def __init__(
        self,
        load: Callable[[], Mapping[str, bytes]],
        *,
        max_age: float = MAX_AGE,
        pause: float = PAUSE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`load` gives keys by id, the one that signs first; raises `KeysUnavailable`, or ValueError for bad ones."""
        self._load, self._max_age, self._pause, self._monotonic = load, max_age, pause, monotonic
        self._lock = threading.Lock()
        self._keys: Mapping[str, bytes] = {}
        self._read_at = self._looked_at = float("-inf")

    def live(self, wanted: str | None = None) -> Mapping[str, bytes]:
        """Raises `KeysUnavailable` where no keys could be read yet.

        Where some are known, nobody waits for somebody else's look: a forged link must not hold up the good ones.
        """
        known = self._keys
        if known and not self._looks(wanted, self._monotonic()):
            return known
        if not self._lock.acquire(blocking=not known):
            return known
        try:
            now = self._monotonic()
            if self._looks(wanted, now):
                self._looked_at = now
                self._try_to_read(now)
        finally:
            self._lock.release()
        if not self._keys:
            raise KeysUnavailable("the signing keys cannot be read right now")
        return self._keys

    def _looks(self, wanted: str | None, now: float) -> bool:
        unknown = wanted is not None and wanted not in self._keys
        old = now - self._read_at >= self._max_age
        return (unknown or old) and now - self._looked_at >= self._pause

    def _try_to_read(self, now: float) -> None:
        try:
            self._read(now)
        except (KeysUnavailable, ValueError) as error:
            log.warning("the signing keys were not read anew: %s", error)

    def ids(self) -> tuple[str, ...]:
        """Read anew, for what must not be old. Raises `KeysUnavailable`."""
        with self._lock:
            try:
                self._read(self._monotonic())
            except ValueError as error:
                raise KeysUnavailable(str(error)) from None
            return tuple(self._keys)

    def _read(self, now: float) -> None:
        self._keys = checked_keys(self._load())
        self._read_at = now
