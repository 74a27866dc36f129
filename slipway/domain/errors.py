"""Errors that every layer may raise and every layer may handle.

They have classes of their own so that no code has to catch `KeyError`, `LookupError` or `AssertionError` for them.
Those mean a bug, and a bug belongs in the log with its traceback, not in an answer or in a release's reason.
"""


class UnknownName(LookupError):  # noqa: N818 - it reads as what happened
    """A name of a registry, cluster or channel that this installation does not define."""


class NotFound(LookupError):  # noqa: N818 - it is an answer, not a fault
    """The requested object does not exist; the message names it."""


class Inconsistent(Exception):  # noqa: N818 - it is a state of the records
    """Records contradict each other, as they may if they were read during a write; reading again may help."""


class CannotBeRead(Exception):  # noqa: N818 - it is what was found
    """Stored content cannot be read until somebody mends it."""


def present[T](value: T | None, what: str) -> T:
    """The value, which other data imply to exist. Raises `Inconsistent`, naming `what`, if it is None."""
    if value is None:
        raise Inconsistent(f"{what} is missing")
    return value


class SourceAway(Exception):  # noqa: N818 - nothing is wrong with what was told
    """The source of a fact does not answer now; the message says which."""
