"""When a CronJob runs, as Kubernetes reads it: five fields, or a word that begins with @."""

import re
from collections.abc import Mapping
from typing import Final

_WORDS: Final = frozenset(
    f"@{word}" for word in ("yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly")
)
_EVERY: Final = re.compile(r"@every -?([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final[tuple[tuple[str, range, Mapping[str, int]], ...]] = (
    ("minute", range(60), {}),
    ("hour", range(24), {}),
    ("day of the month", range(1, 32), {}),
    ("month", range(1, 13), {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", range(7), {name: number for number, name in enumerate(_DAYS)}),
)
_PART: Final = re.compile(r"(?P<first>\*|\?|[0-9A-Za-z]+)(-(?P<last>[0-9A-Za-z]+))?(/(?P<step>[0-9]+))?")
_LONGEST: Final = 4000


def expected_schedule(text: str) -> str:
    """What was expected instead; empty where the schedule is one."""
    if "TZ" in text:
        return "no TZ in it: say timeZone"
    if text.startswith("@"):
        return "" if text in _WORDS or _EVERY.fullmatch(text) else f"one of {', '.join(sorted(_WORDS))}, or @every 1h"
    fields = text[:_LONGEST].split()
    if len(fields) != len(_FIELDS):
        return "five fields: minute, hour, day of the month, month, day of the week"
    for written, (called, numbers, names) in zip(fields, _FIELDS, strict=True):
        if not all(_fits(part, numbers, names) for part in written.split(",") if part):
            least, most = numbers[0], numbers[-1]
            return f"as {called} numbers from {least} to {most}, ranges (1-5), lists (1,2) or steps (*/2)"
    return ""


def _fits(part: str, numbers: range, names: Mapping[str, int]) -> bool:
    parsed = _PART.fullmatch(part)
    if parsed is None or (parsed["step"] and not int(parsed["step"])):
        return False
    if parsed["first"] in "*?":
        return True  # a last after it is not looked at
    ends = [_number(text, names) for text in (parsed["first"], parsed["last"]) if text is not None]
    return all(each in numbers for each in ends) and ends == sorted(ends)


def _number(text: str, names: Mapping[str, int]) -> int:
    return int(text) if text.isdecimal() else names.get(text.lower(), -1)
