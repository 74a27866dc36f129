"""Times as people say them. Pages have no scripts, so what is relative is relative to when the page was made."""

from datetime import datetime, timedelta

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_MOMENT = timedelta(seconds=1)


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def duration(length: timedelta) -> str:
    """`0.4 s`, `42 s`, `3 min 5 s`, `2 h 4 min`, `3 d 2 h`: the two largest units."""
    seconds = max(0.0, length.total_seconds())
    if seconds < 10:  # noqa: PLR2004 - below ten seconds a tenth is worth telling
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, smaller, smaller_unit in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {smaller_unit}" if rest else "")
    return f"{whole} s"


def relative(at: datetime, now: datetime) -> str:
    """`in 23 h`, `4 min ago`, `just now`: one unit is enough."""
    distance = abs(at - now)
    if distance < _MOMENT:
        return "just now"
    text = " ".join(duration(distance).split(" ")[:2])
    if distance < timedelta(seconds=10):
        text = f"{distance.seconds} s"
    return f"in {text}" if at > now else f"{text} ago"
