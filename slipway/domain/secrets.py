"""Removes likely secrets, and control sequences that a terminal would obey, from text that a program or a cluster
wrote.

A log line or an event is shown to people and kept as evidence, but was written for neither. This recognises what
commonly slips in: a value beside a telling name, an authorization header, a token, a key, credentials in a URL.

The author of a line determines the cost here, and no other application is served meanwhile. So each pattern looks at a
character a fixed number of times: a run of characters is taken once, from its beginning, and never given back (`++`).
"""

import re

MASK = "***"
_KEYS = (f"{whose}{between}key" for whose in ("api", "account", "access", "private") for between in ("", "_", "-"))
_TELLING = ("password", "passwd", "pwd", "secret", "token", *_KEYS, "credential", "sig")
_NAME = rf"(?<![\w.-])[\w.-]++(?:{'|'.join(f'(?<={end})' for end in _TELLING)})"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"(?i)\b(bearer|basic)\s++[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"(?<![\w-])(?=[\w-]*eyJ)[\w-]{11,}+\.[\w-]++\.[\w-]*+"), MASK),
    (re.compile(r"(://[^\s/:@]*+):[^\s/@]++@"), rf"\1:{MASK}@"),
    (re.compile(rf"(?i)({_NAME}[\"']?\s*+[=:]\s*+)(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&\"']+)"), rf"\1{MASK}"),
)
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def without_secrets(text: str) -> str:
    """The text without control characters (except line ends and tabs) and without anything that looks like a secret."""
    plain = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    for pattern, mask in _PATTERNS:
        plain = pattern.sub(mask, plain)
    return plain
