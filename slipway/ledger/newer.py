"""Whether a newer release of the same application exists: what an approver should know before they decide."""

from ..domain.release import Release
from . import Ledger

LOOKED_AT = 5
"""The newest releases by number; pushes arrive nearly in the order in which they were made."""


def newer_release(ledger: Ledger, release: Release) -> Release | None:
    """The newest release, where that is a newer one. Raises `LedgerUnavailable`."""
    found = ledger.releases(release.application, limit=LOOKED_AT)
    newest = max(found, key=lambda one: (one.order, one.number), default=release)
    return newest if newest.newer_than(release) else None
