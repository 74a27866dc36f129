"""The demo's output: one line per event, with the time since the start. Coloured on a terminal only."""

import os
import shutil
import sys
import textwrap
import time
from typing import Any, TextIO, assert_never

from local.identity import laptop
from slipway.domain.actions import tone_of
from slipway.domain.attribution import SYSTEM
from slipway.domain.briefly import briefly
from slipway.domain.promotion import CopyProgress
from slipway.domain.tones import Tone

_ACTION = 22
"""Length of the longest action that a story shows."""
BAR = 30
"""Length of a progress bar."""
BOLD, DIM, RED, GREEN, YELLOW, BLUE, CYAN, END = "1", "2", "31", "32", "33", "34", "36", "0"

WIDTH = 80
"""Columns of a file, or of a terminal that does not report its width."""
INDENT = " " * 10
"""As wide as the time before a line."""
_NAMES = {f"{prefix}{person.oid}": person.name for person in laptop().people for prefix in ("oid:", "")}


class Narrator:
    """Writes lines, or nothing if quiet."""

    def __init__(self, stream: TextIO = sys.stderr, *, quiet: bool = False) -> None:
        self._stream, self.quiet = stream, quiet
        self._terminal = stream.isatty()
        self._bar_is_open = False
        self._colours = self._terminal and "NO_COLOR" not in os.environ
        self._start = time.monotonic()
        self._width = min(shutil.get_terminal_size((WIDTH, 24)).columns, 120) if self._terminal else WIDTH
        self._about = ""

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def restart(self) -> None:
        self._start = time.monotonic()

    def heading(self, text: str) -> None:
        self._about = ""
        self._write("")
        for line in textwrap.wrap(text, self._width):
            self._write(self._painted(line, BOLD))

    def line(self, text: str) -> None:
        first, *more = textwrap.wrap(text, self._width - len(INDENT), break_on_hyphens=False)
        self._write(f"{self._painted(f'{self.seconds:6.1f} s', DIM)}  {first}")
        for line in more:
            self._write(f"{INDENT}{line}")

    def verdict(self, text: str, *, holds: bool = True) -> None:
        sign, colour = _mark(Tone.GOOD if holds else Tone.BAD)
        first, *more = textwrap.wrap(_with_names(text), self._width - 2, break_on_hyphens=False)
        self._write(f"{self._painted(sign, colour)} {first}")
        for line in more:
            self._write(f"  {line}")

    def bar(self, progress: dict[str, Any]) -> None:
        """The progress of a copy, in a line that the next one replaces. On a terminal only."""
        if self.quiet or not self._terminal:
            return
        share = progress["bytes"] / progress["of_bytes"] if progress["of_bytes"] else 0.0
        blocks = round(share * BAR)
        progress_text = CopyProgress.model_validate(progress).text
        line = f"{self.seconds:6.1f} s  {'█' * blocks}{'░' * (BAR - blocks)} {share:4.0%}  {progress_text}"
        print(f"\r{line}\033[K", end="", file=self._stream, flush=True)
        self._bar_is_open = True

    def record(self, record: dict[str, Any]) -> None:
        """One audit record, below the release and the environment that it is about."""
        in_environment = f" in {record['environment']}" if record.get("environment") else ""
        about = f"{record.get('release') or ''}{in_environment}"
        if about and about != self._about:
            self._write(f"{INDENT}{self._painted(about, CYAN)}")
        self._about = about
        room = self._width - len(INDENT) - _ACTION - 3
        # Failures are shown in full; of other lines that are too long, the rest is in the trail.
        max_lines = None if tone_of(record["action"]) is Tone.BAD else 1
        first, *more = textwrap.wrap(
            _detail(record), room, max_lines=max_lines, placeholder="…", break_on_hyphens=False
        ) or [""]
        time_text = self._painted(f"{self.seconds:6.1f} s", DIM)
        detail = f" {self._painted(first, DIM)}" if first else ""
        self._write(f"{time_text}  {self._marked(record['action'])}{detail}".rstrip())
        for line in more:
            self._write(f"{INDENT}{' ' * (_ACTION + 3)}{self._painted(line, DIM)}")

    def vote(self, vote: dict[str, Any]) -> None:
        """One vote in the trail: by whom, by which channel, for which plan and digest, and why it did not
        count."""
        by = f" by {vote['channel']}" if vote["channel"] else ""
        refused = ", ".join(vote["rules"])
        reason = ": ".join(text for text in (refused, vote["reason"]) if text)
        self._write(
            f"{vote['sequence']:5}  {self._marked('vote.' + vote['became'])} {self._painted(vote['release'], CYAN)}"
            f"  {vote['voter']}{by}; plan {vote['plan_hash'][7:19]}; image {vote['digest'][7:19]}"
            f"{self._painted(f'  {reason}' if reason else '', DIM)}"
        )

    def _marked(self, action: str) -> str:
        sign, colour = _mark(tone_of(action))
        return f"{self._painted(sign, colour)} {action:<{_ACTION}}"

    def _painted(self, text: str, colour: str) -> str:
        return f"\033[{colour}m{text}\033[{END}m" if self._colours else text

    def _write(self, text: str) -> None:
        if self._bar_is_open:
            print("\r\033[K", end="", file=self._stream)
            self._bar_is_open = False
        if not self.quiet:
            print(text, file=self._stream, flush=True)


def _mark(tone: Tone) -> tuple[str, str]:
    """A sign for the tone of an action, and its colour."""
    match tone:
        case Tone.GOOD:
            return "✓", GREEN
        case Tone.BAD:
            return "✗", RED
        case Tone.ASKS:
            return "!", YELLOW
        case Tone.BUSY:
            return "·", BLUE
        case Tone.QUIET:
            return "·", DIM
        case unreachable:
            assert_never(unreachable)


def _detail(record: dict[str, Any]) -> str:
    """What people want to see of a record in one line, with the names of this machine's people."""
    details, actor = record["details"], record["actor"]
    behalf = f" for {details['on_behalf_of']}" if details.get("on_behalf_of") else ""
    parts = ("" if actor == SYSTEM else f"by {actor}{behalf}", briefly(record["action"], details))
    return _with_names("; ".join(filter(None, parts)))


def _with_names(text: str) -> str:
    for oid, person in _NAMES.items():
        text = text.replace(oid, person)
    return text
