"""`make trace RELEASE=hello-1`: a release's trace in the terminal, from the stack that `make up` keeps running."""

import argparse
import json
import os
import shutil
import sys
import time
from typing import Any

import urllib3

from .records import Link, SpanRecord
from .waterfall import Axis, Bar, rows, told

NAME = 42
LEAST = 20
STILL = 3
"""Looks, half a second apart, in which nothing more came."""


def text(bars: list[Bar], axis: Axis, *, width: int, colour: bool) -> str:
    """The waterfall, `width` characters wide."""
    room = max(width - NAME - 12, LEAST)
    lines = []
    for bar in bars:
        span = bar.span
        where = span.attributes.get("slipway.environment", "") if span.family in ("step", "wait") else ""
        name = ("  " * min(bar.depth, 6) + f"{span.name} {where}".rstrip())[:NAME]
        left = min(int(bar.left * room), room - 1)
        size = max(1, min(round(bar.width * room), room - left))
        drawn = " " * left + ("░" if span.family == "wait" else "█") * size
        if colour and span.failed:
            drawn = f"\x1b[31m{drawn}\x1b[0m"
        lines.append(f"{name:<{NAME}} {drawn}{' ' * (room - left - size)} {told(span.ended - span.began):>9}")
    lines += [
        f"(at {place:.0%} of the axis, {told(left_out)} without work are left out)" for place, left_out in axis.cuts
    ]
    return "\n".join(lines)


def fetch(address: str, path: str) -> Any:
    return urllib3.PoolManager(retries=False, timeout=10).request("GET", address + path).json()


def release_text(address: str, release: str, *, width: int, colour: bool, everything: bool = False) -> str | None:
    """None if nothing of the release has come."""
    ways = [way for way in fetch(address, "/api/releases") if way["release"] == release]
    if not ways:
        return None
    spans = [_span(given) for given in fetch(address, "/api/spans") if given["trace"] == ways[0]["trace"]]
    bars, axis = rows(spans, everything=everything)
    return f"{release}: trace {ways[0]['trace']}\n{text(bars, axis, width=width, colour=colour)}"


def settled(address: str, release: str) -> None:
    """Wait until nothing more of the release comes: the app sends twice a second. Ten seconds at most."""
    before, since = -1, 0
    for _ in range(20):
        count = sum(way["spans"] for way in fetch(address, "/api/releases") if way["release"] == release)
        since = since + 1 if count == before else 0
        if count and since >= STILL:
            return
        before = count
        time.sleep(0.5)


def _span(given: dict[str, Any]) -> SpanRecord:
    links = tuple(Link(**link) for link in given["links"])
    return SpanRecord(**{**given, "links": links, "events": tuple(given["events"])})


def main() -> int:
    from ..up import STACK_FILE  # noqa: PLC0415 - the stack imports much

    parser = argparse.ArgumentParser(prog="make trace RELEASE=hello-1", description=__doc__)
    parser.add_argument("release", help="such as hello-1")
    parser.add_argument("--calls", action="store_true", help="show calls to the table and the blobs too")
    options = parser.parse_args()
    if not STACK_FILE.exists():
        print("Nothing is up here: run `make up` in another terminal first.", file=sys.stderr)
        return 1
    address = json.loads(STACK_FILE.read_text())["traces"]
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size((120, 40)).columns
    shown = release_text(address, options.release, width=width, colour=colour, everything=options.calls)
    if shown is None:
        print(f"no trace of {options.release} has come yet", file=sys.stderr)
        return 1
    print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
