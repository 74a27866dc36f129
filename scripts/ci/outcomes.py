"""The outcome of each test, written down by pytest for the table at the end of `.ci/run`.

`tests/conftest.py` loads this as a plugin. It does nothing unless SLIPWAY_TEST_OUTCOMES names a folder; then each run
of pytest adds a file of JSON lines there. (A JUnit report would do, but a stage may run pytest twice, and the second
run would overwrite the first one's.)
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TextIO

import pytest

FOLDER = "SLIPWAY_TEST_OUTCOMES"


class Result(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    KNOWN_FAULT = "known-fault"
    """Marked with `xfail`, and it did fail."""


@dataclass(frozen=True)
class Outcome:
    test: str
    result: Result
    reason: str = ""


def outcome_of(report: pytest.TestReport | pytest.CollectReport) -> Outcome | None:
    """None if a phase of a test says nothing about the whole: a set-up that went well, for example."""
    expected: str | None = getattr(report, "wasxfail", None)
    if report.skipped and expected is not None:
        return Outcome(report.nodeid, Result.KNOWN_FAULT, expected.removeprefix("reason: "))
    if report.skipped:
        return Outcome(report.nodeid, Result.SKIPPED, _reason(report.longrepr))
    if report.failed:
        return Outcome(report.nodeid, Result.FAILED)
    return Outcome(report.nodeid, Result.PASSED) if report.when == "call" else None


def _reason(longrepr: object) -> str:
    """Pytest gives a skip as (file, line, "Skipped: reason")."""
    text = longrepr[2] if isinstance(longrepr, tuple) else longrepr
    return str(text).removeprefix("Skipped: ")


class Recorder:
    """Writes each outcome as soon as it is known, so that a run that is killed has left what it knew."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._written = set[Outcome]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._write(outcome_of(report))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Modules that are skipped as a whole; with pytest-xdist each worker reports them."""
        self._write(outcome_of(report))

    def pytest_unconfigure(self) -> None:
        self._file.close()

    def _write(self, outcome: Outcome | None) -> None:
        if outcome is not None and outcome not in self._written:
            self._written.add(outcome)
            self._file.write(json.dumps(asdict(outcome)) + "\n")
            self._file.flush()


def pytest_configure(config: pytest.Config) -> None:
    if FOLDER not in os.environ or hasattr(config, "workerinput"):
        return
    # Removed, so that a pytest that a test starts does not add its own tests to those of the stage.
    folder = Path(os.environ.pop(FOLDER))
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / f"{os.getpid()}.jsonl").open("w", encoding="utf-8")
    config.pluginmanager.register(Recorder(file), "slipway-outcomes")


def read_outcomes(folder: Path) -> list[Outcome]:
    """The outcomes of all runs of pytest that wrote into a folder."""
    return list(_read(folder))


def _read(folder: Path) -> Iterator[Outcome]:
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            fields = json.loads(line)
            yield Outcome(fields["test"], Result(fields["result"]), fields["reason"])
