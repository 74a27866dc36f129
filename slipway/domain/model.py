"""The base of every domain record: frozen, strict about unknown fields, compared by value."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Self

import rfc8785
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"
TAG_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"
REPOSITORY_PATTERN = r"^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$"
NAME_PATTERN = r"^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$"
NAMESPACE_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"

DURATION_PATTERN = r"^[0-9]{1,9}[smhd]$"

_LONGEST_DURATION = timedelta(days=36_500)
"""A limit, so that a moment and a duration always add up to a moment that Python can hold."""
_DURATION_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Record(BaseModel):
    """A frozen value; `evolve` returns a changed copy that has been validated again."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    def evolve(self, **changes: Any) -> Self:
        return type(self).model_validate({**self.__dict__, **changes})


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("expected a time with a zone, such as 2026-11-23T08:00:00Z, got one without")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("expected a time that lies within the years 1 to 9999 in UTC") from error


def _duration(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(DURATION_PATTERN, value):
        duration = timedelta(seconds=int(value[:-1]) * _DURATION_UNITS[value[-1]])
        if duration > _LONGEST_DURATION:
            raise ValueError(f"expected at most {duration_text(_LONGEST_DURATION)}")
        return duration
    if isinstance(value, timedelta):
        return value
    raise ValueError("expected a number and a unit (s, m, h or d), such as 30s, 10m, 24h or 7d")


def release_id(application: str, number: int) -> str:
    """Such as `shop-482`."""
    return f"{application}-{number}"


def parse_release_id(text: str) -> tuple[str, int]:
    """`shop-482` → (`shop`, 482). Raises ValueError for any other form."""
    application, _, number = text.rpartition("-")
    if not application or not re.fullmatch(r"[0-9]{1,12}", number):
        raise ValueError(f"expected a release id such as shop-482, got {text[:80]!r}")
    return application, int(number)


def one_or_several(value: object) -> object:
    """The list, for a field that takes one text or a list of texts."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def duration_text(value: timedelta) -> str:
    """The notation of documents: the largest unit that fits, `1d` rather than `24h`."""
    seconds = int(value.total_seconds())
    for unit in "dhm":
        if seconds and seconds % _DURATION_UNITS[unit] == 0:
            return f"{seconds // _DURATION_UNITS[unit]}{unit}"
    return f"{seconds}s"


Timestamp = Annotated[datetime, AfterValidator(_aware)]
"""A point in time, always with a zone, kept in UTC."""

Duration = Annotated[
    timedelta,
    BeforeValidator(_duration, json_schema_input_type=str),
    PlainSerializer(duration_text, return_type=str),
    Field(json_schema_extra={"pattern": DURATION_PATTERN, "examples": ["30s", "10m", "24h", "7d"]}),
]
"""A length of time, written as a number and a unit: `30s`, `10m`, `24h`, `7d`."""

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
"""Lower-case letters, digits and dashes, at most 40: names applications, environments, registries, clusters."""

Namespace = Annotated[str, Field(pattern=NAMESPACE_PATTERN)]
"""A Kubernetes namespace: a DNS label of at most 63 characters."""

Digest = Annotated[str, Field(pattern=DIGEST_PATTERN)]
Tag = Annotated[str, Field(pattern=TAG_PATTERN)]
Repository = Annotated[str, Field(pattern=REPOSITORY_PATTERN, max_length=255)]


def canonical(value: Any) -> bytes:
    """The one byte form that is hashed and signed: JSON by RFC 8785 (JCS).

    Raises ValueError for a value without that form: an integer beyond ±(2^53 - 1), NaN, infinity, a lone surrogate.
    """
    return _PLAIN.encode(value).encode() if _plain(value) else rfc8785.dumps(value)


_PLAIN: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":"))
_LARGEST_INTEGER: Final = 2**53 - 1


def _plain(value: object) -> bool:
    """Whether Python's own encoder writes the same bytes as RFC 8785; it takes a quarter of the time of that
    library. It may not if a number has a fraction, if keys are not ordered by their characters, or if a text has no
    UTF-8 form."""
    if type(value) is str:
        return value.isascii()
    if type(value) is dict:
        for key, item in value.items():  # noqa: SIM110 - a generator takes twice the time
            if type(key) is not str or not key.isascii() or not _plain(item):
                return False
        return True
    if type(value) is list or type(value) is tuple:
        return all(map(_plain, value))
    if type(value) is int:
        return -_LARGEST_INTEGER <= value <= _LARGEST_INTEGER
    return value is None or type(value) is bool


def sha256(data: bytes) -> str:
    """`sha256:<64 hex>` of the bytes, the form that registries use too."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
