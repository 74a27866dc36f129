"""Six-field NCRONTAB, with the rules of the parser that the timer extension uses (NCrontab.Signed).

`{second} {minute} {hour} {day} {month} {day-of-week}`; five fields mean second 0. Allowed: `*`, `a`, `a-b`, lists,
`*/n`, `a-b/n`, `a/n` (from a on, even `a/1`), month and day names by any prefix, ignoring case. Day of week is 0 to 6.
Day and day of week must BOTH match, unlike in cron. There is no `?`, `L`, `W`, `#`, `@hourly`, and 7 is not Sunday.
Only blanks separate fields. Refused here although Azure accepts them: steps of zero or below, and time spans.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_DIGITS = re.compile(r"[0-9]+")
_TIME_SPAN = re.compile(r"-?(?:\d+|(?:\d+\.)?\d+:\d+(?::\d+(?:\.\d+)?)?)", re.ASCII)
_LARGEST_STEP = 2**31 - 1
_LAST_YEAR = 9999


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
            if slash and not (_DIGITS.fullmatch(step) and 0 < int(step) <= _LARGEST_STEP):
                raise ValueError(f"{self.name}: expected a step above 0, got {part!r}")
            first, last = self._range(base, stepped=bool(slash))
            values.update(range(first, last + 1, int(step) if slash else 1))
        return frozenset(values)

    def _range(self, base: str, *, stepped: bool) -> tuple[int, int]:
        if base == "*":
            return self.least, self.most
        if "-" in base:
            # The real parser reads 5-2 as 2-5.
            first, last = sorted(self._value(text) for text in base.split("-", 1))
            return first, last
        value = self._value(base)
        return value, self.most if stepped else value

    def _value(self, text: str) -> int:
        if _DIGITS.fullmatch(text):
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
        fields = [field for field in text.split(" ") if field]
        if len(fields) == 5:
            fields = ["0", *fields]
        if _TIME_SPAN.fullmatch(text.strip()):
            raise ValueError(f"time spans are not covered by this host: expected six fields, got {text!r}")
        if len(fields) != 6:
            raise ValueError(f"expected six fields (second minute hour day month weekday), got {text!r}")
        self.text = text
        parsed = [spec.parse(field) for field, spec in zip(fields, _FIELDS, strict=True)]
        self._seconds, self._minutes, self._hours = (sorted(values) for values in parsed[:3])
        self._days, self._months, self._weekdays = parsed[3:]
        field_sizes = [spec.most - spec.least + 1 for spec in _FIELDS]
        self._every_minute = [len(values) for values in parsed[1:]] == field_sizes[1:]

    def next(self, after: datetime) -> datetime:
        """The first occurrence after the given time; ValueError if there is none."""
        earliest = after.replace(microsecond=0) + timedelta(seconds=1)
        month = earliest.replace(day=1, hour=0, minute=0, second=0)
        while True:
            if month.month in self._months:
                occurrence = self._in_month(month, earliest)
                if occurrence is not None:
                    return occurrence
            if (month.year, month.month) == (_LAST_YEAR, 12):
                raise ValueError(f"{self.text!r} never occurs")
            month = (month + timedelta(days=31)).replace(day=1)

    def keeps_status(self, now: datetime) -> bool:
        """Whether the extension stores when it ran: not if it occurs more than once within a minute from now and the
        fields above the second take every value."""
        return not self._every_minute or self.next(self.next(now)) - now >= timedelta(minutes=1)

    def _in_month(self, month: datetime, earliest: datetime) -> datetime | None:
        for number in sorted(self._days):
            try:
                day = month.replace(day=number)
            except ValueError:
                return None
            if day.date() >= earliest.date() and self._is_day(day) and (occurrence := self._within(day, earliest)):
                return occurrence
        return None

    def _is_day(self, day: datetime) -> bool:
        return (day.weekday() + 1) % 7 in self._weekdays

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
