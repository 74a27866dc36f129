"""What one release costs: requests to storage, messages, executions; for an early release and for a late one.

The ledger is filled with releases by the handler itself; those that are counted go the whole way through the stack,
from the push to the last notice, with one vote. Nothing polls the app meanwhile: it would be counted.
"""

import re
from collections import Counter
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from local.stack import StackOptions

from .burst import fill
from .example import APPLICATION, write_example
from .latency import Story
from .rows import Row
from .setting import BenchStack

EARLY: Final = 10
LATE: Final = 200
LEDGER: Final = "ledger"
"""The table of the stack's ledger: the default of the settings."""
COUNTED: Final = 3
"""Releases that are counted at each point; the median is shown, because a timer may fall into one of them."""
AIM: Final = 1.1
_EXECUTED: Final = re.compile(r"Executed 'Functions\.(\w+)' \(Succeeded")
_BY_MESSAGE: Final = frozenset({"take_event", "take_run", "take_vote", "run_step"})
_TIMERS: Final = frozenset({"reconcile", "reconcile_sources"})
KINDS: Final = {
    "table writes": "requests",
    "table reads": "requests",
    "blob requests": "requests",
    "messages": "messages",
    "executions": "executions",
}


def rows() -> list[Row]:
    with TemporaryDirectory() as name:
        example = write_example(Path(name) / "example")
        with BenchStack(StackOptions(apply=example, single=True), watch_storage=True, watch_clusters=True) as stack:
            meter = Meter(stack)
            meter.release("1.0.1")  # opens connections and creates the tables
            early = meter.at(EARLY, example)
            late = meter.at(LATE, example)
    return [_row(kind, unit, early, late) for kind, unit in KINDS.items()]


def _row(kind: str, unit: str, early: list[Counter[str]], late: list[Counter[str]]) -> Row:
    ours, peer = median(count[kind] for count in late), median(count[kind] for count in early)
    return Row(
        name=f"costs.{kind.replace(' ', '-')}",
        ours=ours,
        peer=peer,
        peer_name=f"release {EARLY} (ours: release {LATE})",
        unit=unit,
        ratio=ours / peer if peer else None,
        aim=AIM,
        spread=(min(count[kind] for count in late), max(count[kind] for count in late)),
    )


class Meter:
    """Counts what a release events at the storage proxies and in the host's log."""

    def __init__(self, stack: BenchStack) -> None:
        self._stack, self._story = stack, Story(stack)
        self._log = stack.folder / "logs" / "single-0.log"

    def at(self, number: int, example: Path) -> list[Counter[str]]:
        """The counts of releases from that number on."""
        fill(self._stack.storage, example, LEDGER, until=number - 1)
        counts = [self.release(f"{number}.0.{each}") for each in range(COUNTED)]
        if self._story.release != f"{APPLICATION}-{number + COUNTED - 1}":
            raise RuntimeError(f"expected to count release {number + COUNTED - 1}, counted {self._story.release}")
        return counts

    def release(self, version: str) -> Counter[str]:
        begin = self._log.stat().st_size
        self._story.deliver(version)
        self._story.settle()
        with self._log.open("rb") as log:
            log.seek(begin)
            executed = Counter(_EXECUTED.findall(log.read().decode(errors="replace")))
        counts = Counter(executions=sum(n for name, n in executed.items() if name not in _TIMERS))
        counts["messages"] = sum(n for name, n in executed.items() if name in _BY_MESSAGE)
        for request in self._stack.proxies["table"].passed():
            counts[_kind(request.method)] += 1
        counts["blob requests"] = len(self._stack.proxies["blob"].passed())
        return counts


def _kind(method: str) -> str:
    """A transaction is one write."""
    return "table reads" if method == "GET" else "table writes"
