"""JSON as Newtonsoft's parser, which the real host uses for events, reads it: some values come out differently.

A text that looks like a time becomes one and is rewritten, in UTC; numbers lose insignificant digits; a value that is
not a number (NaN, infinity) becomes a word.
"""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}T)(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)
_MICROSOFT_TIME = re.compile(r"/Date\((-?\d{1,15})\)/", re.ASCII)
_DEEPEST = 64
_NOT_A_NUMBER = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def loads(text: str | bytes) -> Any:
    """The value as a function gets it. Raises ValueError if the text is not JSON. Comments, single quotes and unquoted
    names, which Newtonsoft accepts, are refused."""
    return reread(json.loads(text))


def reread(value: Any) -> Any:
    """A value that Python's parser read, converted to what Newtonsoft would return."""
    return _reread(value, 0)


def _reread(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise ValueError(f"expected at most {_DEEPEST} levels")
    match value:
        case dict():
            return {name: _reread(inner, depth + 1) for name, inner in value.items()}
        case list():
            return [_reread(inner, depth + 1) for inner in value]
        case float() if not math.isfinite(value):
            return _NOT_A_NUMBER[repr(value)]
        case str():
            return _time(value) or re.sub("[\ud800-\udfff]", "\ufffd", value)
    return value


def as_text(value: Any) -> str:
    """A scalar as .NET writes it where text is required."""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, float):
        return _NOT_A_NUMBER.get(repr(value)) or repr(value).removesuffix(".0").replace("e", "E")
    if isinstance(value, str) and (time_text := _time(value)) is not None:
        return datetime.fromisoformat(time_text[:19]).strftime("%m/%d/%Y %H:%M:%S")
    return str(value)


def _time(text: str) -> str | None:
    """The rewritten time; None if the text is not a time."""
    epoch_match = _MICROSOFT_TIME.fullmatch(text)
    if epoch_match is not None:
        return _format(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(epoch_match[1])), "", "Z")
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    day, hour, minute, second, fraction, zone = match.groups()
    try:
        day_start = datetime.fromisoformat(f"{day}00:{minute}:{second}")
    except ValueError:
        return None
    if int(hour) > 24 or (hour == "24" and (minute, second, fraction or "0") != ("00", "00", "0")):
        return None
    moment = day_start + timedelta(hours=int(hour))
    digits = (fraction or "").rstrip("0")
    if zone in (None, "Z"):
        return _format(moment, digits, zone or "")
    sign = -1 if zone[0] == "-" else 1
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return _format(moment - sign * offset, digits, "+00:00")


def _format(moment: datetime, digits: str, zone: str) -> str:
    fraction = f".{digits}" if digits else ""
    if not digits and moment.microsecond:
        fraction = f".{moment.microsecond:06d}".rstrip("0")
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + fraction + zone
