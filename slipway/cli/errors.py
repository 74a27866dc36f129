"""Errors that are printed to stderr, and the exit codes that scripts rely on."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import click

from .text import neutral


class Exit(IntEnum):
    """Exit codes. Documented in `slipway --help`."""

    OK = 0
    NO = 1
    """The answer is no: a chain is broken, an application is invalid, something was not found."""
    USAGE = 2
    """Invalid command line; click uses this code itself."""
    NO_ANSWER = 3
    """The app cannot be reached, refuses the key, or does not respond properly."""
    WAITS = 5
    """A person has to confirm it first; the address to open was printed."""
    INTERRUPTED = 130


class CliError(click.ClickException):
    """Ends the command with a message for a person."""

    def __init__(self, message: str, *, exit_code: Exit = Exit.NO, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.problem = problem or {}
        """The problem details of an app that refused, unparsed."""
        self.exit_code = exit_code  # type: ignore[misc] # click reads it from the instance

    def format_message(self) -> str:
        """Escape control characters, because the message may quote what a server sent."""
        return "\n".join(neutral(line) for line in self.message.split("\n"))
