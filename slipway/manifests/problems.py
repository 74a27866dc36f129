"""Problems of a configuration, reported so that its author can fix them.

Every reader in this package reports all `Problem`s and does not stop at the first: a pull request that adds an
application should fail once, with the complete list.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_SHOWN_CHARACTERS = 80
_LISTED = 40
"""The most names that advice lists."""

Steps = tuple[str | int, ...]
"""The path from the root of a document to a value: mapping keys and list indexes."""


def look_up(value: Any, steps: Steps) -> Any:
    """The value at the end of a path of mapping keys; None if there is none."""
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One problem at one position of one file.

    Set either `expected` and `got`, or `message`, or all three; then `message` is advice. Lines and columns count from
    1; a problem of a whole file is at line 1.
    """

    file: str
    line: int = 1
    column: int = 1
    field: str = ""
    expected: str = ""
    got: str = ""
    message: str = ""
    environment: str = ""
    """The names of the environments that have it, if not all do."""

    def __str__(self) -> str:
        what = f"expected {self.expected}, got {self.got}" if self.expected else ""
        text = "; ".join(part for part in (what, self.message) if part)
        field = f" {self.field}:" if self.field else ""
        where = f" (environment {self.environment})" if self.environment else ""
        return f"{self.file}:{self.line}:{field} {text}{where}"


@dataclass(frozen=True, kw_only=True)
class Unjudged:
    """A part that could not be judged, since it depends on another that is wrong or unknown."""

    what: str
    because: str
    file: str = ""
    line: int = 1
    environment: str = ""

    def __str__(self) -> str:
        where = f" (environment {self.environment})" if self.environment else ""
        at = f" ({self.file}:{self.line})" if self.file else ""
        return f"not checked: {self.what}{where}, because {self.because}{at}"


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems, each once, sorted by file and line."""
    return tuple(sorted(set(problems), key=lambda p: (p.file, p.line, p.column, p.field, str(p))))


class ConfigError(ValueError):
    """The configuration is invalid; `problems` has all problems, sorted by file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Findings:
    """Collects problems from several readers, so that a reader that fails does not hide the problems of the others."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.not_checked: list[Unjudged] = []

    def add(self, problem: Problem) -> None:
        self.problems.append(problem)

    def extend(self, problems: Iterable[Problem]) -> None:
        self.problems.extend(problems)

    def extend_elsewhere(self, problems: Iterable[Problem]) -> None:
        """Add problems of a later reader, without those about a field that has a problem already, or about a part of
        it."""
        faulty = {(problem.file, problem.field) for problem in self.problems}
        self.extend(
            problem
            for problem in tuple(problems)
            if not any(problem.file == file and is_below(problem.field, field) for file, field in faulty)
        )

    def take(self, other: "Findings") -> None:
        self.problems += other.problems
        self.not_checked += other.not_checked

    def skip(self, what: str, *, because: str, at: Problem | None = None) -> None:
        """Note a part that is not judged; `at` is the problem that keeps it from being judged."""
        unjudged = Unjudged(what=what, because=because)
        self.not_checked.append(replace(unjudged, file=at.file, line=at.line) if at is not None else unjudged)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Catch a ConfigError raised in the block and collect its problems."""
        try:
            yield
        except ConfigError as error:
            self.extend(error.problems)

    def raise_any(self) -> None:
        if self.problems:
            raise ConfigError(self.problems)


def merged_by_environment[T: (Problem, Unjudged)](told_by_environment: Mapping[str, Iterable[T]]) -> Iterator[T]:
    """Each text once, with the names of the environments that it concerns, unless it concerns all of them."""
    environments: dict[T, list[str]] = {}
    for environment, problems in told_by_environment.items():
        for each in dict.fromkeys(problems):
            environments.setdefault(each, []).append(environment)
    for each, names in environments.items():
        yield each if len(names) == len(told_by_environment) else replace(each, environment=", ".join(names))


def is_below(field: str, other: str) -> bool:
    """Whether the field, as shown in messages, is the other one or part of it."""
    return field == other or field.startswith((f"{other}.", f"{other}["))


def dotted_path(steps: Steps) -> str:
    """The steps as shown in messages: `environments[1].gate.deadline`."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def short_value(value: object) -> str:
    """The value, shortened to fit into a message."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case dict():
            return f"a mapping of {len(value)}" if value else "an empty mapping"
        case list() | tuple():
            return f"a list of {len(value)}" if value else "an empty list"
        case _:
            text = repr(value)
            return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def nearest(name: str, known: Iterable[str]) -> str:
    """Advice for an unknown name: `did you mean 'deadline'?`, or else the list of known names."""
    names = sorted(known)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return did_you_mean(name, names) or (f"known are {', '.join(names[:_LISTED])}{more}" if names else "none is known")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean 'deadline'?`, or empty if no known name is similar."""
    close = closest(name, known)
    return f"did you mean {close!r}?" if close else ""


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    names = {known_name.casefold(): known_name for known_name in sorted(known)}
    close = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.6)
    return names[close[0]] if close else None


def shown_path(path: Path, *, root: Path) -> str:
    """The path as shown in messages, relative to the parent of the folder of all deliveries."""
    return f"{root.name}/{path.relative_to(root).as_posix()}" if path.is_relative_to(root) else path.name
