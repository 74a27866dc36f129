"""Azure DevOps' format of times: seven digits after the point, with trailing zeros left out."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def as_timestamp(moment: datetime) -> str:
    """The format of runs, pushes and timelines."""
    utc = moment.astimezone(UTC)
    fraction = f"{utc.microsecond:06d}0".rstrip("0")
    return f"{utc:%Y-%m-%dT%H:%M:%S}{'.' + fraction if fraction else ''}Z"


def to_the_second(moment: datetime) -> str:
    """The format of Git, whose times have no fractions."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def read(text: str) -> datetime:
    """The time in a request. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
