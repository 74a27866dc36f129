"""Hosts of different age, where their behaviour is known to differ. Azure runs the newest; `--host-age` chooses."""

from enum import StrEnum


class HostAge(StrEnum):
    OCTOBER_2024 = "2024-10"
    """4.1037, with which this host was compared. When a worker is ended because a function timed out, or exits by
    itself with code 0, its other invocations hang until their own timeout; one that exits with code 0 is not replaced.
    Names of bindings cannot have underscores."""
    TODAY = "today"
    """With later changes: the other invocations fail at once (azure-functions-host, pull request 11159 for issue
    10936), a worker that exits with code 0 is replaced (issue 11500), underscores are allowed (pull request 10764)."""
