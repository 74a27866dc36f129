"""Output: tables fitted to a terminal's width, plain aligned text for a pipe, JSON for scripts."""

import json
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any, TextIO, assert_never

import click
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from slipway.domain.tones import Tone

from .errors import VERSION
from .text import iso, local, neutral

GOOD, BAD, NOTE, WORK, NAME, FAINT = "green", "red", "yellow", "blue", "cyan", "dim"
GAP = 2
MOST_BELOW = 3
"""The most lines below a row of a table."""
SPEAK_FOR_THEMSELVES = ("details", "reason")
"""Columns whose texts need no name beside them."""
FOLDED = 16
"""The least width of a wrapped column."""
INDENT = 20
"""The most characters before a word that is as long as a line."""


def tone_style(tone: Tone) -> str:
    """The style of a tone on a terminal."""
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


class CliConsole:
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
        """A JSON value unchanged."""
        self._write(json.dumps(value, indent=2))

    def json_line(self, value: Any) -> None:
        self._write(json.dumps(value, separators=(",", ":")))

    def line(self, *parts: Content) -> None:
        """Parts side by side. Long lines wrap on a terminal. If a line contains an address or a digest as long as the
        terminal is wide, the terminal itself breaks the line, so that the text can be copied."""
        if self.terminal:
            text = Text.assemble(*((neutral(_cell(part).text), _cell(part).style) for part in parts))
            in_one_piece = any(cell_len(word) > self._console.width - INDENT for word in text.plain.split())
            self._console.print(text, soft_wrap=in_one_piece)
        else:
            self._write("".join(neutral(_cell(part).text) for part in parts))

    def unwrapped_line(self, line: str) -> None:
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
        none: str = "",
    ) -> None:
        """Rows under headings; without any row only `none`, on stderr. On a terminal columns without any content are
        left out and those in `fold` are wrapped. If the rest does not fit, first the columns in `cut` and then the last
        ones go below their row, which alone is cut, after `MOST_BELOW` lines."""
        cells = [[_cell(item) for item in row] for row in rows]
        if not cells:
            if none:
                click.echo(none, err=True)
        elif self.terminal:
            self._table(columns, cells, cut=cut, fold=fold)
        else:
            self._plain([[TextCell(name.upper()) for name in columns], *cells])

    def _table(
        self, columns: Sequence[str], rows: Sequence[Sequence[TextCell]], *, cut: Sequence[str], fold: Sequence[str]
    ) -> None:
        texts = [
            {name: Text(neutral(cell.text), cell.style) for name, cell in zip(columns, row, strict=True)}
            for row in rows
        ]
        room = self._console.width
        widths = _widths(columns, texts, fold)
        beside = _columns_that_fit(
            widths, room, leaving=[name for name in (*cut, *reversed(columns)) if name not in fold]
        )
        for name in fold:
            widths[name] = max(widths[name], room - sum(widths[other] + GAP for other in beside if other != name))
        self._write_beside({name: Text(name.upper(), "bold") for name in beside}, widths)
        for row in texts:
            self._write_beside({name: row[name] for name in beside}, widths)
            below = [_labelled(name, row[name]) for name in widths if name not in beside and row[name]]
            if below:
                line = Text("  ").join([Text("  "), *below])
                self._write_below(line, room)

    def _write_below(self, line: Text, room: int) -> None:
        indent = len(line.plain) - len(line.plain.lstrip())
        wrapped = line[indent:].wrap(self._console, room - indent)
        for number, part in enumerate(wrapped[:MOST_BELOW], start=1):
            part.rstrip()
            if number == MOST_BELOW < len(wrapped):
                part.append(" …")
                part.truncate(room - indent, overflow="ellipsis")
            self._console.print(Text(" " * indent) + part, soft_wrap=True)

    def _write_beside(self, row: Mapping[str, Text], widths: Mapping[str, int]) -> None:
        """The texts of a row beside each other, each over as many lines as it needs."""
        wrapped = [
            text.wrap(self._console, widths[name]) if text.cell_len > widths[name] else [text]
            for name, text in row.items()
        ]
        for parts in zip_longest(*wrapped, fillvalue=Text("")):
            line = Text("")
            for part, name in zip(parts, row, strict=True):
                line += part + Text(" " * (widths[name] - part.cell_len + GAP))
            line.rstrip()
            self._console.print(line, soft_wrap=True)

    def _plain(self, rows: list[list[TextCell]]) -> None:
        texts = [[neutral(cell.text) or "-" for cell in row] for row in rows]
        widths = [max(cell_len(text) for text in column) for column in zip(*texts, strict=True)]
        for row in texts:
            padded = (text + " " * (width - cell_len(text) + GAP) for text, width in zip(row, widths, strict=True))
            self._write("".join(padded).rstrip())

    def fields(self, pairs: Iterable[tuple[str, Content]]) -> None:
        """Names and values, one pair per line, without empty values. On a terminal a long value continues below itself;
        a word longer than a line, such as a digest, stays in one piece."""
        filled = [(name, _cell(value)) for name, value in pairs if _cell(value).text]
        width = max((cell_len(name) for name, _ in filled), default=0) + GAP
        for name, value in filled:
            lines = [neutral(value.text)]
            if self.terminal:
                room = max(self._console.width - width, 1)
                lines = textwrap.wrap(lines[0], room, break_long_words=False, break_on_hyphens=False) or [""]
            for label, line in zip_longest([name], lines, fillvalue=""):
                self.line(TextCell(label.ljust(width), FAINT), TextCell(line, value.style))

    def flush(self) -> None:
        """Pass the output so far to the reader of a pipe."""
        self._stream.flush()

    def _write(self, text: str) -> None:
        print(text, file=self._stream)


def _widths(columns: Sequence[str], rows: Sequence[Mapping[str, Text]], fold: Sequence[str]) -> dict[str, int]:
    """The width of each column with content; for a wrapped column, the least width."""
    widths = {}
    for name in columns:
        texts = [row[name].cell_len for row in rows]
        if any(texts) or not rows:
            widths[name] = max([cell_len(name), *texts])
    return {name: min(width, FOLDED) if name in fold else width for name, width in widths.items()}


def _columns_that_fit(widths: Mapping[str, int], room: int, *, leaving: Sequence[str]) -> list[str]:
    """The columns that fit beside each other, if others are moved out in this order."""
    staying = list(widths)
    for name in leaving:
        if sum(widths[each] + GAP for each in staying) - GAP <= room or len(staying) == 1:
            break
        if name in staying:
            staying.remove(name)
    return staying


def _labelled(column: str, text: Text) -> Text:
    return text if column in SPEAK_FOR_THEMSELVES else Text(f"{column} ", FAINT) + text


def _cell(content: Content) -> TextCell:
    return content if isinstance(content, TextCell) else TextCell(content)


class Steps:
    """Progress of a long operation."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def update(self, name: str, done: int, total: int) -> None:
        self._progress.update(self._task, description=neutral(name), completed=done, total=total)


@contextmanager
def progress_bar() -> Iterator[Steps]:
    """Show a progress bar on stderr while the block runs, if stderr is a terminal."""
    console = Console(stderr=True, markup=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        yield Steps(shown)
