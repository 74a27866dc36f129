"""The proof of one guard: its tests pass with it, and fail without it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scripts.extensions.scratch import ProgramResult, Scratch

from .table import Guard

QUICK = "not (attack or browser or cluster or hooks or stack or thorough or workers)"
"""The tests that need nothing but Python and Node."""


FAILED = re.compile(r"^FAILED ", re.MULTILINE)
"""The runner's line for a test that ran and failed."""


@dataclass(frozen=True)
class Proof:
    """The outcome of taking a guard out."""

    guard: Guard
    red: bool
    output: str
    """The end of the tests' output, if it is not as expected."""

    @property
    def problem(self) -> str:
        return "" if self.red else f"{self.guard.name}: no test fails without it\n{self.output}"


def run_with_all_guards(scratch: Scratch, guards: Iterable[Guard]) -> ProgramResult:
    """Run all tests of the guards, with every guard in place: tests that fail anyway could not show that a guard is
    missing."""
    return _run(scratch, sorted({test for guard in guards for test in guard.tests}))


def prove(scratch: Scratch, guard: Guard) -> Proof:
    """Take the guard out, run its tests, and put it back. Raises `ValueError` if the guard is not at the place that the
    table names."""
    path = scratch.folder / guard.file
    source = path.read_text(encoding="utf-8")
    path.write_text(guard.removed_from(source), encoding="utf-8")
    try:
        result = _run(scratch, guard.tests)
    finally:
        path.write_text(source, encoding="utf-8")
    # If no test was found, or the tests could not even be read, nothing is proved.
    return Proof(guard, red=not result.passed and FAILED.search(result.text) is not None, output=result.end)


def _run(scratch: Scratch, tests: Sequence[str]) -> ProgramResult:
    return scratch.tests("-m", QUICK, *tests)
