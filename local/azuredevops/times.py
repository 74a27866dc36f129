"""Azure DevOps' way to write a time: seven digits after the point, of which closing zeros are left out."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def written(moment: datetime) -> str:
    """As runs, pushes and timelines have it."""
    whole = moment.astimezone(UTC)
    fraction = f"{whole.microsecond:06d}0".rstrip("0")
    return f"{whole:%Y-%m-%dT%H:%M:%S}{'.' + fraction if fraction else ''}Z"


def to_the_second(moment: datetime) -> str:
    """As Git has it: a commit knows no fractions."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def read(text: str) -> datetime:
    """A time of a request. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
