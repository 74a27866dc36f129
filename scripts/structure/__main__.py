"""`python -m scripts.structure`; the package's docstring says how."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from . import __doc__ as usage
from .figures import figures_of, rows
from .moves import Move, compare_names, read_moves, statements_before_and_after
from .sources import modules_of

HERE = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    moves = read_moves(options.moves.read_text(encoding="utf-8")) if options.moves else []
    if options.names:
        before, after = options.names
        return _names(before, after, moves, as_json=options.json)
    if options.against:
        return _compare(options.against, options.root, moves, as_json=options.json)
    figures = figures_of(options.root.resolve(), walks=options.walks)
    if options.json:
        print(json.dumps(figures.as_json(), indent=2))
    else:
        _print_table(rows(figures))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.structure", description=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", nargs="?", type=Path, default=HERE, help="the checkout to look at (default: this one)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, with every name and place")
    parser.add_argument("--walks", action="store_true", help="run a push and a vote, and count what they call")
    parser.add_argument("--against", type=Path, metavar="OLD", help="an older checkout: compare statements by folder")
    parser.add_argument("--names", nargs=2, type=Path, metavar=("BEFORE", "AFTER"), help="two files of test ids")
    parser.add_argument("--moves", type=Path, metavar="FILE", help="lines of old<TAB>new[<TAB>reason]")
    return parser


def _names(before: Path, after: Path, moves: list[Move], *, as_json: bool) -> int:
    names = compare_names(_lines(before), _lines(after), moves)
    for path, count in ((before, names.before), (after, names.after)):
        if not count:
            print(f"{path} names no test: it should hold what `pytest --collect-only -q` prints", file=sys.stderr)
            return 2
    if as_json:
        print(json.dumps(asdict(names), indent=2))
    else:
        print(f"{names.before} test functions before, {names.after} after, {len(names.dropped)} dropped with a reason")
        for name in names.missing:
            print(f"missing: {name}")
        for line in names.untrue:
            print(f"untrue: {line}")
    return 0 if names.complete else 1


def _compare(old: Path, new: Path, moves: list[Move], *, as_json: bool) -> int:
    folders = statements_before_and_after(modules_of(old), modules_of(new), moves)
    if as_json:
        print(json.dumps([asdict(folder) | {"change": folder.change} for folder in folders], indent=2))
        return 0
    before, after = sum(folder.before for folder in folders), sum(folder.after for folder in folders)
    _print_table(
        [
            ("folder", "before", "after", "change"),
            *((folder.name, str(folder.before), str(folder.after), f"{folder.change:+}") for folder in folders),
            ("all", str(before), str(after), f"{after - before:+}"),
        ]
    )
    return 0


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _print_table(lines: Iterable[tuple[str, ...]]) -> None:
    """The first column to the left, the figures to the right, a last column of words as it is."""
    table = [tuple(line) for line in lines]
    first, second = (max(len(line[column]) for line in table) for column in (0, 1))
    for line in table:
        print("  ".join([line[0].ljust(first), line[1].rjust(second), *line[2:]]).rstrip())


if __name__ == "__main__":
    sys.exit(main())
