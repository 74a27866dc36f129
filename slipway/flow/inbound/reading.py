"""Reading untrusted JSON: a size limit, a depth limit, and errors that name the field."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

SIZE_LIMIT = 2 * 1024 * 1024
"""Bytes of one event; Azure DevOps sends at most this much, Service Bus less."""
SHOWN = 80


class BadInput(ValueError):  # noqa: N818 - the message is the point
    """Input that cannot be read: which field, what was expected, what came."""

    def __init__(self, field: str, expected: str, got: str) -> None:
        super().__init__(f"{field}: expected {expected}, got {got}")
        self.field, self.expected, self.got = field, expected, got


class Ignored(Exception):  # noqa: N818
    """Input that is well-formed and none of our business; the message says why."""


class Incoming(BaseModel):
    """Base of the models of foreign events: fields that we do not know are none of our business."""

    model_config = ConfigDict(extra="ignore", frozen=True)


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


def read_as[M: BaseModel](kind: type[M], value: Any) -> M:
    """The value as a model, or `BadInput` for the first field that is wrong."""
    if not isinstance(value, dict):
        raise BadInput("body", "a JSON object", _short(value))
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise bad_input(error) from error


def bad_input(error: ValidationError) -> BadInput:
    """The first of the errors, in our words."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "body"
    if first["type"] == "missing":
        return BadInput(field, "a value", "nothing")
    return BadInput(field, _expected(first["msg"]), _short(first["input"]))


def _expected(message: str) -> str:
    """pydantic says `Value error, expected …` or `Input should be …`; we say what was expected."""
    for start in ("Value error, expected ", "Value error, ", "Input should be ", "String should "):
        if message.startswith(start):
            return message.removeprefix(start)
    return message


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _short(value: Any) -> str:
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
