"""The .NET time spans that host.json uses: `hh:mm:ss`, `d.hh:mm:ss`, with fractions of a second.

.NET takes more: `24:00:00` and `24` are twenty-four DAYS to it, `0:5:0` five minutes. Spans that nobody would intend
are refused here."""

import re

from .errors import HostError

_SPAN = re.compile(
    r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{2})(?::(?P<seconds>\d{2}(?:\.\d{1,7})?))?", re.ASCII
)
_LARGEST = 2**63 / 10**7
"""Seconds in the ticks of .NET."""


def seconds(text: object, field: str) -> float:
    """The span in seconds; a HostError that names the field if it is none."""
    match = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise HostError(f"{field}: expected a time span such as 00:05:00, got {text!r}")
    days, hours, minutes = (int(match[name] or 0) for name in ("days", "hours", "minutes"))
    rest = float(match["seconds"] or 0)
    if hours > 23 or minutes > 59 or rest >= 60:
        raise HostError(f"{field}: expected hours up to 23, minutes and seconds up to 59, got {text!r}")
    span = days * 86400.0 + hours * 3600 + minutes * 60 + rest
    if span >= _LARGEST:
        raise HostError(f"{field}: expected at most 10675199 days, got {text!r}")
    return span
