"""Text from elsewhere (tags, names, reasons, logs, diffs) made safe to look at, on pages, in mails and on cards.

Escaping for HTML or Markdown is left to the code that writes it there.
"""

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet could run a table's cell that begins with one of these."""
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    # Unicode's Default_Ignorable_Code_Point, with the separators of lines
    r"\u2800\ud800-\udfff]"  # blank letters, and halves of a pair
)
"""Characters that turn or hide their neighbours, or are invisible; a diff must show them."""
_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-z]")
_ALIKE = re.compile(r"[\u0370-\u03ff\u0400-\u052f\u0530-\u058f\u13a0-\u13ff\uff21-\uff3a\uff41-\uff5a]")
"""Letters of scripts, and forms of letters, that look like Latin ones: Greek, Cyrillic, Armenian, Cherokee, full
width."""


_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{20,2048}\.[A-Za-z0-9_-]{20,2048}")
"""The pattern of possible signed tokens. It matches only at the beginning of a word: a body may be one long word."""


def without_tokens(text: str) -> str:
    """The text with everything hidden that may be a signed token: its holder can vote."""
    return _TOKEN.sub("(token)", text)


_MINUTE, _HOUR, _DAY = 60, 3600, 86400
MOST_PAIRS: Final = 500_000
"""The most pairs of equal lines for which two texts are compared line by line: that is about a second of work."""
_MANY, _PART = 200, 100
"""In a text of at least `_MANY` lines, `difflib` ignores each line that makes up more than 1/`_PART` of them."""


def line_changes(old: Sequence[str], new: Sequence[str], was: str, now: str, *, around: int) -> Iterator[str]:
    """A unified diff. If the same few lines repeat so often that finding the shortest difference would take hours,
    every line from the first to the last different one counts as changed."""
    counts = Counter(new)
    most = len(new) // _PART + 1 if len(new) >= _MANY else len(new)
    if sum(counts[line] for line in old if counts[line] <= most) <= MOST_PAIRS:
        yield from difflib.unified_diff(old, new, was, now, n=around, lineterm="")
        return
    first = _alike(old, new)
    last = min(_alike(old[::-1], new[::-1]), min(len(old), len(new)) - first)
    before, after = old[first : len(old) - last], new[first : len(new) - last]
    if before or after:
        yield f"--- {was}"
        yield f"+++ {now}"
        yield f"@@ -{first + 1},{len(before)} +{first + 1},{len(after)} @@"
    yield from (f"-{line}" for line in before)
    yield from (f"+{line}" for line in after)


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """The number of equal lines at the beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))


def visible(text: str) -> str:
    """The text with nothing hidden in it: colour codes are dropped, invisible characters are spelt out, and so are
    letters that look like Latin ones in a word that also has Latin ones."""
    plain = _ANSI.sub("", text.replace("\r\n", "\n"))
    return _WORD.sub(_unmixed, _UNSEEN.sub(_spelt, plain))


def _spelt(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _unmixed(word: re.Match[str]) -> str:
    return _ALIKE.sub(_spelt, word[0]) if _LATIN.search(word[0]) else word[0]


def web_address(text: str | None) -> str | None:
    """The address if a link to it is harmless: http or https, with a host; otherwise None."""
    if not text:
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    harmless = parts.scheme in ("https", "http") and bool(parts.hostname) and not _UNSEEN.search(text)
    return text if harmless else None


def local_time(at: datetime, zone: str) -> str:
    """A moment by the clock on the wall in a time zone, with its name; empty if that clock shows UTC."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%A, %d %B %Y, %H:%M} {local.tzname()} ({zone})" if local.tzname() != "UTC" else ""


def moment(time: datetime) -> str:
    """The moment in UTC, to the minute."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def exact_moment(time: datetime) -> str:
    """The moment in UTC, to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def short(digest: str | None, length: int = 12) -> str:
    """A digest in the short form that people use."""
    return digest.removeprefix("sha256:")[:length] if digest else ""


def one_line(text: str, limit: int) -> str:
    """The visible text with all white space made single spaces, cut if it is longer than `limit`."""
    line = " ".join(visible(" ".join(text.split())).split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def duration(length: timedelta) -> str:
    """`0.4 s`, `42 s`, `3 min 5 s`, `2 h 4 min`, `3 d 2 h`: the two largest units."""
    seconds = max(0.0, length.total_seconds())
    if seconds < 10:  # noqa: PLR2004 - below ten seconds a tenth is worth showing
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, smaller, smaller_unit in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {smaller_unit}" if rest else "")
    return f"{whole} s"


def no_formula(text: str) -> str:
    """The text for a cell of CSV, so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else text
