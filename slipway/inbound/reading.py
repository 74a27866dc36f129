"""Reading untrusted JSON: a size limit, a depth limit, and errors that name the field."""

import json
from datetime import datetime, timedelta
from reprlib import Repr
from typing import Any

from pydantic import BaseModel, ValidationError

SIZE_LIMIT = 2 * 1024 * 1024
"""Bytes of one event; Azure DevOps sends at most this much, Service Bus less."""
SHOWN = 80
"""Characters of a wrong value, or of the path to it, that a message repeats."""
SKEW = timedelta(minutes=5)
"""By which a sender's clock may be ahead of ours, so that what comes out of order is still told apart by it."""
LARGEST_ID = 2**63 - 1
"""Numbers of foreign systems fit into 64 bits; anything larger is nonsense."""


class BadInput(ValueError):  # noqa: N818 - the message is the point
    """Input that cannot be read: which field, what was expected, what came."""

    def __init__(self, field: str, expected: str, got: str) -> None:
        super().__init__(f"{field}: expected {expected}, got {got}")
        self.field, self.expected, self.got = field, expected, got


class Ignored(Exception):  # noqa: N818
    """Input that is well-formed and none of our business; the message says why."""


def by_now(said: datetime | None, now: datetime) -> datetime:
    """When something happened, as its sender says; a time that lies ahead is none, and ours counts.

    Releases are ordered by it: one of tomorrow would keep every other out of its lane until then.
    """
    return said if said is not None and said <= now + SKEW else now


def read_json(body: bytes) -> Any:
    """The value, or `BadInput`."""
    if len(body) > SIZE_LIMIT:
        raise BadInput("body", f"at most {SIZE_LIMIT} bytes", f"{len(body)} bytes")
    try:
        return json.loads(body, parse_constant=_no_constant)
    except RecursionError as error:
        raise BadInput("body", "JSON that is not nested thousands deep", "deeper nesting") from error
    except UnicodeDecodeError as error:
        raise BadInput("body", "UTF-8", f"other bytes at {error.start}") from error
    except ValueError as error:
        raise BadInput("body", "JSON", f"{_short(body)} ({error})") from error


def read_as[M: BaseModel](kind: type[M], value: Any, *, at: str = "") -> M:
    """The value as a model, or `BadInput` for the first field that is wrong. `at` is where in the body it stood."""
    if not isinstance(value, dict):
        raise BadInput(at or "body", "a JSON object", _short(value))
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise bad_input(error, at=at) from error


def bad_input(error: ValidationError, *, at: str = "") -> BadInput:
    """The first of the errors, in our words."""
    first = error.errors(include_url=False)[0]
    path = [at, *(str(part) for part in first["loc"])]
    field = _printable(".".join(filter(None, path)) or "body")
    if first["type"] == "missing":
        return BadInput(field, "a value", "nothing")
    return BadInput(field, _expected(first["msg"]), _short(first["input"]))


def _expected(message: str) -> str:
    """pydantic says `Value error, expected …` or `Input should be …`; we say what was expected."""
    for start in ("Value error, expected ", "Value error, ", "Input should be ", "String should "):
        if message.startswith(start):
            message = message.removeprefix(start)
            break
    return _printable(message, limit=2 * SHOWN)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _short(value: Any) -> str:
    """The start of a value. Only that much of it is looked at, however large or deeply nested it is."""
    if isinstance(value, bytes):
        start = value[: 4 * SHOWN].decode("utf-8", "backslashreplace")
        return _printable(start if len(value) <= 4 * SHOWN else f"{start}…")
    return _printable(_REPR.repr(value))


def _printable(text: str, *, limit: int = SHOWN) -> str:
    """At most so many characters, all of which can be logged and stored: half a surrogate pair cannot."""
    text = text if len(text) <= limit else f"{text[:limit]}…"
    return text.encode("utf-8", "backslashreplace").decode()


_REPR = Repr(maxlevel=3, maxstring=SHOWN, maxother=SHOWN, maxlong=SHOWN, maxdict=4, maxlist=4)
