"""Removes secrets from texts before they are logged or traced: tokens in links, Authorization headers, shared access
signatures, keys in connection strings, passwords in URLs. Pure; applied to everything that is logged or exported.

This is the second line of defence: secrets must not be put into such texts in the first place. Of an exception that is
not one of ours only the type and the place are told: its text may repeat any value that the code was working on.
"""

import re
import traceback
from pathlib import Path
from typing import Final

HIDDEN: Final = "(hidden)"
LONGEST: Final = 8_192
"""Longer texts are cut to this many characters: enough for a traceback, and few enough for the patterns."""

_RULES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # A signed link: without sign-in, anybody who has it may vote.
    (re.compile(r"(/approvals/)[A-Za-z0-9_-]{16,4096}(?:\.[A-Za-z0-9_-]{8,4096}){1,3}"), rf"\1{HIDDEN}"),
    # A JWT (`header.payload.signature`), or our own `payload.signature`, anywhere in the text.
    (
        re.compile(r"(?<![A-Za-z0-9_.-])[A-Za-z0-9_-]{16,4096}\.[A-Za-z0-9_-]{20,4096}(?:\.[A-Za-z0-9_-]{8,4096})?"),
        HIDDEN,
    ),
    (
        re.compile(r"(?i)\b(bearer|basic|sharedaccesssignature|sharedkey(?:lite)?)\s+[A-Za-z0-9+/=._~:%&?-]{8,4096}"),
        rf"\1 {HIDDEN}",
    ),
    (
        re.compile(
            r"(?i)((?:shared ?access ?key|account ?key|instrumentation ?key|client ?secret|password|passwd|pwd|secret"
            r"|access_token|refresh_token|id_token|x-functions-key)[\"']?\s*[=:]\s*[\"']?)[^\s;,\"'&}]{1,4096}"
        ),
        rf"\1{HIDDEN}",
    ),
    # Queries: a shared access signature, a function's key, a token.
    (re.compile(r"(?i)([?&](?:sig|code|token|key|access_token|signature|se|sp)=)[^&\s\"'<>]{1,4096}"), rf"\1{HIDDEN}"),
    (re.compile(r"(://[^/\s:@]{1,256}:)[^/\s@]{1,256}@"), rf"\1{HIDDEN}@"),
)


def redacted(text: str) -> str:
    """The text with everything that looks like a secret replaced, and cut to `LONGEST` characters."""
    if len(text) > LONGEST:
        text = text[:LONGEST] + "…"
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


MOST_CAUSES: Final = 5
"""The most exceptions of one chain whose tracebacks are logged: one may be its own cause."""
_OURS: Final = ("slipway", "functions")
_ROOT: Final = Path(__file__).parents[2]


def own_text(error: BaseException) -> str:
    """The text of an exception of ours, which is made to be shown; empty for any other."""
    return redacted(str(error)) if type(error).__module__.partition(".")[0] in _OURS else ""


def described(error: BaseException) -> str:
    """The type of an exception, with the text of one of ours."""
    text = own_text(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def traced(error: BaseException) -> str:
    """The traceback of an exception and of the last ones that led to it: places and lines of code, with the texts of
    ours."""
    chain = [error]
    while len(chain) < MOST_CAUSES:
        last = chain[-1]
        before = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
        if before is None or before in chain:
            break
        chain.append(before)
    texts = ("".join(traceback.format_tb(each.__traceback__)) + described(each) for each in reversed(chain))
    return redacted("\n\nwhich led to:\n".join(texts))


def unexpected(error: BaseException) -> str:
    """What people are told of an exception that nobody foresaw: its type, and the last place in our code."""
    where = ""
    for frame in traceback.extract_tb(error.__traceback__):
        file = Path(frame.filename)
        if any(_ROOT / folder in file.parents for folder in _OURS):
            where = f" in {file.relative_to(_ROOT)}, line {frame.lineno}"
    return f"unexpected {type(error).__name__}{where}; the log has the traceback"
