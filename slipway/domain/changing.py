"""What came of a change of the catalogue, as it is answered to whoever asked for it: short, and without contents."""

from typing import Annotated, Final

from pydantic import Field

from .model import Digest, Record

MOST_PROBLEMS: Final = 50
MOST_LINES: Final = 10
LONGEST: Final = 400
"""Characters of one line: an answer about 64 applications has to fit into one row."""

Line = Annotated[str, Field(max_length=LONGEST)]
Lines = Annotated[tuple[Line, ...], Field(max_length=MOST_LINES)]


class Changed(Record):
    """What came of one application or project."""

    subject: str
    outcome: str
    """`created`, `changed`, `unchanged`, `removed` or `refused`."""
    number: int = 0
    """The version in force afterwards; 0 where nothing was committed."""
    before: Digest | None = None
    after: Digest | None = None
    refused: Line = ""
    weaker: Lines = ()
    stands_still: Lines = ()


class Wrong(Record):
    """Something that is wrong with what was to be applied, and where."""

    file: Line
    field: Line = ""
    expected: Line = ""
    got: Line = ""
    message: Line = ""


def lines(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The first of them, each shortened to what an answer has room for."""
    return tuple(map(line, texts[:MOST_LINES]))


def line(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
