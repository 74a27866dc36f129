"""The cost of one release in requests to storage, messages and executions; for an early release and for a late one.

The releases in between are pushes to the same stack that supersede each other. Those that are counted go all the way
from the push to the last notice, with one vote. Nothing polls the app meanwhile, since polling would be counted.
"""

import re
from collections import Counter
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from local.stack import StackOptions
from local.watch import Watcher

from .events import send_push
from .example import APPLICATION, write_example
from .latency import Story
from .rows import Row
from .setting import BenchStack

EARLY: Final = 10
LATE: Final = 200
COUNTED: Final = 3
"""Releases that are counted at each point. The median is shown, because a timer may fire during one of them."""
AT_ONCE: Final = 20
"""Pushes in between that are sent together; few enough that the last of them reaches its gate within a minute."""
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
            early = meter.counts_from(EARLY)
            late = meter.counts_from(LATE)
    return [_row(kind, unit, early, late) for kind, unit in KINDS.items()]


def _row(kind: str, unit: str, early: list[Counter[str]], late: list[Counter[str]]) -> Row:
    late_median, early_median = median(count[kind] for count in late), median(count[kind] for count in early)
    return Row(
        name=f"costs.{kind.replace(' ', '-')}",
        ours=late_median,
        peer=early_median,
        peer_name=f"release {EARLY} (ours: release {LATE})",
        unit=unit,
        ratio=late_median / early_median if early_median else None,
        aim=AIM,
        spread=(min(count[kind] for count in late), max(count[kind] for count in late)),
    )


class Meter:
    """Counts what a release costs at the storage proxies and in the host's log."""

    def __init__(self, stack: BenchStack) -> None:
        self._stack, self._story = stack, Story(stack)
        self._log = stack.folder / "logs" / "single-0.log"
        self._watcher = Watcher(stack.url, stack.secrets.function_key, APPLICATION)
        self._pushes = 0

    def counts_from(self, number: int) -> list[Counter[str]]:
        """The counts of `COUNTED` releases, beginning with that number."""
        self._push_until(number - 1)
        counts = [self.release(f"{number}.0.{patch}") for patch in range(COUNTED)]
        if self._story.release != f"{APPLICATION}-{number + COUNTED - 1}":
            raise RuntimeError(f"expected to count release {number + COUNTED - 1}, counted {self._story.release}")
        return counts

    def _push_until(self, number: int) -> None:
        """Push until the application has so many releases; the last of them waits for its vote.

        Pushes sent together arrive in any order: one that arrives after a later version is live starts no release.
        """
        while (missing := number - self._newest()) > 0:
            for _ in range(min(AT_ONCE, missing)):
                self._pushes += 1
                version = f"{number}.1.{self._pushes}"
                send_push(self._stack, repository=APPLICATION, tag=version, digest=self._story.build(version))
            self._story.notice("gate-opened", version)
            self._story.settle()

    def _newest(self) -> int:
        """The number of the newest release."""
        path = f"/api/v1/releases?application={APPLICATION}&limit=1"
        return int(self._watcher.get(path)["releases"][0]["number"])

    def release(self, version: str) -> Counter[str]:
        begin = self._log.stat().st_size
        self._story.deliver(version)
        self._story.settle()
        with self._log.open("rb") as log:
            log.seek(begin)
            executed = Counter(_EXECUTED.findall(log.read().decode(errors="replace")))
        counts = Counter(executions=sum(n for name, n in executed.items() if name not in _TIMERS))
        counts["messages"] = sum(n for name, n in executed.items() if name in _BY_MESSAGE)
        for request in self._stack.proxies["table"].requests():
            counts[_kind(request.method)] += 1
        counts["blob requests"] = len(self._stack.proxies["blob"].requests())
        return counts


def _kind(method: str) -> str:
    """Every write counts as one, a transaction too."""
    return "table reads" if method == "GET" else "table writes"
