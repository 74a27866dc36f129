"""Commits that collide: pushes of one application at two instances of the worker, eight at once at each.

The table is in memory, and each request to it takes as long as one within a region, so that requests overlap as they
do there. A push that lost too often continues in its session, where one instance at a time decides for the application.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from pydantic import TypeAdapter

from slipway.bootstrap import App, app
from slipway.domain.events import Event, ImagePushed
from slipway.domain.queues import Queue
from slipway.engine.backoff import Backoff
from slipway.ledger import Conflict
from slipway.ledger.table import Row, Table, Write
from slipway.testing import Installation, write_application

from .rows import Row as Measured

APPLICATION: Final = "shop"
INSTANCES: Final = 2
AT_ONCE: Final = 8
"""Messages of a queue that one instance handles at once, as `host.json` says."""
PUSHES: Final = 160
REQUEST: Final = 0.004
"""Seconds of a request to a table in the same region."""
MOST: Final = 0.5
RUNS: Final = 3


def rows() -> list[Measured]:
    at_once = INSTANCES * AT_ONCE
    runs, single = [handle_pushes(at_once) for _ in range(RUNS)], handle_pushes(1)
    conflicts_per_commit = sorted(run.per_commit for run in runs)
    return [
        Measured(
            name=f"conflicts.{at_once}-at-once",
            ours=median(conflicts_per_commit),
            peer=single.per_commit,
            peer_name="1 at once",
            unit="per commit",
            most=MOST,
            spread=(conflicts_per_commit[0], conflicts_per_commit[-1]),
            note=f"{runs[0].in_session} of {PUSHES} pushes continued in their session",
        )
    ]


@dataclass
class Counts:
    """What came of the pushes."""

    commits: int = 0
    conflicts: int = 0
    in_session: int = 0

    @property
    def per_commit(self) -> float:
        return self.conflicts / self.commits


class _Slow:
    """A table whose requests are slow; counts the commits of the application, and the refused ones."""

    def __init__(self, table: Table, counts: Counts) -> None:
        self._table, self._counts, self._lock = table, counts, threading.Lock()

    def get(self, partition: str, key: str) -> Row | None:
        time.sleep(REQUEST)
        return self._table.get(partition, key)

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        time.sleep(REQUEST)
        return self._table.rows(partition, first, last, limit=limit)

    def transact(self, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        time.sleep(REQUEST)
        try:
            etags = self._table.transact(partition, writes)
        except Conflict:
            self._count(partition, conflicts=1)
            raise
        if any(write.key.startswith("seen") for write in writes):
            self._count(partition, commits=1)
        return etags

    def _count(self, partition: str, *, commits: int = 0, conflicts: int = 0) -> None:
        if partition == APPLICATION:
            with self._lock:
                self._counts.commits += commits
                self._counts.conflicts += conflicts


def handle_pushes(at_once: int) -> Counts:
    """Handle the pushes, so many at once."""
    counts = Counts()
    with TemporaryDirectory() as name:
        write_application(Path(name))
        home = Installation(Path(name))
        events = [home.pushed(f"1.{number}") for number in range(PUSHES)]
        slow = _Slow(home.table, counts)
        ports = replace(home.ports, table=lambda: slow, backoff=Backoff())
        instances = [app(ports, home.app.settings) for _ in range(min(INSTANCES, at_once))]
        with ThreadPoolExecutor(at_once) as readers:
            list(readers.map(partial(_take, instances), range(PUSHES), events))
        counts.in_session = _finish(home, instances[0])
    if counts.commits != PUSHES:
        raise RuntimeError(f"{PUSHES} pushes were committed {counts.commits} times")
    return counts


def _take(instances: list[App], number: int, event: ImagePushed) -> None:
    instances[number % len(instances)].door.take(event)


def _finish(home: Installation, instance: App) -> int:
    """Handle the messages that wait in the session, one after the other; returns how many."""
    waiting = [message for message in home.bus.sent if message.queue == Queue.WORK]
    for message in waiting:
        instance.door.take_turn(message.session, TypeAdapter[Event](Event).validate_python(message.body))
    return len(waiting)
