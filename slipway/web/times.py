"""Human-readable times. Pages have no scripts, so relative times refer to when the page was rendered."""

from datetime import datetime

_UNITS = ((2 * 86400, 86400, "d"), (2 * 3600, 3600, "h"), (60, 60, "min"), (1, 1, "s"))
"""The units, each with the seconds from which it is used: two of the next unit, so that rounding never turns half a day
into a day."""


def relative(at: datetime, now: datetime) -> str:
    """`in 24 h`, `4 min ago`, `just now`: one unit is enough."""
    seconds = abs((at - now).total_seconds())
    for least, size, unit in _UNITS:
        if seconds >= least:
            text = f"{round(seconds / size)} {unit}"
            return f"in {text}" if at > now else f"{text} ago"
    return "just now"
