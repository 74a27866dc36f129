"""Exit codes that scripts rely on, and errors as text for a person or as one JSON object."""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Self

import click

from .text import neutral

if TYPE_CHECKING:
    from slipway.manifests.problems import Problem, Unjudged

VERSION = 1
"""The version of every JSON object that a command prints, unless the app's answer has one of its own."""
_LONGEST_MESSAGE = 4000


class Exit(IntEnum):
    """Exit codes of all commands, each with the word that a JSON error has as its `code`."""

    def __new__(cls, number: int, word: str, meaning: str) -> Self:
        member = int.__new__(cls, number)
        member._value_ = number
        member.word = word
        member.meaning = meaning
        return member

    word: str
    meaning: str

    DONE = 0, "done", "done; a trail is intact, and anchored except for the last day"
    REFUSED = 1, "refused", "a rule refused it, a right is missing, or something in the input is wrong"
    USAGE = 2, "usage", "the command line, or a file that it names, cannot be used"
    NOT_FOUND = 3, "not-found", "there is no such release, record, version or document"
    UNREACHABLE = 4, "unreachable", "the app, a registry or a vault cannot be reached, or does not answer properly"
    WAITING = 5, "waiting", "a person has to confirm it, or to vote on it, at the address that was printed"
    UNPROVED = (
        6,
        "unproved",
        "a trail is intact, but a record more than a day old is not anchored, or a proof is not verified yet",
    )
    BROKEN = 7, "broken", "a record, its copy for searches, an anchor or a document was changed"
    INTERRUPTED = 130, "interrupted", "interrupted from the keyboard"


class CliError(click.ClickException):
    """Ends the command with a message for a person, or with an error in JSON."""

    def __init__(
        self,
        message: str,
        *,
        exit_code: Exit = Exit.REFUSED,
        code: str = "",
        field: str = "",
        expected: str = "",
        got: str = "",
        cure: str = "",
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.problem = problem or {}
        """The problem details of an app that refused, unparsed."""
        self.exit_code = exit_code  # type: ignore[misc] # click reads it from the instance
        self.code = code or exit_code.word
        self.field, self.expected, self.got, self.cure = field, expected, got, cure

    def format_message(self) -> str:
        """Escape control characters, because the message may quote text from a server."""
        text = f"{self.message}; {self.cure}" if self.cure else self.message
        return "\n".join(neutral(line) for line in text.split("\n"))

    def as_json(self) -> dict[str, Any]:
        details = {"field": self.field, "expected": self.expected, "got": self.got, "cure": self.cure}
        return {
            "code": self.code,
            "message": self.message[:_LONGEST_MESSAGE],
            **{k: v for k, v in details.items() if v},
        }


class ProblemsError(CliError):
    """Problems in files, each with its place; printed one a line, so that editors can link to them."""

    def __init__(self, problems: "Sequence[Problem]", not_checked: "Sequence[Unjudged]" = ()) -> None:
        first = problems[0]
        super().__init__(
            "\n".join(map(str, problems)),
            field=first.field,
            expected=first.expected,
            got=first.got,
            cure=first.message,
        )
        self.problems, self.not_checked = tuple(problems), tuple(not_checked)

    def show(self, file: Any = None) -> None:
        for problem in self.problems:
            click.echo(neutral(str(problem)), file=file)
        for each in self.not_checked:
            click.echo(neutral(f"! {each}"), file=file)
        click.echo(f"{len(self.problems)} problem{'' if len(self.problems) == 1 else 's'}", err=True)

    def as_json(self) -> dict[str, Any]:
        not_checked = {"not_checked": [str(each) for each in self.not_checked]} if self.not_checked else {}
        return {
            **super().as_json(),
            "problems": [_problem_as_json(problem) for problem in self.problems],
            **not_checked,
        }


def _problem_as_json(problem: "Problem") -> dict[str, Any]:
    details = {
        "environment": problem.environment,
        "field": problem.field,
        "expected": problem.expected,
        "got": problem.got,
        "cure": problem.message,
    }
    return {"file": problem.file, "line": problem.line, **{name: text for name, text in details.items() if text}}


def no_trail(name: str, known: Iterable[str]) -> CliError:
    """The error for a name without a trail."""
    from slipway.manifests.problems import nearest  # noqa: PLC0415 - slow to import; only a mistake needs it

    return CliError(f"there is no trail of {name!r}", cure=nearest(name, known), exit_code=Exit.NOT_FOUND)


def print_error(error: click.ClickException) -> None:
    """Print the error as one JSON object, where the answer would have been."""
    shown = error.as_json() if isinstance(error, CliError) else _click_error_as_json(error)
    click.echo(json.dumps({"v": VERSION, "error": shown}, indent=2))


def _click_error_as_json(error: click.ClickException) -> dict[str, Any]:
    """click's own problem with the command line."""
    shown = {"code": _exit_word(error.exit_code), "message": error.format_message()[:_LONGEST_MESSAGE]}
    if field := _parameter_name(error):
        shown["field"] = field
    if isinstance(error, click.UsageError) and error.ctx is not None:
        shown["cure"] = f"see `{error.ctx.command_path} --help`"
    return shown


def _exit_word(exit_code: int) -> str:
    return next((member.word for member in Exit if member == exit_code), Exit.REFUSED.word)


def _parameter_name(error: click.ClickException) -> str:
    """The option or argument that the error is about, if it is about one."""
    match error:
        case click.NoSuchOption():
            return error.option_name
        case click.BadOptionUsage():
            return error.option_name
        case click.BadParameter() if error.param is not None:
            return error.param.opts[0] if isinstance(error.param, click.Option) else error.param.human_readable_name
        case click.BadParameter() if isinstance(error.param_hint, str):
            return error.param_hint
        case _:
            return ""
