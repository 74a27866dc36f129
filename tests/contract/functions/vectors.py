"""What Microsoft's code answered, as `tests/recorded/functions-host` has it, and where this host is not to follow
it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.recorded import RECORDED

FOLDER = RECORDED / "functions-host"


def vectors(name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines of a file with their numbers, without the first line, which names their source."""
    # Not splitlines(): some texts hold other ends of lines.
    for number, line in enumerate((FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").split("\n"), 1):
        if number > 1 and line:
            yield number, json.loads(line)


def compare(name: str, differences: Mapping[int, str]) -> None:
    """Fails unless the lines that differ are exactly those that `not-followed.json` lists."""
    decided = {
        line: entry["reason"]
        for entry in json.loads((FOLDER / "not-followed.json").read_text(encoding="utf-8"))[name]
        for line in entry["lines"]
    }
    disagreements = [f"line {line}: {differences[line]}" for line in sorted(differences.keys() - decided.keys())]
    disagreements += [
        f"line {line} agrees now: {decided[line]}" for line in sorted(decided.keys() - differences.keys())
    ]
    assert not disagreements, f"{name}.jsonl: {len(disagreements)} lines\n" + "\n".join(disagreements[:40])
