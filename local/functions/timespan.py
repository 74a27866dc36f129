"""The .NET time spans that host.json uses: `hh:mm:ss`, `d.hh:mm:ss`, with fractions of a second.

.NET accepts more: to it, `24:00:00` and `24` are twenty-four DAYS, and `0:5:0` is five minutes. Spans that nobody would
intend are refused here."""

import re

from .errors import HostError

_SPAN = re.compile(
    r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{2})(?::(?P<seconds>\d{2}(?:\.\d{1,7})?))?", re.ASCII
)
_LARGEST = 2**63 / 10**7
"""The largest .NET time span in seconds."""


def seconds(text: object, field: str) -> float:
    """The span in seconds. Raises a HostError that names the field if the text is not a span."""
    match = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise HostError(f"{field}: expected a time span such as 00:05:00, got {text!r}")
    days, hours, minutes = (int(match[name] or 0) for name in ("days", "hours", "minutes"))
    remaining_seconds = float(match["seconds"] or 0)
    if hours > 23 or minutes > 59 or remaining_seconds >= 60:
        raise HostError(f"{field}: expected hours up to 23, minutes and seconds up to 59, got {text!r}")
    span = days * 86400.0 + hours * 3600 + minutes * 60 + remaining_seconds
    if span >= _LARGEST:
        raise HostError(f"{field}: expected at most 10675199 days, got {text!r}")
    return span
