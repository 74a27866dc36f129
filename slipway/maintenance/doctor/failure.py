"""The exceptions of a check."""


class CheckFailed(Exception):  # noqa: N818
    """The check found something missing: `missing` names the right or part, and `command` grants it."""

    def __init__(self, said: str, *, missing: str = "", command: str = "") -> None:
        super().__init__(said)
        self.missing = missing
        self.command = command


class NotChecked(Exception):  # noqa: N818
    """There is nothing to check, or no way to check it without side effects; the message says which."""
