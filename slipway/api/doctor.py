"""Checks of what the app needs."""

from ..domain.model import Record
from ..domain.reports import Finding, Status

__all__ = ["CheckList", "Finding", "Status"]


class CheckList(Record):
    """The checks of this installation, in the recommended order."""

    checks: tuple[str, ...]
