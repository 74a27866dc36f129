"""`make chaos ARGS="--seed N --minutes M"`: deliver three applications while parts of the system are killed, frozen and
cut off; wait until all is quiet; and judge the outcome.

The seed determines the blows and what people intend to do; what each process is doing at that moment differs from run
to run.

Exit codes: 0 every promise was kept; 1 one was broken or could not be checked; 2 the run itself did not reach its end,
so nothing can be said.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from local.demo.narrator import Narrator
from local.process import PartFailed
from local.stack import Stack, StackOptions
from local.stack.places import namespaces_of

from .applications import APPLICATIONS, ENVIRONMENTS, write
from .blows import Kind, rows
from .judge import Verdict, judge
from .looking import Inspector, Onlooker
from .playing import Player
from .striking import Striker

QUIET_WITHIN: Final = 900.0
"""Seconds after the last blow within which everything must have come to rest."""
SHOWN: Final = 5
"""Faults shown per promise; `--json` has them all."""


def main() -> int:
    options = _options()
    say = Narrator(quiet=options.json)
    say.heading(f"{options.minutes:g} minutes of blows. To repeat them: {_command(options)}")
    try:
        return _run(options, say)
    except (PartFailed, RuntimeError) as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos ARGS=…", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10_000), help="determines the blows (default: any)"
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="how long blows fall (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="an empty folder for data and logs, which are kept")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout instead of the story")
    return parser.parse_args()


def _command(options: argparse.Namespace) -> str:
    return f'make chaos ARGS="--seed {options.seed} --minutes {options.minutes:g}"'


def _run(options: argparse.Namespace, say: Narrator) -> int:
    with tempfile.TemporaryDirectory(prefix="slipway-chaos-") as temporary:
        folder: Path = options.folder or Path(temporary)
        team = folder / "team"
        team.mkdir(parents=True)
        stack_options = StackOptions(
            folder=folder / "stack",
            keep=True,
            instances=2,
            apply=write(team),
            lock_seconds=10,
            namespaces=namespaces_of(team),
        )
        with Stack(stack_options) as stack:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: _exit_at_once(stack))
            say.line(f"all {len(stack.parts)} parts are up; {len(APPLICATIONS)} applications are in force")
            return _play(options, say, stack)


def _exit_at_once(stack: Stack) -> None:
    """Stop without waiting for the players, who do not give up soon."""
    stack.stop()
    os._exit(2)


def _play(options: argparse.Namespace, say: Narrator, stack: Stack) -> int:
    lock = threading.Lock()

    def line(text: str) -> None:
        with lock:
            say.line(text)

    onlooker = Onlooker(stack=stack)
    strikers = [Striker(stack=stack, row=row, say=line) for row in rows(options.seed, options.minutes)]
    players = [
        Player(stack=stack, application=application, seed=options.seed, mail=onlooker, say=line)
        for application in APPLICATIONS
    ]
    blows_over, onlooking_over = threading.Event(), threading.Event()
    with ThreadPoolExecutor(max_workers=16) as threads:
        onlooker_runs = [threads.submit(onlooker.collect, onlooking_over)]
        onlooker_runs += [threads.submit(onlooker.watch, cluster, onlooking_over) for cluster in ENVIRONMENTS]
        try:
            player_runs = [
                threads.submit(run, blows_over) for run in (*(s.run for s in strikers), *(p.run for p in players))
            ]
            _wait(blows_over, options.minutes * 60, strikers)
            line("the last blow has fallen; releases under way may end")
            for player_run in player_runs:
                player_run.result()
            inspector = Inspector(stack=stack, onlooker=onlooker, say=line)
            is_quiet = not _failures(strikers) and inspector.wait_until_quiet(within=QUIET_WITHIN)
        finally:
            blows_over.set()
            onlooking_over.set()
        for player_run in onlooker_runs:
            player_run.result()
    if failed := _failures(strikers):
        print(f"chaos: {'; '.join(failed)}", file=sys.stderr)
        return 2
    line("all is quiet" if is_quiet else f"it did not come to rest within {QUIET_WITHIN:.0f} s")
    pushed = [version for player in players for version in player.pushed]
    votes = frozenset(vote for player in players for vote in player.votes)
    verdicts = judge(inspector.evidence(pushed, votes))
    struck = [blow for striker in strikers for blow in striker.struck]
    counts = {kind: sum(blow.kind is kind for blow in struck) for kind in Kind}
    _show(say, verdicts, f"{len(struck)} blows, {len(pushed)} pushes, {len(votes)} signed votes")
    holds = all(verdict.holds for verdict in verdicts)
    if options.json:
        faults = {verdict.promise: list(verdict.faults) for verdict in verdicts}
        blows = {str(kind): count for kind, count in counts.items()}
        counted = {"blows": blows, "pushes": len(pushed), "votes": len(votes), "seconds": round(say.seconds)}
        print(
            json.dumps({"seed": options.seed, "minutes": options.minutes, **counted, "faults": faults, "kept": holds})
        )
    else:
        say.heading(f"To repeat these blows: {_command(options)}")
    return 0 if holds else 1


def _wait(over: threading.Event, seconds: float, strikers: list[Striker]) -> None:
    """Wait until the time is over, or a part failed to come back."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not _failures(strikers):
        time.sleep(0.5)
    over.set()


def _failures(strikers: list[Striker]) -> list[str]:
    return [text for striker in strikers for text in striker.failed]


def _show(say: Narrator, verdicts: tuple[Verdict, ...], about: str) -> None:
    say.heading(f"Verdict from outside: {about}")
    for verdict in verdicts:
        say.verdict(verdict.promise, holds=verdict.holds)
        for fault in verdict.faults[:SHOWN]:
            say.line(fault)
        if len(verdict.faults) > SHOWN:
            say.line(f"… and {len(verdict.faults) - SHOWN} more")


if __name__ == "__main__":
    sys.exit(main())
