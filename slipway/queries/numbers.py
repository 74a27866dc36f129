"""Delivery metrics computed from the trail: updated in portions of records, and current to the last record when read.

The reconcile timer folds new records into stored weeks. A query reads the stored weeks and folds newer records in
memory, without writing. Other code that needs every record of a trail gets them on the way (`follow`).
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ..catalogue.entries import Catalogue, Entry, not_found_message
from ..clock import Clock, utc_now
from ..domain.audit import AuditRecord
from ..domain.errors import NotFound
from ..domain.numbers import Checkpoint, Week, fold, iso_week, week_start, weeks_until
from ..domain.numbers_report import EnvironmentNumbers, NumbersAnswer, NumbersProgress, environment_numbers
from ..ledger import Conflict, Ledger
from ..ledger.table import gathered, read_each
from ..ledger.weeks import WEEKS_AT_ONCE, Weeks

log = logging.getLogger(__name__)

PORTION = 1000
"""Records that are folded at once: as many rows as one request reads."""
WEEKS_LIMIT = 104


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Maintains the numbers and answers queries about them."""

    ledger: Ledger
    weeks: Weeks
    catalogue: Catalogue
    follow: Callable[[str, Sequence[AuditRecord]], object]
    """Called with the trail's new records, before the checkpoint moves past them. Raises `LedgerUnavailable`,
    `KeysUnavailable`."""
    clock: Clock = utc_now

    # ---- keeping
    def catch_up(self, application: str, *, portions: int = 5, end: int | None = None) -> int:
        """Fold the records written since the last call; returns how many. Raises `LedgerUnavailable`,
        `KeysUnavailable`.

        `end` is the trail's last sequence, if the caller knows it: if that much is folded already, nothing is read.
        """
        folded = 0
        for _ in range(portions):
            checkpoint, etag = self.weeks.checkpoint(application)
            if end is not None and checkpoint.sequence >= end:
                break
            records, last = self._following(application, checkpoint)
            if last == checkpoint.sequence:
                break
            self.follow(application, records)
            moved, added = fold(checkpoint, records)
            moved.sequence = last
            try:
                self.weeks.commit(application, moved, etag, added)
            except Conflict:
                log.info("another instance has updated the numbers of %s", application)
                break
            folded += last - checkpoint.sequence
            if end is not None and last >= end:
                break
        return folded

    def _following(self, application: str, checkpoint: Checkpoint) -> tuple[list[AuditRecord], int]:
        """The readable records after the checkpoint, and the last sequence that was examined."""
        records, last, weeks = list[AuditRecord](), checkpoint.sequence, set[str]()
        rows = self.ledger.audit(application, first=checkpoint.sequence + 1, limit=PORTION)
        for sequence, item in enumerate(islice(rows, PORTION), start=checkpoint.sequence + 1):
            if isinstance(item, AuditRecord):
                weeks.add(iso_week(item.time))
                if len(weeks) > WEEKS_AT_ONCE:
                    break
                records.append(item)
                last = item.sequence
            else:
                last = max(last, sequence)
        return records, last

    # ---- asking
    def answer(
        self,
        *,
        application: str | None = None,
        environment: str | None = None,
        weeks: int = 12,
        until: str | None = None,
    ) -> NumbersAnswer:
        """The numbers of one or all applications and environments, for `weeks` weeks up to `until` (an ISO week).

        Raises `NotFound`, `LedgerUnavailable`.
        """
        names = weeks_until(until or iso_week(self.clock()), weeks)
        entries = [self.catalogue.entry(application)] if application is not None else list(self.catalogue)
        results, behind = list[EnvironmentNumbers](), list[NumbersProgress]()
        each = gathered(read_each(entries, lambda entry: (entry, *self._read(entry.application.application, names))))
        for entry, figures, left in each.read:
            name = entry.application.application
            if left is not None:
                behind.append(left)
            requested = [
                environment_name
                for environment_name in _environments(entry, figures)
                if environment in (None, environment_name)
            ]
            results += [environment_numbers(name, environment_name, names, figures) for environment_name in requested]
        if environment is not None and not results:
            environments = {each.name for entry in entries for each in entry.application.environments}
            where = f"environment of {application}" if application else "environment"
            raise NotFound(not_found_message(where, environment, environments))
        return NumbersAnswer(weeks=names, environments=tuple(results), behind=tuple(behind), not_shown=each.not_shown)

    def _read(self, application: str, names: tuple[str, ...]) -> tuple[dict[str, Week], NumbersProgress | None]:
        """The stored weeks plus newer records, and the progress if they do not reach the end of the trail."""
        back = len(weeks_between(names[0], iso_week(self.clock())))
        stored = self.weeks.read(application, back)
        records, last = self._following(application, stored.checkpoint)
        _, added = fold(stored.checkpoint, records)
        weeks = dict(stored.weeks)
        for name, week in added.items():
            weeks.setdefault(name, Week(week=name)).add(week)
        behind = len(records) >= PORTION
        of = self.ledger.head(application).sequence if behind else last
        return weeks, NumbersProgress(application=application, sequence=last, of=of) if last < of else None


def weeks_between(first: str, last: str) -> tuple[str, ...]:
    """The weeks from the first to the last, both included; at least one."""
    count = max((week_start(last) - week_start(first)).days // 7 + 1, 1)
    return weeks_until(last, count)


def _environments(entry: Entry, weeks: dict[str, Week]) -> Iterator[str]:
    """The application's environments in order, then others that appear in its trail."""
    names = [environment.name for environment in entry.application.environments]
    yield from names
    yield from sorted({name for week in weeks.values() for name in week.environments if name and name not in names})
    if any("" in week.environments for week in weeks.values()):
        yield ""
