"""Denied attempts: requests without a valid sign-in, or by somebody without the permission.

The front counts them by caller and request, and sends a hint at the first in an hour; the next hint gives the number
since. The worker records each pair once an hour, up to a limit, so nobody can flood the trail with a thousand tries or
a thousand names. The front's log has every single one.
"""

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ..clock import Clock
from ..domain.hints import DeniedHint
from ..effects.messaging import Bus, QueueUnavailable, raw_hint
from ..ledger.installation import InstallationLedger

log = logging.getLogger(__name__)

NOBODY: Final = "nobody"
"""A caller without a good sign-in."""
OTHERS: Final = "others"
"""Everybody beyond those who are counted by name."""
HOUR: Final = timedelta(hours=1)
MOST_COUNTED: Final = 200
"""Pairs of caller and permission that one instance of the front counts."""


@dataclass(kw_only=True)
class _Counted:
    since: datetime
    unsent: int = 0


@dataclass(frozen=True, kw_only=True)
class DenialCounter:
    """The front's half."""

    bus: Bus
    clock: Clock
    _counted: dict[tuple[str, str], _Counted] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, caller: str, permission: str) -> None:
        """Count an attempt, and hint at it if it is the first in an hour."""
        log.info("denied: %s asked for %s", caller, permission)
        hint = self._due_hint(caller[:254], permission)
        if hint is None:
            return
        try:
            self.bus.send_raw(raw_hint(hint))
        except QueueUnavailable as away:
            log.warning("no hint at a denied attempt was sent, it is in this log alone: %s", away)

    def _due_hint(self, caller: str, permission: str) -> DeniedHint | None:
        now = self.clock()
        with self._lock:
            pair = self._pair(caller, permission, now)
            counted = self._counted.get(pair)
            if counted is not None and now - counted.since < HOUR:
                counted.unsent += 1
                return None
            times = 1 + (counted.unsent if counted is not None else 0)
            self._counted[pair] = _Counted(since=now)
        return DeniedHint(caller=pair[0], permission=pair[1], times=times, at=now)

    def _pair(self, caller: str, permission: str, now: datetime) -> tuple[str, str]:
        pair = (caller, permission)
        if pair in self._counted or len(self._counted) < MOST_COUNTED:
            return pair
        for old in [each for each, counted in self._counted.items() if now - counted.since >= HOUR]:
            del self._counted[old]
        return pair if len(self._counted) < MOST_COUNTED else (OTHERS, permission)


@dataclass(frozen=True, kw_only=True)
class DenialRecorder:
    """The worker's half."""

    installation: InstallationLedger
    clock: Clock

    def take(self, hint: DeniedHint) -> None:
        """Record it, unless it was recorded in this hour. Raises `LedgerUnavailable`."""
        if not self.installation.record_denied(hint, now=self.clock()):
            log.info("denied attempts of %s are on record for this hour", hint.caller)
