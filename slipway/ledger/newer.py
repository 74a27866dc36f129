"""Whether the application has a newer release, which an approver should know of before deciding."""

from ..domain.release import Release
from . import Ledger

LOOKED_AT = 5
"""The number of newest releases to compare; pushes arrive nearly in the order in which they were made."""


def newer_release(ledger: Ledger, release: Release) -> Release | None:
    """The application's newest release, if it is newer than this one. Raises `LedgerUnavailable`."""
    releases = ledger.releases(release.application, limit=LOOKED_AT)
    newest = max(releases, key=lambda candidate: (candidate.dated_at, candidate.number), default=release)
    return newest if newest.newer_than(release) else None
