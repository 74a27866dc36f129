"""Reads the output of Helm and Kustomize as objects: the documents, the template of each, and whether a second run
gives the same.

A bundle has to have the same bytes whoever builds it, and whenever. So everything is rendered twice under different
conditions, and a difference is refused, with the template that causes it. Running the programs is left to a `Renderer`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Protocol

from ..manifests.documents import MAX_BYTES, Document, read_text
from ..manifests.problems import ConfigError, Findings, Problem, Steps
from .archive import LARGEST_LAYER

LARGEST_OUTPUT: Final = LARGEST_LAYER
"""Bytes that a program may print for one environment."""
_BETWEEN: Final = re.compile(rb"^---[ \t]*(?:#.*)?\r?\n", re.MULTILINE)
"""A line that separates two documents; it cannot begin a line of text within YAML."""
_SOURCE: Final = re.compile(rb"^# Source: ([\x21-\x7e]{1,400})\s*$", re.MULTILINE)
_NOT_PORTABLE: Final = re.compile(r"[^a-z0-9._-]+")
_LONGEST_NAME: Final = 90


class Program(Enum):
    """A program that renders: its name, the major versions that are supported, and the versions that were tested."""

    HELM = ("helm", "Helm", ("3", "4"), "3.22.0 and 4.1.0")
    KUSTOMIZE = ("kustomize", "Kustomize", ("5",), "5.8.1")

    def __init__(self, command: str, title: str, majors: tuple[str, ...], tested: str) -> None:
        self.command, self.title, self.majors, self.tested = command, title, majors, tested

    @property
    def accepted_versions(self) -> str:
        """The versions that are accepted, for messages."""
        return f"{self.title} {' or '.join(self.majors)} (tested with {self.tested})"


class Conditions(Enum):
    """The conditions under which a program runs. Output that depends on them differs between the two runs."""

    ONE = +14
    OTHER = -12

    @property
    def hours_east(self) -> int:
        """The time zone. The two are never on the same day of the calendar."""
        return self.value


class Renderer(Protocol):
    """Runs programs on this machine, without network, secrets or anybody's settings."""

    def version(self, program: Program, needed_by: str) -> str:
        """The program's own version. Raises `ConfigError`, with `needed_by` for the file, if it is not installed."""

    def run(self, program: Program, arguments: tuple[str, ...], conditions: Conditions, needed_by: str) -> bytes:
        """The program's output, at most `LARGEST_OUTPUT` bytes; at least a second passes from one condition to the
        other.

        Raises `ConfigError`, with `needed_by` for the file.
        """


@dataclass(frozen=True, kw_only=True)
class RenderedObject:
    """One document that a program printed, and the template or folder that it comes from."""

    source: str
    document: Document


def split(output: bytes, *, whole: str) -> tuple[RenderedObject, ...]:
    """The objects in a program's output. `whole` stands for the source if the output names none.

    Raises `ConfigError`.
    """
    findings = Findings()
    rendered: list[RenderedObject] = []
    source = whole
    for chunk in _BETWEEN.split(output):
        if source_line := _SOURCE.search(chunk):
            source = source_line[1].decode("ascii")
        with findings.collecting():
            if len(chunk) > MAX_BYTES:
                expected = f"at most {MAX_BYTES // 1024} KiB in an object"
                raise ConfigError([Problem(file=source, expected=expected, got="more")])
            rendered += [_without_lines(document, source, whole) for document in _read(chunk, source)]
    findings.raise_any()
    return tuple(rendered)


def _read(chunk: bytes, source: str) -> tuple[Document, ...]:
    try:
        return read_text(chunk, name=source)
    except ConfigError as error:
        # Readers would look for a line of the output in the template.
        raise ConfigError(replace(problem, line=1, column=1) for problem in error.problems) from None


def _without_lines(document: Document, source: str, whole: str) -> RenderedObject:
    value = document.value
    metadata = value.get("metadata") if isinstance(value, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    file = f"{source} ({value.get('kind')} {name})" if source == whole and isinstance(value, dict) else source
    return RenderedObject(source=source, document=replace(document, file=file, positions={}))


def differences(one: Iterable[RenderedObject], other: Iterable[RenderedObject]) -> Iterator[Problem]:
    """A problem for each template whose objects differ."""
    first, second = _by_file(one), _by_file(other)
    for file in sorted(first.keys() | second.keys()):
        before, after = first.get(file, []), second.get(file, [])
        steps = _first_difference(before, after, ())
        if steps is None:
            continue
        message = (
            "rendering it twice gives different results, so no two builds would be alike: functions such as now, "
            "randAlphaNum, uuidv4 and genCA do that; write the value out, or let the cluster generate it"
        )
        shown = Document(file=file, value=None, positions={})
        yield shown.problem(steps[1:], message, expected="the same each time", got="something else")


def _by_file(rendered: Iterable[RenderedObject]) -> Mapping[str, list[Any]]:
    grouped: dict[str, list[Any]] = {}
    for each in rendered:
        grouped.setdefault(each.document.file, []).append(each.document.value)
    return grouped


def _first_difference(one: Any, other: Any, steps: Steps) -> Steps | None:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        pairs: Iterable[tuple[str | int, Any, Any]] = ((key, one[key], other[key]) for key in one)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = ((index, a, b) for index, (a, b) in enumerate(zip(one, other, strict=True)))
    else:
        return None if one == other and type(one) is type(other) else steps
    deeper = (_first_difference(a, b, (*steps, step)) for step, a, b in pairs)
    return next((at for at in deeper if at is not None), None)


def file_names(rendered: Iterable[RenderedObject]) -> tuple[str, ...]:
    """A file for each object, named by its kind and name; numbered if two would have the same name."""
    taken: set[str] = set()
    names: list[str] = []
    for each in rendered:
        stem = _stem(each.document.value)
        number, name = 1, f"{stem}.yaml"
        while name in taken:
            number += 1
            name = f"{stem}-{number}.yaml"
        taken.add(name)
        names.append(name)
    return tuple(names)


def _stem(value: Any) -> str:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    kind = value.get("kind") if isinstance(value, dict) else None
    text = "-".join(str(part) for part in (kind, name) if part)
    return _NOT_PORTABLE.sub("-", text.casefold())[:_LONGEST_NAME].strip("-._") or "object"
