"""Log records: each says which application, release, environment and step it is about, and holds no secret.

The fields are put on every record of the process, whoever writes it, before any handler sees it: the host's, a test's,
or the exporter's below.
"""

import logging
import traceback
from collections.abc import Callable
from typing import Any

from .names import Attribute
from .recording import known
from .redaction import redacted

FIELDS = {
    Attribute.APPLICATION: "application",
    Attribute.RELEASE: "release",
    Attribute.ENVIRONMENT: "environment",
    Attribute.STEP: "step",
}
"""Attribute → the field of `logging.LogRecord` that holds it."""

type Factory = Callable[..., logging.LogRecord]


def guard() -> None:
    """Make every record of this process carry the fields, and no secret. Calling it again changes nothing."""
    current = logging.getLogRecordFactory()
    if not isinstance(current, _Guarded):
        logging.setLogRecordFactory(_Guarded(current))


class _Guarded:
    """A factory of records around the one before it."""

    def __init__(self, make: Factory) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        matter = known()
        for attribute, name in FIELDS.items():
            setattr(record, name, str(matter.get(attribute, "")))
        _hide(record)
        return record


def _hide(record: logging.LogRecord) -> None:
    """Only a text that holds a secret is changed: the others keep their parts, for whoever groups by them."""
    try:
        said = record.getMessage()
    except (TypeError, ValueError):
        return  # logging itself will say what is wrong with the call
    shown = redacted(said)
    if shown != said:
        record.msg, record.args = shown, ()
    if record.exc_info and record.exc_info[0] is not None:
        record.exc_text = redacted("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))


def attributes(record: logging.LogRecord) -> dict[str, str | int]:
    """What an exported record is told apart by."""
    told: dict[str, str | int] = {
        str(name): value for name, field in FIELDS.items() if (value := getattr(record, field, ""))
    }
    told["code.function.name"] = record.funcName or ""
    if record.exc_info and record.exc_info[0] is not None:
        told["exception.type"] = record.exc_info[0].__name__
        told["exception.message"] = redacted(str(record.exc_info[1]))
        told["exception.stacktrace"] = record.exc_text or ""
    return told
