"""`python -m scripts.ci`: run the stages in order, stop at the first that fails, print the table in any case.

`--spent STAGE=SECONDS` names a stage that ran before Python was there; `--list` prints the stages as Markdown.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from .outcomes import FOLDER, read_outcomes
from .stages import LIST, Machine, Plan, Stage, as_markdown, read_plan
from .table import StageResult, State, problems, report

ROOT = Path(__file__).resolve().parents[2]


STOPPING: Final = threading.Event()
"""Set when somebody ends the run because they have waited long enough.

It is checked only while a stage is waited for: if the signal raised an exception while a stage was being started, that
stage would keep running."""
POLL_SECONDS: Final = 0.2


class Stopped(Exception):  # noqa: N818 - no error of ours
    """The run was ended from outside."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    plan = read_plan(options.stages)
    if options.list:
        print(as_markdown(plan))
        return 0
    shutil.rmtree(options.outcomes, ignore_errors=True)
    machine, results = Machine(), list[StageResult]()
    try:
        for result in run_stages(plan, machine, dict(options.spent), outcomes=options.outcomes):
            results.append(result)
    finally:
        print("\n" + report(plan, results, machine), flush=True)
    return 1 if problems(plan, results, machine) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.ci", description=__doc__)
    parser.add_argument("--spent", action="append", default=[], type=_parse_spent, metavar="STAGE=SECONDS")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--stages", type=Path, default=LIST, help="another list than .ci/stages.toml")
    parser.add_argument(
        "--outcomes", type=Path, default=ROOT / ".local" / "ci", help="where tests leave their outcomes"
    )
    return parser


def _parse_spent(text: str) -> tuple[str, float]:
    name, _, seconds = text.partition("=")
    return name, float(seconds)


def _stop(number: int, frame: object) -> None:  # noqa: ARG001 - the signature is Python's
    STOPPING.set()


def run_stages(plan: Plan, machine: Machine, spent: Mapping[str, float], *, outcomes: Path) -> Iterator[StageResult]:
    """Run the stages, and yield the result of each as it ends; stop after one that fails."""
    for stage in plan.stages:
        if stage.name in spent:
            yield StageResult(stage.name, State.CHECKED, spent[stage.name])
        elif stage.needs and (why := stage.needs.missing(machine)):
            yield StageResult(stage.name, State.LEFT_OUT, why=why)
        else:
            result = run(stage, outcomes / stage.name)
            yield result
            if result.state is State.FAILED:
                return


def run(stage: Stage, folder: Path) -> StageResult:
    print(f"\n── {stage.name}: {stage.run}", flush=True)
    began = time.monotonic()
    # Other stages may run pytest on something else: `make extend` expects failures of a copy with a part left out.
    recording = {FOLDER: str(folder)} if stage.tests else {}
    try:
        exit_code = _call(stage.run, os.environ | recording)
    except Stopped:
        why = "stopped from outside"
    else:
        why = f"ended with exit code {exit_code}" if exit_code else ""
    state = State.FAILED if why else State.CHECKED
    return StageResult(stage.name, state, time.monotonic() - began, why, tuple(read_outcomes(folder)))


def _call(command: str, environment: Mapping[str, str]) -> int:
    """Run it in a process group of its own, so that all of it ends when the run is stopped."""
    with subprocess.Popen(["bash", "-c", command], cwd=ROOT, env=environment, start_new_session=True) as process:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(POLL_SECONDS)
            if STOPPING.is_set():
                os.killpg(process.pid, signal.SIGTERM)
                raise Stopped


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    sys.exit(main())
