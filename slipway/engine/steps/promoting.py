"""One life of a promotion: what a single message keeps up (lease, progress) and leaves to the next (its state)."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from ...clock import Clock
from ...domain.application import Application
from ...domain.promotion import PromotionProgress, PromotionState, Way
from ...domain.release import Release
from ...domain.steps import PROMOTION_TIME
from ...effects.registry import Progress, TagTaken, Target
from ...ledger import LedgerUnavailable
from ..run_step import LEASE, Work
from .clients import Clients

log = logging.getLogger(__name__)

WRITTEN_EVERY = timedelta(seconds=1)
RENEWED_EVERY = LEASE / 4
LONGEST_LIFE = timedelta(minutes=25)
"""What the app's `functionTimeout` leaves for one blob that is larger than a life's usual time."""


class TimeIsOver(Exception):  # noqa: N818 - it is what happened
    """The promotion has taken longer than it may; the message says how far it came."""


@dataclass(kw_only=True)
class Life:
    """What one message does for a promotion. Called from all threads of a copy, one at a time."""

    clients: Clients
    clock: Clock
    work: Work
    began: datetime
    state: PromotionState
    _sent: int = 0
    _written: datetime = field(init=False)
    _renewed: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._written = self.began - WRITTEN_EVERY
        self._renewed = self.began

    @classmethod
    def begin(cls, clients: Clients, clock: Clock, work: Work) -> Self:
        """Takes up what the life before has left; what another attempt has left is no concern of this one."""
        step = work.step
        left = clients.ledger.promotions.read(step.application, step.release, step.environment)
        if left is None or left.step != step.id:
            left = PromotionState(step=step.id)
        return cls(clients=clients, clock=clock, work=work, began=clock(), state=left)

    @property
    def release(self) -> Release:
        return self.work.release

    @property
    def application(self) -> Application:
        return self.work.entry.application

    # ---- time
    def enough(self) -> bool:
        """Whether no further blob is to be begun in this life."""
        return self.clock() - self.began >= self.clients.promotion_time

    @property
    def is_last(self) -> bool:
        """Whether the time of the whole promotion is over."""
        return self.clock() - self.work.step.asked_at >= PROMOTION_TIME

    def given_up(self) -> str:
        return f"it was not promoted within {PROMOTION_TIME}: {self.told} had arrived"

    @property
    def told(self) -> str:
        return self.state.progress.told if self.state.progress else "nothing"

    @property
    def advanced(self) -> bool:
        """Whether this life has brought anything."""
        return self._sent > 0

    # ---- progress
    def progress(self, at: Progress) -> None:
        """Raises `TimeIsOver` where even a blob that is under way cannot be waited for."""
        now = self.clock()
        self._sent = at.sent
        self._see(now, blobs=at.blobs, of_blobs=at.of_blobs, bytes=at.bytes, of_bytes=at.of_bytes)
        if now - self._renewed >= RENEWED_EVERY:
            self._renewed = now
            self._renew()
        if now - self._written >= WRITTEN_EVERY:
            self._written = now
            self._write_if_possible()
        if now - self.began >= LONGEST_LIFE or self._overdue(now):
            raise TimeIsOver(self.given_up())

    def _overdue(self, now: datetime) -> bool:
        """A promotion that was asked for long ago, and begins only now, has one life's time all the same."""
        return now - self.work.step.asked_at >= PROMOTION_TIME and now - self.began >= self.clients.promotion_time

    def importing(self) -> None:
        self._see(self.clock())
        self._write_if_possible()

    def _see(self, now: datetime, **counts: int) -> None:
        how = Way.IMPORT if self.state.operation else Way.COPY
        seen = PromotionProgress(environment=self.work.step.environment, how=how, at=now, **counts)
        self.state = self.state.evolve(progress=seen)

    def _renew(self) -> None:
        try:
            self.work.renew()
        except LedgerUnavailable as away:
            log.warning("%s: its lease was not renewed, the copy goes on: %s", self.work.step.id, away)

    # ---- what the next life needs to know
    def moving(self, digest: str) -> None:
        """The tag is about to be moved away from this digest. Raises `LedgerUnavailable`: then it is not."""
        self.remember(tag_was=digest)

    def remember(self, **changes: Any) -> None:
        if all(getattr(self.state, name) == value for name, value in changes.items()):
            return
        self.state = self.state.evolve(**changes)
        self._write()

    def forget(self) -> None:
        step = self.work.step
        self.clients.ledger.promotions.forget(step.application, step.release, step.environment)

    def check_tag(self, target: Target) -> None:
        """An import brings no tag; that it cannot be set afterwards is better known before."""
        current = target.registry.resolve(target.repository, target.tag)
        if current not in (None, target.digest) and not target.may_move:
            where = target.registry.where(target.repository, target.tag)
            raise TagTaken(where, f"it names {current}, and was to name {target.digest}")

    def _write(self) -> None:
        step = self.work.step
        self.clients.ledger.promotions.write(step.application, step.release, step.environment, self.state)

    def _write_if_possible(self) -> None:
        try:
            self._write()
        except LedgerUnavailable as away:
            log.warning("%s: its progress was not written, the copy goes on: %s", self.work.step.id, away)
