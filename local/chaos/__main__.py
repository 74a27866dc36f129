"""`make chaos ARGS="--seed N --minutes M"`: deliver three applications while parts of the system are killed, frozen and
cut off, wait until all is quiet, and judge what became of it.

The seed decides the blows and the intended acts of people; what each process was doing at that moment differs from run
to run.

Exit codes: 0 every promise was kept; 1 one was broken, or could not be looked at; 2 the run itself did not go on to its
end, so that nothing can be said.
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
from .judge import Judged, judged
from .looking import Inspector, Onlooker
from .playing import Player
from .striking import Striker

QUIET_WITHIN: Final = 900.0
"""Seconds until nothing may move any more after the last blow."""
SHOWN: Final = 5
"""Faults of one promise that are shown; `--json` has all."""


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
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="draws the blows (default: any)")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long parts are struck (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="an empty folder for data and logs, which is kept")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout instead of the story")
    return parser.parse_args()


def _command(options: argparse.Namespace) -> str:
    return f'make chaos ARGS="--seed {options.seed} --minutes {options.minutes:g}"'


def _run(options: argparse.Namespace, say: Narrator) -> int:
    with tempfile.TemporaryDirectory(prefix="slipway-chaos-") as temporary:
        folder: Path = options.folder or Path(temporary)
        team = folder / "team"
        team.mkdir(parents=True)
        wanted = StackOptions(
            folder=folder / "stack",
            keep=True,
            instances=2,
            apply=write(team),
            lock_seconds=10,
            namespaces=namespaces_of(team),
        )
        with Stack(wanted) as stack:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: _leave(stack))
            say.line(f"all {len(stack.parts)} parts are up; {len(APPLICATIONS)} applications are in force")
            return _played(options, say, stack)


def _leave(stack: Stack) -> None:
    """End without waiting for the players, who do not give up soon."""
    stack.stop()
    os._exit(2)


def _played(options: argparse.Namespace, say: Narrator, stack: Stack) -> int:
    turn = threading.Lock()

    def line(text: str) -> None:
        with turn:
            say.line(text)

    onlooker = Onlooker(stack=stack)
    strikers = [Striker(stack=stack, row=row, say=line) for row in rows(options.seed, options.minutes)]
    players = [
        Player(stack=stack, application=each, seed=options.seed, mail=onlooker, say=line) for each in APPLICATIONS
    ]
    over, looked = threading.Event(), threading.Event()
    with ThreadPoolExecutor(max_workers=16) as together:
        looking = [together.submit(onlooker.collect, looked)]
        looking += [together.submit(onlooker.watch, cluster, looked) for cluster in ENVIRONMENTS]
        try:
            going = [together.submit(each, over) for each in (*(s.run for s in strikers), *(p.run for p in players))]
            _wait(over, options.minutes * 60, strikers)
            line("the last blow has fallen; what goes on may end")
            for each in going:
                each.result()
            inspector = Inspector(stack=stack, onlooker=onlooker, say=line)
            is_quiet = not _failed(strikers) and inspector.quiet(within=QUIET_WITHIN)
        finally:
            over.set()
            looked.set()
        for each in looking:
            each.result()
    if failed := _failed(strikers):
        print(f"chaos: {'; '.join(failed)}", file=sys.stderr)
        return 2
    line("all is quiet" if is_quiet else f"it has not come to rest within {QUIET_WITHIN:.0f} s")
    pushed = [each for player in players for each in player.pushed]
    votes = frozenset(vote for player in players for vote in player.votes)
    verdict = judged(inspector.evidence(pushed, votes))
    struck = [blow for striker in strikers for blow in striker.struck]
    counts = {kind: sum(blow.kind is kind for blow in struck) for kind in Kind}
    _show(say, verdict, f"{len(struck)} blows, {len(pushed)} pushes, {len(votes)} signed votes")
    holds = all(each.holds for each in verdict)
    if options.json:
        told = {each.promise: list(each.faults) for each in verdict}
        blows = {str(kind): count for kind, count in counts.items()}
        counted = {"blows": blows, "pushes": len(pushed), "votes": len(votes), "seconds": round(say.seconds)}
        print(json.dumps({"seed": options.seed, "minutes": options.minutes, **counted, "faults": told, "kept": holds}))
    else:
        say.heading(f"To repeat these blows: {_command(options)}")
    return 0 if holds else 1


def _wait(over: threading.Event, seconds: float, strikers: list[Striker]) -> None:
    """Until the time is over, or a part did not come back."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not _failed(strikers):
        time.sleep(0.5)
    over.set()


def _failed(strikers: list[Striker]) -> list[str]:
    return [text for striker in strikers for text in striker.failed]


def _show(say: Narrator, verdict: tuple[Judged, ...], about: str) -> None:
    say.heading(f"Judged from outside: {about}")
    for each in verdict:
        say.verdict(each.promise, holds=each.holds)
        for fault in each.faults[:SHOWN]:
            say.line(fault)
        if len(each.faults) > SHOWN:
            say.line(f"… and {len(each.faults) - SHOWN} more")


if __name__ == "__main__":
    sys.exit(main())
