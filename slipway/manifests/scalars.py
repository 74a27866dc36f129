"""Resolves the type of plain YAML scalars.

`kubectl` reads YAML 1.1 in Go's dialect, PyYAML another dialect of it, and editors check YAML 1.2. They disagree on few
scalars (`on`, `22:22`, `2026-11-23`, `0644`); there this module follows `kubectl`. It marks words that kubectl takes
for booleans but people for text, so that a manifest with such a word is refused.
"""

import math
import re

_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_AMBIGUOUS = {"y", "n", "yes", "no", "on", "off"}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OCTAL = re.compile(r"0o?([0-7]+)")
_HEXADECIMAL = re.compile(r"0x([0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_IN_JSON = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LONGEST_NUMBER = 400
_INT64 = range(-(2**63), 2**63)

Scalar = str | int | float | bool | None


def plain(text: str) -> Scalar:
    """The value of an unquoted scalar. Raises ValueError for a number that JSON, and so Kubernetes, cannot hold."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] in "+-.0123456789":
        return _number(text)
    return text


def is_ambiguous(text: str) -> bool:
    """Whether an unquoted `text` is true or false to some readers and a word to others."""
    return text.casefold() in _AMBIGUOUS


def _number(text: str) -> Scalar:
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return _int64(int(text), text)
    if octal := _OCTAL.fullmatch(text):
        return _int64(int(octal[1], 8), text)
    if hexadecimal := _HEXADECIMAL.fullmatch(text):
        return _int64(int(hexadecimal[1], 16), text)
    if _NOT_IN_JSON.fullmatch(text):
        raise ValueError("a number that JSON can hold")
    # Some readers take a number with leading zeros for a float and others for text, so it stays text.
    if _FLOAT.fullmatch(text) and not re.match(r"[-+]?0[0-9]", text):
        value = float(text)
        if math.isinf(value):
            raise ValueError("a number that JSON can hold")
        return value
    return text


def _int64(value: int, text: str) -> int:
    if value not in _INT64:
        raise ValueError(f"a whole number of at most 64 bits, or text in quotes ('{text[:24]}')")
    return value
