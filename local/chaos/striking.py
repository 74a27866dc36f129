"""Strikes the parts of a running stack on schedule, and brings them back as Azure would: a process that died is
restarted at the same address and with its data."""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import urllib3

from local.process import Part, PartFailed
from local.stack import Stack

from .blows import INSTANCES, Blow, Kind

STARTS: Final = 8
"""Attempts to start a part before giving up: it may fail while something that it needs is down."""
PAUSE: Final = 3.0


@dataclass(kw_only=True)
class Striker:
    """One series of blows, in a thread of its own."""

    stack: Stack
    row: Sequence[Blow]
    say: Callable[[str], None]
    struck: list[Blow] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Parts that did not come back."""

    def run(self, over: threading.Event) -> None:
        """Strike until the series ends or the time is over; every part is back when this returns."""
        began = time.monotonic()
        for blow in self.row:
            if over.wait(max(0.0, began + blow.at - time.monotonic())):
                return
            try:
                self._strike(blow, over)
            except (PartFailed, urllib3.exceptions.HTTPError, OSError) as error:
                self.failed.append(f"{blow.part} did not come back after it was {blow.kind}: {error}")
                return

    def _strike(self, blow: Blow, over: threading.Event) -> None:
        (part,) = (candidate for candidate in self.stack.parts if candidate.name == blow.part)
        pids = part.family if part.name in INSTANCES else [part.pid]
        self.say(f"{part.name}: {blow.kind}, for {blow.lasts:.0f} s")
        self.struck.append(blow)
        match blow.kind:
            case Kind.KILLED:
                part.send(signal.SIGKILL, to=pids)
            case Kind.ENDED:
                part.stop()
            case Kind.CUT:
                part.send(signal.SIGUSR1)
            case Kind.FROZEN:
                part.send(signal.SIGSTOP, to=pids)
            case Kind.LOST:
                if len(pids) == 1:  # it is just starting
                    return
                part.send(signal.SIGKILL, to=pids[1:])
        over.wait(blow.lasts)
        match blow.kind:
            case Kind.KILLED | Kind.ENDED:
                part.kill()  # nothing may be left that holds its port
                self._start(part)
            case Kind.CUT:
                part.send(signal.SIGUSR2)
            case Kind.FROZEN:
                part.send(signal.SIGCONT, to=pids)
            case Kind.LOST:
                return
        self.say(f"{part.name}: back")

    def _start(self, part: Part) -> None:
        for attempt in range(1, STARTS + 1):
            try:
                self.stack.start_again(part)
            except PartFailed:
                part.kill()
                if attempt == STARTS:
                    raise
                time.sleep(PAUSE)
            else:
                return
