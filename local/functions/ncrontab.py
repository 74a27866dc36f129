"""Six-field NCRONTAB, with the rules of the parser that the timer extension uses.

`{second} {minute} {hour} {day} {month} {day-of-week}`; five fields mean second 0. Allowed: `*`, `a`, `a-b`, lists,
`*/n`, `a-b/n`, `a/n`, month and day names by any prefix, without regard to case. Day of week is 0 to 6. Day and day
of week must BOTH fit, unlike in cron. There is no `?`, `L`, `W`, `#`, `@hourly`, and 7 is no Sunday.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_HORIZON_DAYS = 366 * 30


@dataclass(frozen=True)
class _Field:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def parse(self, text: str) -> frozenset[int]:
        values: set[int] = set()
        for part in text.split(","):
            base, slash, step = part.partition("/")
            if slash and not (step.isdecimal() and int(step) > 0):
                raise ValueError(f"{self.name}: expected a step above 0, got {part!r}")
            every = int(step) if slash else 1
            first, last = self._range(base, every)
            values.update(range(first, last + 1, every))
        return frozenset(values)

    def _range(self, base: str, every: int) -> tuple[int, int]:
        if base == "*":
            return self.least, self.most
        if "-" in base:
            # The real parser reads 5-2 as 2-5.
            first, last = sorted(self._value(text) for text in base.split("-", 1))
            return first, last
        value = self._value(base)
        return value, value if every == 1 else self.most

    def _value(self, text: str) -> int:
        if text.isdecimal():
            value = int(text)
        else:
            value = next(
                (i + self.least for i, name in enumerate(self.names) if text and name.startswith(text.lower())), -1
            )
        if not self.least <= value <= self.most:
            raise ValueError(f"{self.name}: expected {self.least} to {self.most}, got {text!r}")
        return value


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


class Schedule:
    """A parsed schedule."""

    def __init__(self, text: str) -> None:
        fields = text.split()
        if len(fields) == 5:
            fields = ["0", *fields]
        if len(fields) != 6:
            raise ValueError(f"expected six fields (second minute hour day month weekday), got {text!r}")
        self.text = text
        parsed = [spec.parse(field) for field, spec in zip(fields, _FIELDS, strict=True)]
        self._seconds, self._minutes, self._hours = (sorted(values) for values in parsed[:3])
        self._days, self._months, self._weekdays = parsed[3:]

    def next(self, after: datetime) -> datetime:
        """The first occurrence later than the given moment."""
        earliest = after.replace(microsecond=0) + timedelta(seconds=1)
        day = earliest
        for _ in range(_HORIZON_DAYS):
            if self._is_day(day):
                found = self._within(day, earliest)
                if found is not None:
                    return found
            day = (day + timedelta(days=1)).replace(hour=0, minute=0, second=0)
        raise ValueError(f"{self.text!r} never occurs")

    def is_sub_minute(self) -> bool:
        """Whether it occurs within a minute of itself: the real extension keeps no status for such timers."""
        first = self.next(datetime(2001, 1, 1))  # noqa: DTZ001 - schedules are in local time
        return any((self.next(moment) - moment) < timedelta(minutes=1) for moment in self._some(first))

    def _some(self, first: datetime) -> list[datetime]:
        moments = [first]
        for _ in range(9):
            moments.append(self.next(moments[-1]))
        return moments

    def _is_day(self, day: datetime) -> bool:
        return day.month in self._months and day.day in self._days and (day.weekday() + 1) % 7 in self._weekdays

    def _within(self, day: datetime, earliest: datetime) -> datetime | None:
        today = day.date() == earliest.date()
        for hour in self._hours:
            if today and hour < earliest.hour:
                continue
            for minute in self._minutes:
                if today and (hour, minute) < (earliest.hour, earliest.minute):
                    continue
                for second in self._seconds:
                    moment = day.replace(hour=hour, minute=minute, second=second)
                    if moment >= earliest:
                        return moment
        return None
