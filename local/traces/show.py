"""`make trace RELEASE=hello-1`: print a release's trace in the terminal, from the stack that `make up` started."""

import argparse
import json
import os
import shutil
import sys
import time
from typing import Any

import urllib3

from .records import Link, SpanRecord
from .waterfall import Axis, Bar, duration, rows

NAME = 42
LEAST = 20
STILL = 3
"""Polls, half a second apart, in which nothing more arrived."""


def text(bars: list[Bar], axis: Axis, *, width: int, colour: bool) -> str:
    """The waterfall, `width` characters wide."""
    bar_width = max(width - NAME - 12, LEAST)
    lines = []
    for bar in bars:
        span = bar.span
        environment = span.attributes.get("slipway.environment", "") if span.family in ("step", "wait") else ""
        name = ("  " * min(bar.depth, 6) + f"{span.name} {environment}".rstrip())[:NAME]
        left = min(int(bar.left * bar_width), bar_width - 1)
        size = max(1, min(round(bar.width * bar_width), bar_width - left))
        drawn_bar = " " * left + ("░" if span.family == "wait" else "█") * size
        if colour and span.failed:
            drawn_bar = f"\x1b[31m{drawn_bar}\x1b[0m"
        lines.append(
            f"{name:<{NAME}} {drawn_bar}{' ' * (bar_width - left - size)} {duration(span.ended - span.began):>9}"
        )
    lines += [
        f"(at {place:.0%} of the axis, {duration(left_out)} without work are left out)" for place, left_out in axis.cuts
    ]
    return "\n".join(lines)


def fetch(address: str, path: str) -> Any:
    return urllib3.PoolManager(retries=False, timeout=10).request("GET", address + path).json()


def release_text(address: str, release: str, *, width: int, colour: bool, everything: bool = False) -> str | None:
    """The release's trace as text; None if nothing about the release has arrived."""
    traces = [trace for trace in fetch(address, "/api/releases") if trace["release"] == release]
    if not traces:
        return None
    spans = [_span(span) for span in fetch(address, "/api/spans") if span["trace"] == traces[0]["trace"]]
    bars, axis = rows(spans, everything=everything)
    return f"{release}: trace {traces[0]['trace']}\n{text(bars, axis, width=width, colour=colour)}"


def wait_until_settled(address: str, release: str) -> None:
    """Wait until nothing more arrives about the release (the app sends twice a second), for ten seconds at most."""
    previous_count, unchanged = -1, 0
    for _ in range(20):
        count = sum(trace["spans"] for trace in fetch(address, "/api/releases") if trace["release"] == release)
        unchanged = unchanged + 1 if count == previous_count else 0
        if count and unchanged >= STILL:
            return
        previous_count = count
        time.sleep(0.5)


def _span(document: dict[str, Any]) -> SpanRecord:
    links = tuple(Link(**link) for link in document["links"])
    return SpanRecord(**{**document, "links": links, "events": tuple(document["events"])})


def main() -> int:
    from ..up import STACK_FILE  # noqa: PLC0415 - the stack imports much

    parser = argparse.ArgumentParser(prog="make trace RELEASE=hello-1", description=__doc__)
    parser.add_argument("release", help="such as hello-1")
    parser.add_argument("--calls", action="store_true", help="also show calls to tables and blobs")
    options = parser.parse_args()
    if not STACK_FILE.exists():
        print("Nothing is up here: run `make up` in another terminal first.", file=sys.stderr)
        return 1
    address = json.loads(STACK_FILE.read_text())["traces"]
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size((120, 40)).columns
    trace_text = release_text(address, options.release, width=width, colour=colour, everything=options.calls)
    if trace_text is None:
        print(f"no trace of {options.release} has arrived yet", file=sys.stderr)
        return 1
    print(trace_text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
