"""Evaluates time windows at one time: iCalendar's recurrence rules, in a time zone, with holidays.

python-dateutil expands the rules. Three limits bound the cost of a hostile rule: only the parts below are allowed, a
rule may occur at most 24 times a day, and rules are evaluated so late in the calendar that a rule which never occurs
soon reaches its end. (The calendar repeats every 400 years, so a rule falls on the same days in 9626 as in 2026, and
Python's last year is 9999.)

As in RFC 5545, a local time that is skipped when summer time begins is interpreted with the offset before the change,
and the first of two equal local times counts. A window's duration is elapsed time, on such days too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from slipway.domain.windows import Window, Windows, WindowStatus

from ..text import moment
from .files import Files, path_inside

_PARTS = frozenset({"FREQ", "INTERVAL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYHOUR", "BYMINUTE", "BYSETPOS", "WKST"})
_NEEDED = {
    "DAILY": (),
    "WEEKLY": (("BYDAY",),),
    "MONTHLY": (("BYMONTHDAY", "BYDAY"),),
    "YEARLY": (("BYMONTH",), ("BYMONTHDAY", "BYDAY")),
}
"""The parts that each FREQ requires (one of each group). Without them, a start date that nobody wrote would decide."""
MOST_A_DAY = 24
MOST_HOLIDAYS = 2000
_LATE = 7600
"""Years by which the evaluation of rules is shifted: a multiple of 400."""
_ARBITRARY = date(2001, 1, 1)
"""A Monday, from which weeks are counted if the window has no start."""
_SIGHTS = (timedelta(days=8), timedelta(days=62), timedelta(days=400))
"""Ranges to search for the next change, nearest first, since it is usually near."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class WindowProblem:
    """A problem with the windows, and its field."""

    field: tuple[str | int, ...]
    expected: str
    got: str


@dataclass(frozen=True, kw_only=True)
class _Stretch:
    """One occurrence of a window, or a holiday."""

    begin: datetime
    end: datetime
    denies: bool
    reason: str


class Calendar:
    """One environment's windows, in a form that can be evaluated."""

    def __init__(self, windows: Windows, holidays: Sequence[date] = ()) -> None:
        self._windows = windows
        self._zone = ZoneInfo(windows.timezone)
        self._holidays = sorted({*windows.holidays, *holidays})

    def status_at(self, now: datetime) -> WindowStatus:
        """Whether rollouts may begin now, and when that changes."""
        for horizon in _SIGHTS:
            stretches = self._stretches(now, now + horizon)
            is_open, reason = self._state(stretches, now)
            until = self._change(stretches, now, now + horizon, is_open=is_open)
            if until is not None:
                break
        return WindowStatus(open=is_open, reason=f"{reason}{_next_change(until, is_open=is_open)}", until=until)

    def _state(self, stretches: Sequence[_Stretch], now: datetime) -> tuple[bool, str]:
        current = [stretch for stretch in stretches if stretch.begin <= now < stretch.end]
        denied = next((stretch for stretch in current if stretch.denies), None)
        allowed = next((stretch for stretch in current if not stretch.denies), None)
        if denied is not None:
            return False, denied.reason
        if self._windows.allow and allowed is None:
            return False, "outside the time windows"
        return True, allowed.reason if allowed else "no time window forbids it"

    def _change(
        self, stretches: Sequence[_Stretch], now: datetime, last: datetime, *, is_open: bool
    ) -> datetime | None:
        """When the state changes; None if it does not change until `last`, after which occurrences were not
        expanded."""
        events = sorted(
            [(s.begin, s.denies, 1) for s in stretches] + [(s.end, s.denies, -1) for s in stretches],
            key=lambda event: event[0],
        )
        count = {False: 0, True: 0}
        for index, (at, denies, step) in enumerate(events):
            count[denies] += step
            last_at_this_time = index + 1 == len(events) or events[index + 1][0] != at
            if at <= now or not last_at_this_time:
                continue
            if at > last:
                return None
            opens = not count[True] and (bool(count[False]) or not self._windows.allow)
            if opens is not is_open:
                return at
        return None

    def _stretches(self, now: datetime, end: datetime) -> list[_Stretch]:
        stretches = [s for window in self._windows.allow for s in self._stretches_of(window, now, end, denies=False)]
        stretches += [s for window in self._windows.deny for s in self._stretches_of(window, now, end, denies=True)]
        first, last = (now.astimezone(self._zone) - _DAY).date(), end.astimezone(self._zone).date()
        for day in self._holidays:
            if first <= day <= last:
                begin, after = self._midnight(day), self._midnight(day + _DAY)
                stretches.append(
                    _Stretch(begin=begin, end=after, denies=True, reason=f"{day.isoformat()} is a holiday")
                )
        return stretches

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), tzinfo=self._zone).astimezone(UTC)

    def _stretches_of(self, window: Window, now: datetime, end: datetime, *, denies: bool) -> Iterator[_Stretch]:
        """Occurrences that end after `now` and begin before `end`."""
        reason = window.reason or f"{'closed' if denies else 'open'} by {window.rule}"
        earliest = _local(now - window.duration, self._zone) - _DAY
        for local in occurrences(window, earliest, _local(end, self._zone)):
            begin = local.replace(tzinfo=self._zone).astimezone(UTC)
            if begin + window.duration > now:
                yield _Stretch(begin=begin, end=begin + window.duration, denies=denies, reason=reason)


def occurrences(window: Window, first: datetime, last: datetime) -> Iterator[datetime]:
    """The naive local times from `first` to `last` at which the window begins."""
    from dateutil.rrule import rrulestr  # noqa: PLC0415 - few environments have windows

    begin = datetime.combine(_start(window, first.date()), time())
    rule = rrulestr(window.rule, dtstart=begin.replace(year=begin.year + _LATE))
    for shifted in rule:
        occurrence = shifted.replace(year=shifted.year - _LATE)
        if occurrence > last or (window.ends is not None and occurrence.date() > window.ends):
            return
        if occurrence >= first:
            yield occurrence


def _start(window: Window, first: date) -> date:
    """The day to count from: the window's first day plus a whole number of intervals, shortly before `first`."""
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


def _next_change(until: datetime | None, *, is_open: bool) -> str:
    if until is None:
        return "" if is_open else f"; no window opens within {_SIGHTS[-1].days} days"
    return f"; {'closes' if is_open else 'opens'} at {moment(until)}"


def _parts(rule: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in rule.split(";"))


# ---- validation
def calendar_of(files: Files, windows: Windows) -> Calendar:
    """The calendar of an environment whose windows are valid."""
    return Calendar(windows, tuple(_listed(files, windows)))


def window_faults(files: Files, windows: Windows) -> Iterator[WindowProblem]:
    """All problems of the windows, each with its field."""
    try:
        ZoneInfo(windows.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield WindowProblem(field=("timezone",), expected="the name of a time zone", got=repr(windows.timezone))
    for kind in ("allow", "deny"):
        for index, window in enumerate(getattr(windows, kind)):
            if fault := _window_fault(window):
                yield replace(fault, field=(kind, index, *fault.field))
    yield from _file_faults(files, windows)


def _window_fault(window: Window) -> WindowProblem | None:
    """The first problem of a window, with the faulty field."""
    names = [part.split("=", 1)[0] for part in window.rule.split(";")]
    parts = _parts(window.rule)
    if len(parts) != len(names):
        return _wrong_rule("each part once", repr(window.rule))
    if unknown := sorted(set(names) - _PARTS):
        return _wrong_rule(f"the parts {', '.join(sorted(_PARTS))}", unknown[0])
    needed = _NEEDED.get(parts.get("FREQ", ""))
    if needed is None:
        return _wrong_rule(f"FREQ={'|'.join(_NEEDED)}", repr(parts.get("FREQ", "no FREQ")))
    for group in needed:
        if not set(group) & parts.keys():
            return _wrong_rule(f"{' or '.join(group)}, because FREQ is {parts['FREQ']}", repr(window.rule))
    if len(parts.get("BYHOUR", "0").split(",")) * len(parts.get("BYMINUTE", "0").split(",")) > MOST_A_DAY:
        return _wrong_rule(f"at most {MOST_A_DAY} times a day", repr(window.rule))
    return _interval_fault(window, parts.get("INTERVAL", "1")) or _occurrence_fault(window)


def _interval_fault(window: Window, interval: str) -> WindowProblem | None:
    if not (interval.isdigit() and 1 <= int(interval) <= 100):  # noqa: PLR2004
        return _wrong_rule("an INTERVAL from 1 to 100", repr(interval))
    if interval != "1" and window.starts is None:
        return WindowProblem(field=("starts",), expected="the day from which INTERVAL counts", got="none")
    return None


def _occurrence_fault(window: Window) -> WindowProblem | None:
    """The problem if the rule never occurs, or is not a rule; None otherwise."""
    first = datetime.combine(window.starts or date(2026, 1, 1), time())
    try:
        first_occurrence = next(
            occurrences(window.model_copy(update={"ends": None}), first, first.replace(year=9999)), None
        )
    except (ValueError, TypeError, KeyError) as error:
        return _wrong_rule("a recurrence rule of iCalendar", f"{window.rule!r} ({error})")
    if first_occurrence is None:
        return _wrong_rule("a rule that occurs", f"{window.rule!r}, which never does")
    return None


def _wrong_rule(expected: str, got: str) -> WindowProblem:
    return WindowProblem(field=("rule",), expected=expected, got=got)


def _file_faults(files: Files, windows: Windows) -> Iterator[WindowProblem]:
    if windows.holidays_file is None:
        return
    if files.text(windows.holidays_file) is None:
        why = "not there" if path_inside(windows.holidays_file) else "it leads out of the folder"
        expected = "a file beside the application's document"
        yield WindowProblem(field=("holidays_file",), expected=expected, got=f"{windows.holidays_file!r}: {why}")
        return
    try:
        count = sum(1 for _ in _listed(files, windows))
    except ValueError as error:
        yield WindowProblem(
            field=("holidays_file",), expected="one date a line, such as 2026-12-25", got=str(error)[:120]
        )
    else:
        if count > MOST_HOLIDAYS:
            yield WindowProblem(field=("holidays_file",), expected=f"at most {MOST_HOLIDAYS} dates", got=str(count))


def _listed(files: Files, windows: Windows) -> Iterator[date]:
    """The dates in the file of holidays. Raises ValueError."""
    listed = files.text(windows.holidays_file) if windows.holidays_file else None
    for line in (listed or "").splitlines():
        if text := line.partition("#")[0].strip():
            yield date.fromisoformat(text)
