"""Names in URLs: repositories, tags, digests, and the parameters of a page of a list."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from slipway.domain.model import DIGEST_PATTERN, REPOSITORY_PATTERN, TAG_PATTERN

from .errors import Code, OciError

DEFAULT_PAGE, MAX_PAGE = 100, 1000


def is_digest(text: str) -> bool:
    return re.fullmatch(DIGEST_PATTERN, text) is not None


def repository(request: web.Request) -> str:
    return valid_repository(request.match_info["name"])


def valid_repository(name: str) -> str:
    if len(name) > 255 or not re.fullmatch(REPOSITORY_PATTERN, name):
        raise OciError(Code.NAME_INVALID, f"name: expected lower-case path components, got {name[:255]!r}")
    return name


def digest(text: str) -> str:
    if not is_digest(text):
        raise OciError(Code.DIGEST_INVALID, f"digest: expected sha256:<64 hex>, got {text[:100]!r}")
    return text


def reference(request: web.Request) -> str:
    """A tag or a digest."""
    text = request.match_info["reference"]
    if ":" in text:
        return digest(text)
    if not re.fullmatch(TAG_PATTERN, text):
        raise OciError(Code.TAG_INVALID, f"reference: expected a tag or a digest, got {text[:200]!r}")
    return text


@dataclass(frozen=True, kw_only=True)
class Page:
    """The part of a list that a client requests: at most `size` entries after `last`."""

    size: int
    last: str | None

    @classmethod
    def of(cls, request: web.Request) -> "Page":
        text = request.query.get("n", str(DEFAULT_PAGE))
        if not text.isdecimal() or not int(text[:9]) >= 1:
            raise OciError(Code.PAGINATION_NUMBER_INVALID, f"n: expected a number above 0, got {text[:20]!r}")
        return cls(size=min(int(text[:9]), MAX_PAGE), last=request.query.get("last"))

    def link(self, request: web.Request, names: list[str]) -> dict[str, str]:
        """The Link header to the next page, if `names` (one more than was requested) shows that there is one."""
        if len(names) <= self.size:
            return {}
        query = {**request.query, "last": names[self.size - 1], "n": str(self.size)}
        return {"Link": f'<{request.path}?{urlencode(query)}>; rel="next"'}
