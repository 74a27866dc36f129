"""Strict readers of untrusted JSON and base64, which refuse everything that two readers might interpret differently."""

import base64
import binascii
import re
from typing import Any, Final

from slipway.strict_json import NestedTooDeeply, strictly

_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_BASE64_URL: Final = re.compile(r"[A-Za-z0-9_-]*")
_SHOWN: Final = 160


class Unproven(ValueError):  # noqa: N818 - it reads as what happened
    """A signature or document does not prove what it should; the message gives the reason, for people."""


def strict_json(raw: bytes | str, what: str) -> dict[str, Any]:
    """A JSON object. Raises `Unproven` for duplicate names, NaN, wrong encoding or excessive nesting."""
    try:
        value = strictly(raw)
    except NestedTooDeeply:
        raise Unproven(f"{what} is nested too deep") from None
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError and ours
        raise Unproven(f"{what} cannot be read: {printable(str(error))}") from None
    if not isinstance(value, dict):
        raise Unproven(f"{what}: expected a JSON object")
    return value


def text_at(value: dict[str, Any], name: str, what: str) -> str:
    """The text under a name."""
    member = value.get(name)
    if not isinstance(member, str):
        raise Unproven(f"{what}: expected text in {name}")
    return member


def object_at(value: dict[str, Any], name: str, what: str) -> dict[str, Any]:
    """The object under a name."""
    member = value.get(name)
    if not isinstance(member, dict):
        raise Unproven(f"{what}: expected an object in {name}")
    return member


def base64_bytes(text: str, what: str) -> bytes:
    """Standard base64, with its padding."""
    if len(text) % 4 or not _BASE64.fullmatch(text):
        raise Unproven(f"{what}: expected base64")
    return _decoded(text, what)


def base64url_bytes(text: str, what: str) -> bytes:
    """base64url without padding, as JWS writes it."""
    if not _BASE64_URL.fullmatch(text) or len(text) % 4 == 1:
        raise Unproven(f"{what}: expected base64url without padding")
    return _decoded(text.translate(str.maketrans("-_", "+/")) + "=" * (-len(text) % 4), what)


def _decoded(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Unproven(f"{what}: expected base64") from None


def printable(text: str) -> str:
    """Untrusted text made safe for a message: one line, printable, short."""
    flat = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return flat if len(flat) <= _SHOWN else flat[: _SHOWN - 1] + "…"
