"""Errors that every layer may raise and every layer may handle.

They have classes of their own so that nobody catches `KeyError`, `LookupError` or `AssertionError` for them: those mean
a bug, and a bug belongs in the log with its traceback, not in an answer or in a release's reason.
"""


class UnknownName(LookupError):  # noqa: N818 - it reads as what happened
    """Something is referred to by a name that this installation does not define: a registry, a cluster, a channel."""


class NotFound(LookupError):  # noqa: N818 - it is an answer, not a fault
    """What was asked for does not exist; the message names it."""


class Inconsistent(Exception):  # noqa: N818 - it is a state of the records
    """Records contradict each other, as they do when they were read during a write; reading again may help."""


def present[T](value: T | None, what: str) -> T:
    """The value, where other facts say that there is one. `what` names it. Raises `Inconsistent`."""
    if value is None:
        raise Inconsistent(f"{what} is missing")
    return value
