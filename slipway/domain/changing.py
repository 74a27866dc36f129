"""A change of the catalogue in short, for the page that confirms it and for the answer."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from .model import Digest, Record

MOST_PROBLEMS: Final = 50
MOST_LINES: Final = 10
LONGEST: Final = 400
"""The most characters of one line: an answer about 64 applications has to fit into one row."""
ROOM: Final = 200_000
"""The most characters that are shown of one change: it has to fit into one row, too."""

Line = Annotated[str, Field(max_length=LONGEST)]
Lines = Annotated[tuple[Line, ...], Field(max_length=MOST_LINES)]


class Changed(Record):
    """The outcome for one application or project."""

    subject: str
    outcome: str
    """`created`, `changed`, `unchanged`, `removed`, `proposed` (people vote on it first) or `refused`."""
    number: int = 0
    """The version in force afterwards; 0 if nothing was committed."""
    before: Digest | None = None
    after: Digest | None = None
    refused: Line = ""
    weaker: Lines = ()
    stalled: Lines = ()


class ComparedSubject(Record):
    """One application or project as a change would leave it, for people to read before they confirm it."""

    subject: str
    outcome: str
    before: Digest | None = None
    after: Digest | None = None
    difference: tuple[Line, ...] = ()
    weaker: tuple[Line, ...] = ()
    stalled: tuple[Line, ...] = ()


def within_room(compared: Sequence[ComparedSubject], room: int = ROOM) -> tuple[ComparedSubject, ...]:
    """The same, with each difference cut, and marked as cut, where there is no room for it. Weakenings are never cut.

    Raises `ValueError` if the weakenings alone are too long.
    """
    room -= sum(_size(each.evolve(difference=())) for each in compared)
    if room < 0:
        raise ValueError("it weakens more than one page can show: change fewer applications at once")
    cut = list[ComparedSubject]()
    for each in compared:
        fitting = list[str]()
        for text in each.difference:
            room -= len(text)
            if room < 0:
                break
            fitting.append(text)
        left = len(each.difference) - len(fitting)
        cut.append(each.evolve(difference=(*fitting, *([f"… and {left} more lines"] if left else []))))
    return tuple(cut)


def _size(compared: ComparedSubject) -> int:
    return len(compared.model_dump_json())


class DocumentProblem(Record):
    """A problem in the documents to apply, and its place."""

    file: Line
    line: int = Field(default=1, ge=1)
    field: Line = ""
    expected: Line = ""
    got: Line = ""
    message: Line = ""
    environment: Line = ""


def lines(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The first texts, each shortened to the room that an answer has."""
    return tuple(map(line, texts[:MOST_LINES]))


def line(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
