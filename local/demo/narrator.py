"""What the demo prints: one line per thing that happened, with the time since the start. Colours on a terminal only."""

import os
import sys
import time
from typing import Any, TextIO, assert_never

from slipway.domain.actions import Action, tone_of
from slipway.domain.promotion import PromotionProgress
from slipway.domain.tones import Tone

BAR = 30
"""Characters of a progress bar."""
BOLD, DIM, RED, GREEN, YELLOW, BLUE, CYAN, END = "1", "2", "31", "32", "33", "34", "36", "0"

_TOLD = ("tag", "run", "source", "target", "approvers", "to", "replaces", "channel", "rules", "voters", "reason")
"""Details of a record that are told, in this order."""


class Narrator:
    """Writes lines; writes nothing when quiet."""

    def __init__(self, stream: TextIO = sys.stderr, *, quiet: bool = False) -> None:
        self._stream, self.quiet = stream, quiet
        self._terminal = stream.isatty()
        self._bar_is_open = False
        self._colours = self._terminal and "NO_COLOR" not in os.environ
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def restart(self) -> None:
        self._start = time.monotonic()

    def heading(self, text: str) -> None:
        self._write(f"\n{self._painted(text, BOLD)}")

    def line(self, text: str) -> None:
        self._write(f"{self._painted(f'{self.seconds:6.1f} s', DIM)}  {text}")

    def bar(self, progress: dict[str, Any]) -> None:
        """How far a promotion is, in a line that the next one takes the place of. On a terminal only."""
        if self.quiet or not self._terminal:
            return
        share = progress["bytes"] / progress["of_bytes"] if progress["of_bytes"] else 0.0
        blocks = round(share * BAR)
        told = PromotionProgress.model_validate(progress).told
        line = f"{self.seconds:6.1f} s  {'█' * blocks}{'░' * (BAR - blocks)} {share:4.0%}  {told}"
        print(f"\r{line}\033[K", end="", file=self._stream, flush=True)
        self._bar_is_open = True

    def record(self, record: dict[str, Any]) -> None:
        """One audit record."""
        action = record["action"]
        where = f" in {record['environment']}" if record.get("environment") else ""
        self.line(
            f"{self._marked(action)} {self._painted(record.get('release') or '-', CYAN)}{where}"
            f"{self._painted(_detail(record), DIM)}"
        )

    def vote(self, vote: dict[str, Any]) -> None:
        """One vote, as the trail holds it: whose, by which channel, for which plan and digest, and why not."""
        by = f" by {vote['channel']}" if vote["channel"] else ""
        refused = ", ".join(vote["rules"])
        why = ": ".join(text for text in (refused, vote["reason"]) if text)
        self._write(
            f"{vote['sequence']:5}  {self._marked('vote.' + vote['became'])} {self._painted(vote['release'], CYAN)}"
            f"  {vote['voter']}{by}; plan {vote['plan_hash'][7:19]}; image {vote['digest'][7:19]}"
            f"{self._painted(f'  {why}' if why else '', DIM)}"
        )

    def _marked(self, action: str) -> str:
        sign, colour = _mark(tone_of(action))
        return f"{self._painted(sign, colour)} {action:<24}"

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
    """The part of a record that people want to see in one line."""
    details, parts = record["details"], []
    if record["actor"] != "slipway":
        parts.append(f"by {record['actor']}")
    for name in (
        "tag",
        "run",
        "source",
        "target",
        "approvers",
        "to",
        "replaces",
        "channel",
        "rules",
        "voters",
        "reason",
    ):
        value = details.get(name)
        if value:
            parts.append(f"{name} {', '.join(value) if isinstance(value, list) else value}")
    if record["action"].startswith("vote."):
        parts.append(f"plan {details['plan_hash'][7:19]}")
    if record["action"] == Action.PLAN_MADE:
        counts = [f"{details[n]} {n}" for n in ("created", "changed", "unchanged") if details.get(n)]
        parts.append(f"{', '.join(counts)}; plan {details['plan_hash'][7:19]}")
    if record["action"] == Action.PROMOTION_DONE:
        parts.append(f"{details.get('blobs_copied', 0)} blobs copied, digests equal on both sides, {details['lock']}")
    text = "; ".join(parts)
    return f"  {text[:150]}" if text else ""
