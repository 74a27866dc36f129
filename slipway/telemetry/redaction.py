"""Takes secrets out of texts before they are logged or traced: tokens in links, Authorization headers, signatures of
shared access, keys in connection strings, passwords in addresses. Pure; applied to everything that leaves.

It is the second line: nothing secret is to be put into a text in the first place.
"""

import re
from typing import Final

HIDDEN: Final = "(hidden)"
LONGEST: Final = 8_192
"""Characters of one text that are kept: enough for a traceback, and every pattern is linear over it."""

_RULES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # A signed link: whoever holds it may vote, where nobody signs in.
    (re.compile(r"(/approvals/)[A-Za-z0-9_-]{16,4096}(?:\.[A-Za-z0-9_-]{8,4096}){1,3}"), rf"\1{HIDDEN}"),
    # `header.payload.signature`, and our own `payload.signature`, wherever they stand.
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
    """The text without what looks like a secret, and not longer than `LONGEST`."""
    if len(text) > LONGEST:
        text = text[:LONGEST] + "…"
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text
