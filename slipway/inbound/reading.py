"""Reads untrusted JSON, with a size limit, a depth limit, and errors that name the field."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from reprlib import Repr
from typing import Any

from pydantic import BaseModel, ValidationError

from ..domain.shapes import in_words
from ..manifests.problems import closest
from ..strict_json import NameTwice, NestedTooDeeply, strictly

SIZE_LIMIT = 2 * 1024 * 1024
"""The most bytes of one event; Azure DevOps sends at most this much, Service Bus less."""
SHOWN = 80
"""The most characters of a wrong value, or of the path to it, that an error message quotes."""
_NAMED = 20
"""The most names that an error message lists."""
SKEW = timedelta(minutes=5)
"""How far a sender's clock may be ahead of ours before its timestamps are replaced."""
LARGEST_ID = 2**63 - 1
"""Ids of other systems fit into 64 bits; larger ones are rejected."""


class BadInput(ValueError):  # noqa: N818 - the message is the point
    """Malformed input; the message names the field, what was expected and what came."""

    def __init__(self, field: str, expected: str, got: str) -> None:
        super().__init__(f"{field}: expected {expected}, got {got}")
        self.field, self.expected, self.got = field, expected, got


class NoSuch(BadInput):
    """Well-formed input that names something that does not exist."""

    def __init__(self, field: str, known: Iterable[str], got: str) -> None:
        names = list(known)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        similar = f" (similar: {near})" if (near := closest(got, names)) else ""
        super().__init__(field, f"one of {', '.join(names[:_NAMED]) or '(none)'}{more}{similar}", repr(got[:SHOWN]))


class Ignored(Exception):  # noqa: N818
    """Well-formed input that does not concern Slipway; the message says why."""


def plausible_time(time: datetime | None, now: datetime) -> datetime:
    """The sender's timestamp, or `now` if there is none or if it is more than `SKEW` in the future.

    Releases are ordered by it: one dated tomorrow would block every other release in its lane until then.
    """
    return time if time is not None and time <= now + SKEW else now


def read_json(body: bytes, *, limit: int = SIZE_LIMIT) -> Any:
    """The parsed JSON value. Raises `BadInput`, also for input that is too large or nested too deeply."""
    if len(body) > limit:
        raise BadInput("body", f"at most {limit} bytes", f"{len(body)} bytes")
    try:
        return strictly(body)
    except NameTwice as twice:
        raise BadInput("body", "JSON in which no name occurs twice", f"{_short(twice.name)} twice") from twice
    except NestedTooDeeply as error:
        raise BadInput("body", "JSON that is not nested thousands deep", "deeper nesting") from error
    except UnicodeDecodeError as error:
        raise BadInput("body", "UTF-8", f"other bytes at {error.start}") from error
    except ValueError as error:
        raise BadInput("body", "JSON", f"{_short(body)} ({error})") from error


def read_as[M: BaseModel](kind: type[M], value: Any, *, at: str = "") -> M:
    """The value as a model. Raises `BadInput` for the first wrong field; `at` is the value's path in the body."""
    if not isinstance(value, dict):
        raise BadInput(at or "body", "a JSON object", _short(value))
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise bad_input(error, at=at) from error


def bad_input(error: ValidationError, *, at: str = "") -> BadInput:
    """The first validation error as `BadInput`."""
    first = error.errors(include_url=False)[0]
    path = [at, *(str(part) for part in first["loc"])]
    field = _printable(".".join(filter(None, path)) or "body")
    if first["type"] == "missing":
        return BadInput(field, "a value", "nothing")
    if first["type"] == "extra_forbidden":
        return BadInput(field, "no such field", _short(first["input"]))
    if first["type"] == "string_pattern_mismatch":
        return BadInput(field, in_words(first["ctx"]["pattern"]), _short(first["input"]))
    return BadInput(field, _expected(first["msg"]), _short(first["input"]))


def _expected(message: str) -> str:
    """The expectation in a pydantic message such as `Value error, expected …` or `Input should be …`."""
    for start in ("Value error, expected ", "Value error, ", "Input should be ", "String should "):
        if message.startswith(start):
            message = message.removeprefix(start)
            break
    return _printable(_MEMBER.sub(r"\1", message), limit=2 * SHOWN)


def _short(value: Any) -> str:
    """The start of a value for error messages; only that much is read, however large or nested the value is."""
    if isinstance(value, bytes):
        start = value[: 4 * SHOWN].decode("utf-8", "backslashreplace")
        return _printable(start if len(value) <= 4 * SHOWN else f"{start}…")
    return _printable(_REPR.repr(value))


def _printable(text: str, *, limit: int = SHOWN) -> str:
    """At most `limit` characters; those that could not be logged or stored (lone surrogates) are escaped."""
    text = text if len(text) <= limit else f"{text[:limit]}…"
    return text.encode("utf-8", "backslashreplace").decode()


_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")
"""A member of an enum, as pydantic's messages show it."""
_REPR = Repr(maxlevel=3, maxstring=SHOWN, maxother=SHOWN, maxlong=SHOWN, maxdict=4, maxlist=4)
