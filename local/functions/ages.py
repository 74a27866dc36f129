"""Hosts of different age, where what is known of them differs. Azure runs the newest; `--host-age` chooses."""

from enum import StrEnum


class HostAge(StrEnum):
    OCTOBER_2024 = "2024-10"
    """4.1037, which this host was compared with. A worker that is ended for a function's timeout, or that ends by
    itself with code 0, leaves what else ran in it hanging until its own timeout, and the latter is not replaced.
    Names of bindings have no underscore."""
    TODAY = "today"
    """The behaviour after later changes: the other runs fail at once (azure-functions-host, pull request 11159 for
    issue 10936), a worker that ends with code 0 is replaced (issue 11500), underscores pass (pull request 10764)."""
