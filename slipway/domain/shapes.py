"""Words for a pattern that a text in a file or request has to match, shown to people instead of the pattern."""

from collections.abc import Mapping
from typing import Final

from .gate import APPROVER_PATTERN
from .model import DIGEST_PATTERN, NAME_PATTERN, NAMESPACE_PATTERN, REPOSITORY_PATTERN, TAG_PATTERN
from .people import EMAIL_PATTERN, GUID_PATTERN, MEMBER_PATTERN

_WORDS: Final[Mapping[str, str]] = {
    NAME_PATTERN: "lower-case letters, digits and dashes, at most 40, with a letter first and no dash last",
    NAMESPACE_PATTERN: "a namespace: lower-case letters, digits and dashes, at most 63, with no dash first or last",
    REPOSITORY_PATTERN: "a repository in lower case without registry and tag, such as team/shop",
    TAG_PATTERN: "a tag: letters, digits, _, . and -, at most 128, with no . or - first",
    DIGEST_PATTERN: "sha256: and 64 hexadecimal digits",
    r"^[A-Z][A-Z0-9_]{0,63}$": "upper-case letters, digits and _, with a letter first",
    APPROVER_PATTERN: "oid:<object id in Entra>, role:<app role>, group:<object id in Entra> or an e-mail address",
    MEMBER_PATTERN: "an e-mail address or oid:<object id in Entra>",
    EMAIL_PATTERN: "an e-mail address",
    GUID_PATTERN: "an object id in Entra, such as 01234567-89ab-cdef-0123-456789abcdef",
    r"^/[^\s]*$": "a path that starts with / and has no spaces",
}


def in_words(pattern: str) -> str:
    """The pattern in words; a pattern that allows an empty text is described by its other texts."""
    bare = pattern.removeprefix("^$|")
    return _WORDS.get(bare, f"text that matches {bare}")
