"""Output: tables fitted to a terminal's width, plain aligned text for a pipe, JSON for scripts."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO, assert_never

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from slipway.domain.tones import Tone

from .errors import VERSION
from .text import iso, local, neutral

GOOD, BAD, NOTE, WORK, NAME, FAINT = "green", "red", "yellow", "blue", "cyan", "dim"
GAP = 2


def tone_style(tone: Tone) -> str:
    """How a tone looks on a terminal."""
    match tone:
        case Tone.GOOD:
            return GOOD
        case Tone.BAD:
            return BAD
        case Tone.ASKS:
            return NOTE
        case Tone.BUSY:
            return WORK
        case Tone.QUIET:
            return ""
        case unreachable:
            assert_never(unreachable)


@dataclass(frozen=True)
class TextCell:
    """A text and its style on a terminal."""

    text: str
    style: str = ""


type Content = str | TextCell


class Screen:
    """The output of a command. All text is escaped by `neutral`, and none is interpreted as markup."""

    def __init__(self, stream: TextIO | None = None, *, terminal: bool | None = None, width: int | None = None) -> None:
        self._stream = stream or sys.stdout
        self.terminal = self._stream.isatty() if terminal is None else terminal
        self._console = Console(
            file=self._stream,
            force_terminal=self.terminal,
            width=width,
            markup=False,
            highlight=False,
            emoji=False,
            soft_wrap=False,
        )

    def time(self, moment: datetime | None) -> str:
        """Local time on a terminal, otherwise UTC, so that saved output is unambiguous."""
        if moment is None:
            return ""
        return local(moment) if self.terminal else iso(moment)

    def json(self, value: Mapping[str, Any]) -> None:
        """One JSON object with its version. ASCII only, so that it is safe for every parser and terminal."""
        self.document({"v": VERSION, **value})

    def document(self, value: Any) -> None:
        """A JSON value as it is."""
        self._write(json.dumps(value, indent=2))

    def json_line(self, value: Any) -> None:
        self._write(json.dumps(value, separators=(",", ":")))

    def line(self, *parts: Content) -> None:
        """Parts side by side; long lines wrap on a terminal."""
        if self.terminal:
            self._console.print(Text.assemble(*((neutral(_cell(part).text), _cell(part).style) for part in parts)))
        else:
            self._write("".join(neutral(_cell(part).text) for part in parts))

    def whole(self, line: str) -> None:
        """A line that is never wrapped, because other programs read it."""
        self._write(neutral(line))

    def text(self, text: str) -> None:
        """A text of several lines, each escaped."""
        for line in text.split("\n"):
            self._write(neutral(line.removesuffix("\r").expandtabs()))

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[Content]],
        *,
        cut: Sequence[str] = (),
        fold: Sequence[str] = (),
    ) -> None:
        """Rows under headings. On a narrow terminal the columns in `cut` are truncated, and those in `fold` wrapped."""
        cells = [[_cell(item) for item in row] for row in rows]
        if self.terminal:
            self._table(columns, cells, yielding=(*cut, *fold), fold=fold)
        else:
            self._plain([[TextCell(name.upper()) for name in columns], *cells])

    def _table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[TextCell]],
        *,
        yielding: Sequence[str],
        fold: Sequence[str],
    ) -> None:
        table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
        for name in columns:
            table.add_column(
                Text(name.upper()), no_wrap=name not in yielding, overflow="fold" if name in fold else "ellipsis"
            )
        for row in rows:
            # Rich truncates text that may not wrap, but shrinks only columns that may.
            texts = zip(columns, row, strict=True)
            table.add_row(*(Text(neutral(cell.text), cell.style, no_wrap=name not in fold) for name, cell in texts))
        self._console.print(table)

    def _plain(self, rows: list[list[TextCell]]) -> None:
        texts = [[neutral(cell.text) or "-" for cell in row] for row in rows]
        widths = [max(cell_len(text) for text in column) for column in zip(*texts, strict=True)]
        for row in texts:
            padded = (text + " " * (width - cell_len(text) + GAP) for text, width in zip(row, widths, strict=True))
            self._write("".join(padded).rstrip())

    def fields(self, pairs: Iterable[tuple[str, Content]]) -> None:
        """Names and values, one pair per line, without empty values."""
        filled = [(name, _cell(value)) for name, value in pairs if _cell(value).text]
        width = max((cell_len(name) for name, _ in filled), default=0) + GAP
        for name, value in filled:
            self.line(TextCell(name.ljust(width), FAINT), value)

    def _write(self, text: str) -> None:
        print(text, file=self._stream)


def _cell(content: Content) -> TextCell:
    return content if isinstance(content, TextCell) else TextCell(content)


class Steps:
    """Progress of a long operation."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def at(self, name: str, done: int, total: int) -> None:
        self._progress.update(self._task, description=neutral(name), completed=done, total=total)


@contextmanager
def progress() -> Iterator[Steps]:
    """Show a progress bar on stderr while the block runs, if stderr is a terminal."""
    console = Console(stderr=True, markup=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        yield Steps(shown)
