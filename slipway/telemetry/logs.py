"""Adds application, release, environment and step to each log record, removes secrets from it, and keeps it one line.

A record factory does this for every record of the process, so it applies to any logger and to any handler: the host's,
a test's, or the exporter's.
"""

import logging
from collections.abc import Callable
from typing import Any

from ..text import visible
from .names import Attribute
from .recording import current_attributes
from .redaction import own_text, redacted, traced

FIELDS = {
    Attribute.APPLICATION: "application",
    Attribute.RELEASE: "release",
    Attribute.ENVIRONMENT: "environment",
    Attribute.STEP: "step",
}
"""Attribute → its field of `logging.LogRecord`."""

type Factory = Callable[..., logging.LogRecord]


def guard() -> None:
    """Install the record factory in this process. Calling it again changes nothing."""
    current = logging.getLogRecordFactory()
    if not isinstance(current, _Guarded):
        logging.setLogRecordFactory(_Guarded(current))


class _Guarded:
    """Wraps the previous record factory."""

    def __init__(self, make: Factory) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        matter = current_attributes()
        for attribute, name in FIELDS.items():
            setattr(record, name, str(matter.get(attribute, "")))
        _hide(record)
        return record


def _hide(record: logging.LogRecord) -> None:
    """Replaces only messages that contain a secret or invisible characters. The others keep their template, by which
    tools group them."""
    try:
        message = record.getMessage()
    except (TypeError, ValueError):
        return  # the handler reports the faulty call
    shown = _one_line(redacted(message))
    if shown != message:
        record.msg, record.args = shown, ()
    if record.exc_info and record.exc_info[1] is not None:
        record.exc_text = visible(traced(record.exc_info[1]))


def _one_line(text: str) -> str:
    """The text without anything that could begin a new line, or hide one."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def attributes(record: logging.LogRecord) -> dict[str, str | int]:
    """The attributes of an exported record."""
    values: dict[str, str | int] = {
        str(name): value for name, field in FIELDS.items() if (value := getattr(record, field, ""))
    }
    values["code.function.name"] = record.funcName or ""
    if record.exc_info and record.exc_info[1] is not None:
        values["exception.type"] = type(record.exc_info[1]).__name__
        values["exception.message"] = own_text(record.exc_info[1])
        values["exception.stacktrace"] = record.exc_text or ""
    return values
