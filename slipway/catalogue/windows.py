"""Time windows at one moment: iCalendar's recurrence rules, in a time zone, with holidays.

python-dateutil expands the rules. Three things keep a hostile rule from costing much: only the parts below are taken, a
rule begins at most 24 times a day, and it is asked for so late in the calendar that one which never occurs soon reaches
the calendar's end. (The calendar repeats itself every 400 years: the same rule falls on the same days in the year 9626
as in 2026, and Python's years end with 9999.)

A time that a clock skips when summer time begins is taken as if it had not been put forward; of a time that comes twice
the first counts. So RFC 5545 says it. A window's duration is elapsed time, on such days too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from slipway.domain.windows import Window, Windows, WindowStatus

from .delivery import Delivery

_PARTS = frozenset({"FREQ", "INTERVAL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYHOUR", "BYMINUTE", "BYSETPOS", "WKST"})
_NEEDED = {
    "DAILY": (),
    "WEEKLY": (("BYDAY",),),
    "MONTHLY": (("BYMONTHDAY", "BYDAY"),),
    "YEARLY": (("BYMONTH",), ("BYMONTHDAY", "BYDAY")),
}
"""What each FREQ needs (one of each group): otherwise the first day would decide, and that is nowhere to be seen."""
MOST_A_DAY = 24
MOST_HOLIDAYS = 2000
_LATE = 7600
"""Years by which a rule is asked later: a multiple of 400."""
_ARBITRARY = date(2001, 1, 1)
"""A Monday, from which weeks are counted where nobody says when."""
_SIGHTS = (timedelta(days=8), timedelta(days=62), timedelta(days=400))
"""How far ahead a change is looked for: the next one is mostly near."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with the windows, and at which field."""

    field: tuple[str | int, ...]
    expected: str
    got: str


@dataclass(frozen=True, kw_only=True)
class _Stretch:
    """One occurrence."""

    begin: datetime
    end: datetime
    denies: bool
    reason: str


class Calendar:
    """One environment's windows, ready to be asked."""

    def __init__(self, windows: Windows, holidays: Sequence[date] = ()) -> None:
        self._windows = windows
        self._zone = ZoneInfo(windows.timezone)
        self._holidays = sorted({*windows.holidays, *holidays})

    def at(self, now: datetime) -> WindowStatus:
        """Whether rollouts may begin now, and until when that stays so."""
        for sight in _SIGHTS:
            stretches = self._stretches(now, now + sight)
            is_open, reason = self._state(stretches, now)
            until = self._change(stretches, now, now + sight, is_open=is_open)
            if until is not None:
                break
        return WindowStatus(open=is_open, reason=f"{reason}{_said(until, is_open=is_open)}", until=until)

    def _state(self, stretches: Sequence[_Stretch], now: datetime) -> tuple[bool, str]:
        here = [stretch for stretch in stretches if stretch.begin <= now < stretch.end]
        denied = next((stretch for stretch in here if stretch.denies), None)
        allowed = next((stretch for stretch in here if not stretch.denies), None)
        if denied is not None:
            return False, denied.reason
        if self._windows.allow and allowed is None:
            return False, "outside of the time windows"
        return True, allowed.reason if allowed else "no time window forbids it"

    def _change(
        self, stretches: Sequence[_Stretch], now: datetime, last: datetime, *, is_open: bool
    ) -> datetime | None:
        """When it is otherwise; None where that is not within sight: what begins later is not known here."""
        events = sorted(
            [(s.begin, s.denies, 1) for s in stretches] + [(s.end, s.denies, -1) for s in stretches],
            key=lambda event: event[0],
        )
        count = {False: 0, True: 0}
        for place, (at, denies, step) in enumerate(events):
            count[denies] += step
            last_at_this_time = place + 1 == len(events) or events[place + 1][0] != at
            if at <= now or not last_at_this_time:
                continue
            if at > last:
                return None
            opens = not count[True] and (bool(count[False]) or not self._windows.allow)
            if opens is not is_open:
                return at
        return None

    def _stretches(self, now: datetime, end: datetime) -> list[_Stretch]:
        found = [s for window in self._windows.allow for s in self._of(window, now, end, denies=False)]
        found += [s for window in self._windows.deny for s in self._of(window, now, end, denies=True)]
        first, last = (now.astimezone(self._zone) - _DAY).date(), end.astimezone(self._zone).date()
        for day in self._holidays:
            if first <= day <= last:
                begin, after = self._midnight(day), self._midnight(day + _DAY)
                found.append(_Stretch(begin=begin, end=after, denies=True, reason=f"{day.isoformat()} is a holiday"))
        return found

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), tzinfo=self._zone).astimezone(UTC)

    def _of(self, window: Window, now: datetime, end: datetime, *, denies: bool) -> Iterator[_Stretch]:
        """Occurrences that are not over by now and begin before the end."""
        reason = window.reason or f"{'closed' if denies else 'open'} by {window.rule}"
        earliest = _local(now - window.duration, self._zone) - _DAY
        for local in occurrences(window, earliest, _local(end, self._zone)):
            begin = local.replace(tzinfo=self._zone).astimezone(UTC)
            if begin + window.duration > now:
                yield _Stretch(begin=begin, end=begin + window.duration, denies=denies, reason=reason)


def occurrences(window: Window, first: datetime, last: datetime) -> Iterator[datetime]:
    """Local times, without a zone, from first to last at which the window begins."""
    from dateutil.rrule import rrulestr  # noqa: PLC0415 - few environments have windows

    begin = datetime.combine(_start(window, first.date()), time())
    rule = rrulestr(window.rule, dtstart=begin.replace(year=begin.year + _LATE))
    for late in rule:
        found = late.replace(year=late.year - _LATE)
        if found > last or (window.ends is not None and found.date() > window.ends):
            return
        if found >= first:
            yield found


def _start(window: Window, first: date) -> date:
    """Where to begin counting: at the window's first day, or a whole number of intervals later, shortly before."""
    parts = _parts(window.rule)
    base, interval = window.starts or _ARBITRARY, int(parts.get("INTERVAL", "1"))
    before = first - timedelta(days=7)
    if before <= base:
        return base
    match parts["FREQ"]:
        case "DAILY":
            return base + timedelta(days=(before - base).days // interval * interval)
        case "WEEKLY":
            return base + timedelta(weeks=(before - base).days // 7 // interval * interval)
        case "MONTHLY":
            months = (before.year - base.year) * 12 + before.month - base.month - 1
            month = base.month - 1 + max(months, 0) // interval * interval
            return max(base, date(base.year + month // 12, month % 12 + 1, 1))
        case _:
            years = (before.year - base.year - 1) // interval * interval if before.year > base.year else 0
            return max(base, date(base.year + years, 1, 1))


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _said(until: datetime | None, *, is_open: bool) -> str:
    if until is None:
        return "" if is_open else f"; no window opens within {_SIGHTS[-1].days} days"
    return f"; {'closes' if is_open else 'opens'} at {until:%Y-%m-%d %H:%M} UTC"


def _parts(rule: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in rule.split(";"))


# ---- what is wrong
def calendar_of(delivery: Delivery, windows: Windows) -> Calendar:
    """The calendar of an environment whose windows have no faults."""
    return Calendar(windows, tuple(_listed(delivery, windows)))


def window_faults(delivery: Delivery, windows: Windows) -> Iterator[Fault]:
    """Everything that keeps the windows from being used, each at its field."""
    try:
        ZoneInfo(windows.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield Fault(field=("timezone",), expected="the name of a time zone", got=repr(windows.timezone))
    for kind in ("allow", "deny"):
        for index, window in enumerate(getattr(windows, kind)):
            if wrong := _rule_fault(window):
                field = (kind, index, "starts" if wrong[0].startswith("the day from") else "rule")
                yield Fault(field=field, expected=wrong[0], got=wrong[1])
    yield from _file_faults(delivery, windows)


def _rule_fault(window: Window) -> tuple[str, str] | None:
    """What was expected, and what came."""
    names = [part.split("=", 1)[0] for part in window.rule.split(";")]
    parts = _parts(window.rule)
    if len(parts) != len(names):
        return "each part once", repr(window.rule)
    if unknown := sorted(set(names) - _PARTS):
        return f"the parts {', '.join(sorted(_PARTS))}", unknown[0]
    needed = _NEEDED.get(parts.get("FREQ", ""))
    if needed is None:
        return f"FREQ={'|'.join(_NEEDED)}", repr(parts.get("FREQ", "no FREQ"))
    for group in needed:
        if not set(group) & parts.keys():
            return f"{' or '.join(group)}, because FREQ is {parts['FREQ']}", repr(window.rule)
    if len(parts.get("BYHOUR", "0").split(",")) * len(parts.get("BYMINUTE", "0").split(",")) > MOST_A_DAY:
        return f"at most {MOST_A_DAY} times a day", repr(window.rule)
    return _never(window, parts)


def _never(window: Window, parts: dict[str, str]) -> tuple[str, str] | None:
    interval = parts.get("INTERVAL", "1")
    if not (interval.isdigit() and 1 <= int(interval) <= 100):  # noqa: PLR2004
        return "an INTERVAL from 1 to 100", repr(interval)
    if interval != "1" and window.starts is None:
        return "the day from which INTERVAL counts", "none"
    first = datetime.combine(window.starts or date(2026, 1, 1), time())
    try:
        found = next(occurrences(window.model_copy(update={"ends": None}), first, first.replace(year=9999)), None)
    except (ValueError, TypeError, KeyError) as error:
        return "a recurrence rule of iCalendar", f"{window.rule!r} ({error})"
    if found is None:
        return "a rule that occurs", f"{window.rule!r}, which never does"
    return None


def _file_faults(delivery: Delivery, windows: Windows) -> Iterator[Fault]:
    if windows.holidays_file is None:
        return
    path = delivery.inside(windows.holidays_file)
    if path is None or not path.is_file():
        yield Fault(
            field=("holidays_file",), expected="a file inside the application's folder", got=repr(windows.holidays_file)
        )
        return
    try:
        count = sum(1 for _ in _listed(delivery, windows))
    except (ValueError, OSError) as error:
        yield Fault(field=("holidays_file",), expected="one date a line, such as 2026-12-25", got=str(error)[:120])
    else:
        if count > MOST_HOLIDAYS:
            yield Fault(field=("holidays_file",), expected=f"at most {MOST_HOLIDAYS} dates", got=str(count))


def _listed(delivery: Delivery, windows: Windows) -> Iterator[date]:
    """The dates in the holidays' file. Raises ValueError, OSError."""
    path = delivery.inside(windows.holidays_file) if windows.holidays_file else None
    for line in path.read_text(encoding="utf-8").splitlines() if path else ():
        if text := line.partition("#")[0].strip():
            yield date.fromisoformat(text)
