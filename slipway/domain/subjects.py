"""Subjects of certificates, as a person writes them: `C=US, ST=WA, O=contoso.com, CN=release`.

The notation is that of the Notary Project's trust policy (`x509.subject: …`), so that one can be copied from the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

PREFIX: Final = "x509.subject:"
ANYONE: Final = "*"
ATTRIBUTES: Final = frozenset({"C", "ST", "L", "O", "OU", "CN", "STREET", "POSTALCODE", "SERIALNUMBER"})
_NEEDED: Final = ("C", "ST", "O")
_ALIASES: Final = {"S": "ST"}


def parse_subject(text: str) -> dict[str, str]:
    """The attributes by type; C, ST and O are required. Raises ValueError."""
    attributes: dict[str, str] = {}
    for part in _parts(text.removeprefix(PREFIX)):
        name, equals, value = part.partition("=")
        name = _ALIASES.get(name.strip().upper(), name.strip().upper())
        if not equals or name not in ATTRIBUTES:
            raise ValueError(f"expected TYPE=value with one of {', '.join(sorted(ATTRIBUTES))}, got {part.strip()!r}")
        value = _unescaped(value)
        if not value:
            raise ValueError(f"expected a value for {name}, got none")
        if name in attributes:
            raise ValueError(f"expected {name} once, got it twice")
        attributes[name] = value
    if missing := [name for name in _NEEDED if name not in attributes]:
        raise ValueError(f"expected at least C, ST and O in {text!r}, got no {' and no '.join(missing)}")
    return attributes


def checked_identities(identities: Sequence[str]) -> tuple[Mapping[str, str], ...]:
    """The parsed identities; empty for `*`. Raises ValueError if a trust policy may not contain them."""
    if ANYONE in identities:
        if len(identities) > 1:
            raise ValueError('identities: expected "*" alone, got others beside it')
        return ()
    try:
        parsed = tuple(parse_subject(text) for text in identities)
    except ValueError as error:
        raise ValueError(f"identities: {error}") from None
    for index, identity in enumerate(parsed):
        for other in parsed[index + 1 :]:
            if identity.items() <= other.items() or other.items() <= identity.items():
                raise ValueError(f"identities: {identities[index]!r} and another one overlap; keep one of them")
    return parsed


def _parts(text: str) -> Iterator[str]:
    """Split at commas that are not escaped; escapes stay."""
    part, escaped = "", False
    for character in text:
        if character == "," and not escaped:
            yield part
            part = ""
            continue
        if character in ";+" and not escaped:
            raise ValueError(f"expected {character!r} to be written as \\{character}")
        part += character
        escaped = character == "\\" and not escaped
    if escaped:
        raise ValueError("expected a character after the last \\")
    yield part


def _unescaped(text: str) -> str:
    """The text without escapes, and without surrounding white space that is not escaped."""
    value, end, escaped = "", 0, False
    for character in text.lstrip():
        if character == "\\" and not escaped:
            escaped = True
            continue
        value += character
        if escaped or not character.isspace():
            end = len(value)
        escaped = False
    return value[:end]
