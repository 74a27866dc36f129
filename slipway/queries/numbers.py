"""Numbers from the trail, kept up to date a portion of records at a time, and read fresh to the last record.

The sweep folds what was written since it last looked. A question reads the weeks that are kept, and folds what has come
since in memory, without writing: looking changes nothing.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ..catalogue.entries import Catalogue, Entry
from ..clock import Clock, utc_now
from ..domain.audit import AuditRecord
from ..domain.errors import NotFound
from ..domain.numbers import Cursor, Week, fold, iso_week, week_start, weeks_until
from ..domain.numbers_report import EnvironmentNumbers, Folded, NumbersAnswer, environment_numbers
from ..ledger import Conflict, Ledger
from ..ledger.weeks import WEEKS_AT_ONCE, Weeks

log = logging.getLogger(__name__)

PORTION = 1000
"""Records that are folded at once: one request reads so many rows."""
WEEKS_LIMIT = 104


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Keeps the numbers, and answers questions about them."""

    ledger: Ledger
    weeks: Weeks
    catalogue: Catalogue
    clock: Clock = utc_now

    # ---- keeping
    def catch_up(self, application: str, *, portions: int = 5) -> int:
        """Fold what was written since the last time; returns how many records. Raises `LedgerUnavailable`."""
        folded = 0
        for _ in range(portions):
            cursor, etag = self.weeks.cursor(application)
            records, last = self._following(application, cursor)
            if last == cursor.sequence:
                break
            moved, added = fold(cursor, records)
            moved.sequence = last
            try:
                self.weeks.commit(application, moved, etag, added)
            except Conflict:
                log.info("the numbers of %s were brought up to date by somebody else", application)
                break
            folded += last - cursor.sequence
        return folded

    def begin_anew(self, application: str) -> Folded:
        """Forget what is kept; `catch_up` makes it again. Raises `NotFound`, `LedgerUnavailable`."""
        self._entry(application)
        cursor = self.weeks.begin_anew(application)
        return self._folded(application, cursor)

    def progress(self, application: str) -> Folded:
        """Raises `NotFound`, `LedgerUnavailable`."""
        self._entry(application)
        return self._folded(application, self.weeks.cursor(application)[0])

    def _folded(self, application: str, cursor: Cursor) -> Folded:
        return Folded(application=application, sequence=cursor.sequence, of=self.ledger.head(application).sequence)

    def _following(self, application: str, cursor: Cursor) -> tuple[list[AuditRecord], int]:
        """The records behind the cursor that can be read, and the sequence up to which they were looked at."""
        records, last, weeks = list[AuditRecord](), cursor.sequence, set[str]()
        found = self.ledger.audit(application, first=cursor.sequence + 1, limit=PORTION)
        for place, item in enumerate(islice(found, PORTION), start=cursor.sequence + 1):
            if isinstance(item, AuditRecord):
                weeks.add(iso_week(item.time))
                if len(weeks) > WEEKS_AT_ONCE:
                    break
                records.append(item)
                last = item.sequence
            else:
                last = max(last, place)
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
        """Of one application or all, of one environment or all. Raises `NotFound`, `LedgerUnavailable`."""
        names = weeks_until(until or iso_week(self.clock()), weeks)
        entries = [self._entry(application)] if application is not None else list(self.catalogue)
        found, behind = list[EnvironmentNumbers](), list[Folded]()
        for entry in entries:
            name = entry.application.application
            kept, left = self._read(name, names)
            if left is not None:
                behind.append(left)
            wanted = [one for one in _environments(entry, kept) if environment in (None, one)]
            found += [environment_numbers(name, one, names, kept) for one in wanted]
        if environment is not None and not found:
            raise NotFound(f"there is no environment {environment[:80]!r} in {application or 'any application'}")
        return NumbersAnswer(weeks=names, environments=tuple(found), behind=tuple(behind))

    def _read(self, application: str, names: tuple[str, ...]) -> tuple[dict[str, Week], Folded | None]:
        """The kept weeks with what came since; and how far they are, where that is not to the end."""
        back = len(weeks_between(names[0], iso_week(self.clock())))
        kept = self.weeks.read(application, back)
        records, last = self._following(application, kept.cursor)
        _, added = fold(kept.cursor, records)
        weeks = dict(kept.weeks)
        for name, week in added.items():
            weeks.setdefault(name, Week(week=name)).add(week)
        behind = len(records) >= PORTION
        of = self.ledger.head(application).sequence if behind else last
        return weeks, Folded(application=application, sequence=last, of=of) if last < of else None

    def _entry(self, application: str) -> Entry:
        entry = self.catalogue.get(application)
        if entry is None:
            raise NotFound(f"there is no application {application[:80]!r}")
        return entry


def weeks_between(first: str, last: str) -> tuple[str, ...]:
    """The weeks from the first to the last, at least the first."""
    count = max((week_start(last) - week_start(first)).days // 7 + 1, 1)
    return weeks_until(last, count)


def _environments(entry: Entry, weeks: dict[str, Week]) -> Iterator[str]:
    """Those of the chain, in order; then others that the trail speaks of."""
    names = [environment.name for environment in entry.application.environments]
    yield from names
    yield from sorted({one for week in weeks.values() for one in week.environments if one and one not in names})
    if any("" in week.environments for week in weeks.values()):
        yield ""
