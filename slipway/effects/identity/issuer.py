"""The issuer of tokens: its addresses and its keys, fetched over HTTP and kept.

Keys change without notice. So they are fetched every hour, and when a token names an unknown one. Anybody can send such
a token, so the latter happens at most every five minutes. While there are keys, nobody waits for a fetch that somebody
else began. While the provider does not answer, the last good set stays in use for a day.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ...domain.identity import CannotVerify, KeySet
from .keys import Key, PublishedKeys, read_keys
from .web import IdentityPool, ProviderAway, exchange, strict_object

log = logging.getLogger(__name__)

MAX_AGE: Final = 3600.0
"""Seconds after which keys and addresses are fetched again."""
UNKNOWN_PAUSE: Final = 300.0
"""Least seconds between two fetches because of unknown key ids."""
FAILED_PAUSE: Final = 15.0
"""Least seconds between two fetches while none succeeds."""
LAST_GOOD: Final = 24 * 3600.0
"""Seconds for which a set is believed without being confirmed."""

DISCOVERY_LIMIT: Final = 64 * 1024
KEYS_LIMIT: Final = 4 * 1024 * 1024
_OK: Final = 200
_LAPTOP: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True)
class IssuerEndpoints:
    """The addresses to which people are sent, and at which codes are redeemed."""

    authorization: str
    token: str


@dataclass(frozen=True, kw_only=True)
class _Fetched:
    endpoints: IssuerEndpoints
    published: PublishedKeys
    at: float


class Issuer:
    """One issuer of one tenant."""

    def __init__(
        self, url: str, *, tenant: str, pool: IdentityPool, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`url` is the token's `iss`: `https://login.microsoftonline.com/<tenant>/v2.0`. Raises `ValueError`."""
        _check_origin(url)
        self._url, self._tenant, self._pool, self._monotonic = url, tenant, pool, monotonic
        self._lock = threading.Lock()
        self._known: _Fetched | None = None
        self._tried_at = self._asked_for_unknown_at = float("-inf")
        self._trouble = "its keys have not been fetched yet"

    @property
    def url(self) -> str:
        return self._url

    @property
    def tenant(self) -> str:
        return self._tenant

    def key(self, kid: str) -> Key | CannotVerify:
        """The key with that id, fetched if needed."""
        state = self._current_keys(kid)
        if isinstance(state, CannotVerify):
            return state
        key = state.published.key(kid)
        return key or CannotVerify(
            why="the issuer publishes no key with the token's key id; it is asked again in a while"
        )

    def key_set(self) -> KeySet | CannotVerify:
        state = self._current_keys(None)
        return state if isinstance(state, CannotVerify) else state.published.key_set

    def endpoints(self) -> IssuerEndpoints | CannotVerify:
        state = self._current_keys(None)
        return state if isinstance(state, CannotVerify) else state.endpoints

    def _current_keys(self, kid: str | None) -> _Fetched | CannotVerify:
        state, now = self._known, self._monotonic()
        # Without keys, everybody waits for the thread that fetches; with keys, nobody does.
        if self._should_fetch(state, kid, now) and self._lock.acquire(blocking=not self._is_usable(state, now)):
            try:
                now = self._monotonic()
                if self._should_fetch(self._known, kid, now):
                    self._fetch(now, unknown=self._is_usable(self._known, now) and not self._is_old(self._known, now))
            finally:
                self._lock.release()
        state = self._known
        if state is None or not self._is_usable(state, self._monotonic()):
            return CannotVerify(why=f"the keys of {urlsplit(self._url).hostname} are not known: {self._trouble}")
        return state

    def _should_fetch(self, known: _Fetched | None, kid: str | None, now: float) -> bool:
        if self._is_old(known, now):
            return now - self._tried_at >= FAILED_PAUSE
        unknown = known is not None and kid is not None and kid not in known.published.numbers
        return unknown and now - self._asked_for_unknown_at >= UNKNOWN_PAUSE

    def _is_old(self, known: _Fetched | None, now: float) -> bool:
        return known is None or now - known.at >= MAX_AGE

    def _is_usable(self, known: _Fetched | None, now: float) -> bool:
        return known is not None and now - known.at < LAST_GOOD

    def _fetch(self, now: float, *, unknown: bool) -> None:
        self._tried_at = now
        if unknown:
            self._asked_for_unknown_at = now
        try:
            self._known = self._ask(now)
        except (ProviderAway, ValueError) as error:
            self._trouble = str(error)
            log.warning("the keys of %s could not be fetched: %s", urlsplit(self._url).hostname, error)

    def _ask(self, now: float) -> _Fetched:
        discovery = strict_object(self._get(f"{self._url}/.well-known/openid-configuration", DISCOVERY_LIMIT))
        if discovery.get("issuer") != self._url:
            raise ValueError("its discovery document is that of another issuer")
        addresses = {name: discovery.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        authorization, token, keys = (self._check_own_host(name, value) for name, value in addresses.items())
        published = read_keys(self._get(keys, KEYS_LIMIT), issuer=self._url, tenant=self._tenant)
        return _Fetched(
            endpoints=IssuerEndpoints(authorization=authorization, token=token), published=published, at=now
        )

    def _get(self, url: str, limit: int) -> bytes:
        reply = exchange(self._pool, "GET", url, limit=limit, headers={"Accept": "application/json"})
        if reply.status != _OK:
            raise ProviderAway(f"it answers {reply.status}")
        return reply.body

    def _check_own_host(self, name: str, value: object) -> str:
        """An address on the issuer's own host: its document must not send codes, or us, anywhere else."""
        if not isinstance(value, str) or urlsplit(value)[:2] != urlsplit(self._url)[:2]:
            raise ValueError(f"expected {name} on the issuer's own host")
        return value


def _check_origin(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LAPTOP):
        raise ValueError("expected an issuer with https, or with http on this machine")
    if parts.username is not None or parts.query or parts.fragment or url.endswith("/"):
        raise ValueError("expected the issuer's address as tokens name it, without credentials, query or last slash")
