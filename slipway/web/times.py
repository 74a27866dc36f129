"""Human-readable times. Pages have no scripts, so relative times refer to when the page was rendered."""

from datetime import datetime, timedelta

from ..text import duration, moment

__all__ = ["duration", "moment", "relative"]

_MOMENT = timedelta(seconds=1)


def relative(at: datetime, now: datetime) -> str:
    """`in 23 h`, `4 min ago`, `just now`: one unit is enough."""
    distance = abs(at - now)
    if distance < _MOMENT:
        return "just now"
    text = " ".join(duration(distance).split(" ")[:2])
    if distance < timedelta(seconds=10):
        text = f"{distance.seconds} s"
    return f"in {text}" if at > now else f"{text} ago"
