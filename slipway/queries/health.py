"""Whether the app can reach its ledger, for load balancers and others; checked at intervals, not for each request."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from ..clock import Clock
from ..ledger import Ledger, LedgerUnavailable
from ..ledger.table import UnreadableRow

log = logging.getLogger(__name__)

LOOKED_AT_EVERY: Final = timedelta(seconds=5)


class LedgerHealth:
    """The last look, and when it was."""

    def __init__(self, ledger: Ledger, applications: Callable[[], list[str]], clock: Clock) -> None:
        self._ledger, self._applications, self._clock = ledger, applications, clock
        self._looked_at: datetime | None = None
        self._reached = False
        self._lock = threading.Lock()

    def reaches_ledger(self) -> bool:
        """Whether the ledger can be reached. It takes at most one request in five seconds, however many ask."""
        with self._lock:
            now = self._clock()
            if self._looked_at is None or now - self._looked_at >= LOOKED_AT_EVERY:
                self._reached, self._looked_at = self._look(), now
            return self._reached

    def _look(self) -> bool:
        try:
            for name in self._applications()[:1]:
                self._ledger.head(name)
        except UnreadableRow as unreadable:
            log.error("%s", unreadable)  # noqa: TRY400 - it was reached
        except LedgerUnavailable:
            return False
        return True
