"""`python -m bench [names…] [--json]`: run the benchmarks, all of them or those named."""

import argparse
import importlib
import json
import sys
import time

from rich.console import Console

from bench.rows import RESULTS, Row, show, write

BENCHMARKS = ("copying", "accepting", "latency", "proving", "burst", "conflicts", "start", "costs", "audit")
"""Modules of this package; each has `rows()`."""
WIDTH = 160
"""Width of the table when it is not printed to a terminal."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"benchmarks to run: {', '.join(BENCHMARKS)}; by default all"
    )
    parser.add_argument("--json", action="store_true", help="print the rows as JSON instead of a table")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"name: expected one of {', '.join(BENCHMARKS)}, got {unknown[0]!r}")
    notes, rows = Console(stderr=True), list[Row]()
    for name in options.names or BENCHMARKS:
        begin = time.monotonic()
        rows += importlib.import_module(f"bench.{name}").rows()
        notes.print(f"measured {name} in {time.monotonic() - begin:.0f} s", highlight=False)
    write(rows)
    if options.json:
        print(json.dumps([row.as_json() for row in rows], indent=2))
    else:
        show(rows, Console(width=None if sys.stdout.isatty() else WIDTH))
        notes.print(f"written to {RESULTS.relative_to(RESULTS.parents[1])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
