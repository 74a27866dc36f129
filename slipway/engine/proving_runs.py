"""Proves runs: a hint about a run becomes an event once the run's source was asked. The hint may come by any queue.

While the source is away, the release shows the facts that are not proved yet, and the hint is sent again with growing
pauses; after `RETRY_PERIOD` they stay *not proved*. A run that the source does not know or show us is asked for
a few more times: a right may be granted later, or a page may appear late. Any sender to `runs` can name runs that do
not exist, of any pipeline, so only a few in an hour leave a record. The others are still asked for, each by itself and
for a shorter time: one of them may be a genuine run that its source is about to know, and no flood of others can push
it out.
"""

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, assert_never

from ..catalogue.entries import Catalogue, Entry
from ..clock import Clock
from ..domain.events import PipelineCompleted, RunReported
from ..domain.hints import RunHint
from ..domain.runs import Fact, Run, Trust
from ..effects.messaging import Bus, raw_hint
from ..inbound.proving import AskLater, ProvedRun, RunSource, UnprovedRun, prove, proved_events
from ..ledger import Ledger
from ..telemetry import Attribute, Metric, add
from .door import Door
from .handle import Receipt

log = logging.getLogger(__name__)

RETRY_PERIOD: Final = timedelta(hours=24)
"""The time to wait for a source that is away, from the report of the run."""
ABSENT_RETRY_PERIOD: Final = timedelta(hours=1)
"""The time for which a run that the source does not know, or does not show us, is asked for."""
UNRECORDED_RETRY_PERIOD: Final = timedelta(minutes=5)
"""The same time for one of many unknown runs: five questions in all."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=10)
MOST_UNKNOWN: Final = 30
"""The most unproved runs of one application in an hour that are recorded."""
WORD: Final = "this installation does not ask Azure DevOps (setting SLIPWAY_RUNS): it is taken at its sender's word"


@dataclass(frozen=True, kw_only=True)
class UnknownRuns:
    """When this process was told of unproved runs, by application."""

    _times: dict[str, deque[datetime]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=MOST_UNKNOWN)))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allow_one_more(self, applications: Iterable[str], now: datetime) -> bool:
        """Whether each of the applications may record one more; if so, it is counted."""
        with self._lock:
            all_times = [self._times[application] for application in applications]
            if any(len(times) == MOST_UNKNOWN and now - times[0] < ABSENT_RETRY_PERIOD for times in all_times):
                return False
            for times in all_times:
                times.append(now)
            return True


@dataclass(frozen=True, kw_only=True)
class RunProver:
    """Takes hints about runs."""

    door: Door
    catalogue: Catalogue
    ledger: Ledger
    bus: Bus
    source: Callable[[], RunSource | None]
    """Opens the source of runs; None if the installation cannot ask any, and takes messages about runs at their
    word."""
    clock: Clock
    unknown: UnknownRuns = field(default_factory=UnknownRuns)

    def take(self, report: RunReported) -> tuple[Receipt, ...]:
        """Ask about the run, and handle what that proves. A run of a pipeline that builds no application is counted
        and dropped. Raises what `Door.take` raises."""
        claimed = report.completed(report.claims)
        concerned = self.catalogue.concerned(claimed)
        if not concerned:
            return _dropped(claimed, "no application is built by it")
        source = self.source()
        if source is None:
            return self.door.take(report.completed(_with_facts(report.claims, Trust.CLAIMED, WORD)))
        answer = prove(source, report, live=self._live(concerned), now=self.clock())
        match answer:
            case ProvedRun():
                return self._proved(report, answer)
            case UnprovedRun(why=why):
                report = self._counted(report, concerned)
                retry_period = UNRECORDED_RETRY_PERIOD if report.unrecorded else ABSENT_RETRY_PERIOD
                return self._not_proved(report, why, timedelta(0), retry_period=retry_period)
            case AskLater(goes_on=True, after=after) if self.clock() - report.received_at < RETRY_PERIOD:
                self._look_again_later(report, after)
                return ()  # nothing is wrong: a pipeline tells of its run before that has ended
            case AskLater(why=why, after=after):
                return self._not_proved(self._counted(report, concerned), why, after, retry_period=RETRY_PERIOD)
            case _:
                assert_never(answer)

    def _counted(self, report: RunReported, concerned: tuple[Entry, ...]) -> RunReported:
        """Beyond a few unproved reports in an hour, a run is recorded only once it is proved."""
        applications = (entry.application.application for entry in concerned)
        if report.looks or self.unknown.allow_one_more(applications, self.clock()):
            return report
        return report.evolve(unrecorded=True)

    def _live(self, concerned: tuple[Entry, ...]) -> tuple[str, ...]:
        """The commits that are live in the last environment of each application, where they are known."""
        commits: dict[str, None] = {}
        for entry in concerned:
            application = entry.application
            lane = self.ledger.lanes(application.application).get(application.environments[-1].name)
            live = lane.live if lane else None
            release = self.ledger.release(application.application, live.release) if live else None
            run = release.run if release else None
            if run is not None and run.commit and run.proof.trust is Trust.PROVED:
                commits[run.commit] = None
        return tuple(commits)

    def _proved(self, report: RunReported, proved: ProvedRun) -> tuple[Receipt, ...]:
        run = proved.run
        log.info("run %s of %s is proved: %s", run.number, run.pipeline, run.built.why)
        events = [event for event in proved_events(report, proved) if self.catalogue.concerned(event)]
        return tuple(receipt for event in events or [_of_nobody(report, proved)] for receipt in self.door.take(event))

    def _look_again_later(self, report: RunReported, after: timedelta) -> None:
        """Look again later; each time after a longer pause."""
        pause = max(after, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(report.looks, 10)))
        hint = RunHint(report=report.evolve(looks=report.looks + 1))
        self.bus.send_raw(raw_hint(hint, not_before=self.clock() + pause))

    def _not_proved(
        self, report: RunReported, why: str, after: timedelta, *, retry_period: timedelta
    ) -> tuple[Receipt, ...]:
        again = self.clock() - report.received_at < retry_period
        if again:
            self._look_again_later(report, after)
        ending = "it is asked again" if again else f"it was asked {report.looks + 1} times"
        log.warning("run %s of %s is not proved: %s; %s", report.claims.number, report.claims.pipeline, why, ending)
        if report.unrecorded:
            return (
                () if again else _dropped(report.completed(report.claims), f"{ending}, as were many others of its hour")
            )
        return self.door.take(
            report.completed(_with_facts(report.claims, Trust.NOT_PROVED, f"{why}; {ending}").evolve(people=()))
        )


def _dropped(event: PipelineCompleted, why: str) -> tuple[Receipt, ...]:
    add(Metric.EVENTS_DROPPED, {Attribute.EVENT: event.kind})
    log.info("run %s of %s: dropped, %s", event.run.number, event.run.pipeline, why)
    return ()


def _with_facts(run: Run, trust: Trust, why: str) -> Run:
    fact = Fact(trust=trust, why=why[:1000])
    return run.evolve(proof=fact, built=fact, behind=fact)


def _of_nobody(report: RunReported, proved: ProvedRun) -> PipelineCompleted:
    """The run is genuine but does not match the hint: it is of another pipeline, or built an image that no application
    here has."""
    run, document = proved.run, proved.document
    built = f", and published {document.content.repository}@{document.content.digest}" if document else ""
    where = f"{run.folder.strip(chr(92))}\\{run.pipeline}".strip("\\")
    why = f"run {run.number} is of the pipeline {where} ({run.definition}) of project {run.project}{built}"
    return report.completed(_with_facts(report.claims, Trust.NOT_PROVED, why).evolve(people=())).evolve(
        refused=f"{why}: not what it was told as"[:1000]
    )
