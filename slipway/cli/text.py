"""Text that is safe to print, and human-readable times.

Tags, reasons and branch names are untrusted. Printed unescaped, they could move the cursor, change colours or reverse
the text direction, so unprintable characters are shown as escapes.
"""

from datetime import UTC, datetime
from typing import Any

SHORT_DIGEST = len("sha256:") + 12


def neutral(text: str) -> str:
    """The text on one line, with everything unprintable (control, direction and line characters) escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def local(moment: datetime) -> str:
    """`2026-11-23 09:30:00` in the zone of this machine."""
    try:
        return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
    except OverflowError:  # the last hours of the year 9999, east of Greenwich
        return iso(moment)


def iso(moment: datetime) -> str:
    """`2026-11-23T08:30:00Z`, the same in every time zone."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def short_digest(digest: str | None) -> str:
    """A digest, shortened."""
    return digest[:SHORT_DIGEST] if digest else ""


def value_text(value: Any) -> str:
    """A JSON value as a person would write it."""
    match value:
        case str():
            return short_digest(value) if value.startswith("sha256:") else value
        case bool():
            return "yes" if value else "no"
        case dict():
            items = (f"{name} {value_text(item)}" for name, item in value.items() if item not in (None, "", [], {}))
            return "{" + "; ".join(items) + "}"
        case list():
            return ", ".join(value_text(item) for item in value)
        case _:
            return str(value)
