"""One message's share of a copy: it renews the lease, writes progress, and leaves its state to the next one."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from ...clock import Clock
from ...domain.application import Application
from ...domain.promotion import CopyProgress, PromotionMethod, StepState
from ...domain.release import Release
from ...domain.steps import COPY_TIME
from ...effects.registry import CopyTarget, Progress, TagTaken
from ...ledger import LedgerUnavailable
from ..run_step import LEASE, Work
from .clients import Clients

log = logging.getLogger(__name__)

WRITTEN_EVERY = timedelta(seconds=1)
RENEWED_EVERY = LEASE / 4
LONGEST_RUN = timedelta(minutes=25)
"""Limit for one blob that takes longer than a message's usual time; below the app's `functionTimeout`."""


class TimeIsOver(Exception):  # noqa: N818 - it is what happened
    """The copy took longer than allowed; the message says how far it got."""


@dataclass(kw_only=True)
class CopyRun:
    """The state of one message's work on a copy, whose threads call it one at a time."""

    clients: Clients
    clock: Clock
    work: Work
    began: datetime
    state: StepState
    noted: bool
    """Whether the state of this rollout has a row."""
    _sent: int = 0
    _written: datetime = field(init=False)
    _renewed: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._written = self.began
        self._renewed = self.began

    @classmethod
    def begin(cls, clients: Clients, clock: Clock, work: Work) -> Self:
        """Continue from the state that the previous message left; the state of another attempt is ignored."""
        step = work.step
        left = clients.ledger.under_way.read(step.application, step.release, step.environment)
        state = left if left is not None and left.step == step.id else StepState(step=step.id)
        return cls(clients=clients, clock=clock, work=work, began=clock(), state=state, noted=left is not None)

    @property
    def release(self) -> Release:
        return self.work.release

    @property
    def application(self) -> Application:
        return self.work.entry.application

    # ---- time
    def time_is_up(self) -> bool:
        """Whether this message's time is up, so that it must not begin another blob."""
        return self.clock() - self.began >= self.clients.copy_time

    @property
    def is_last(self) -> bool:
        """Whether the whole copy's time is up."""
        return self.clock() - self.work.step.asked_at >= COPY_TIME

    def too_late(self) -> str:
        return f"it was not copied within {COPY_TIME}: {self.copied_so_far} had arrived"

    @property
    def copied_so_far(self) -> str:
        return self.state.progress.text if self.state.progress else "nothing"

    @property
    def made_progress(self) -> bool:
        """Whether this message has copied anything."""
        return self._sent > 0

    # ---- progress
    def progress(self, at: Progress) -> None:
        """Record progress and renew the lease. Raises `TimeIsOver` if not even the blob under way may finish."""
        now = self.clock()
        self._sent = max(self._sent, at.sent)
        self._see(now, blobs=at.blobs, of_blobs=at.of_blobs, bytes=at.bytes, of_bytes=at.of_bytes)
        if now - self._renewed >= RENEWED_EVERY:
            self._renewed = now
            self._renew()
        if now - self._written >= WRITTEN_EVERY:
            self._written = now
            self._write_if_possible()
        if now - self.began >= LONGEST_RUN or self._overdue(now):
            raise TimeIsOver(self.too_late())

    def _overdue(self, now: datetime) -> bool:
        """Whether the copy must stop. One that started late still gets one message's full time."""
        return now - self.work.step.asked_at >= COPY_TIME and now - self.began >= self.clients.copy_time

    def importing(self) -> None:
        self._see(self.clock())
        self._write_if_possible()

    def _see(self, now: datetime, **counts: int) -> None:
        how = PromotionMethod.IMPORT if self.state.operation else PromotionMethod.COPY
        progress = CopyProgress(environment=self.work.step.environment, how=how, at=now, **counts)
        self.state = self.state.evolve(progress=progress, waits="")

    def _renew(self) -> None:
        try:
            self.work.renew()
        except LedgerUnavailable as away:
            log.warning("%s: its lease was not renewed, the copy goes on: %s", self.work.step.id, away)

    # ---- state for the next message
    def moving(self, digest: str) -> None:
        """Record the digest that the tag is about to be moved away from. If this raises, the tag must not be moved."""
        self.remember(tag_was=digest)

    def remember(self, **changes: Any) -> None:
        if all(getattr(self.state, name) == value for name, value in changes.items()):
            return
        self.state = self.state.evolve(**changes)
        self._write()

    def forget(self) -> None:
        step = self.work.step
        if self.noted:
            self.clients.ledger.under_way.forget(step.application, step.release, step.environment)

    def check_tag(self, target: CopyTarget) -> None:
        """Fail before the import if the tag could not be set after it."""
        current = target.registry.resolve(target.repository, target.tag)
        if current not in (None, target.digest) and not target.may_move:
            where = target.registry.where(target.repository, target.tag)
            raise TagTaken(where, f"it names {current}, but should name {target.digest}")

    def _write(self) -> None:
        step = self.work.step
        self.noted = True
        self.clients.ledger.under_way.write(step.application, step.release, step.environment, self.state)

    def _write_if_possible(self) -> None:
        try:
            self._write()
        except LedgerUnavailable as away:
            log.warning("%s: its progress was not written, the copy goes on: %s", self.work.step.id, away)
