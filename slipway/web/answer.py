"""HTTP responses independent of the web framework: status, body and headers, always with the security headers."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..domain.model import sha256

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
DOCUMENT_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
"""For stored documents. Their content is untrusted, so nothing in them may run or load."""

EVERYWHERE: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the address of an approval page is a secret
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NO_STORE = "no-store"
ASK_FIRST = "private, no-cache"
"""The reader's browser may cache it, but must revalidate it before each use."""
FOR_EVER = "public, max-age=31536000, immutable"


FOLLOWS = 5
"""Seconds after which a page that is being followed is asked for again."""
WORTH_IT = 1000
"""Bytes below which compression gains nothing."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response, ready to send."""

    status: int
    body: bytes = b""
    media_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    """Values of `Set-Cookie` headers."""


def html(
    body: str, *, status: int = 200, headers: Mapping[str, str] | None = None, cookies: tuple[str, ...] = ()
) -> Answer:
    return Answer(status=status, body=body.encode(), headers=_headers(PAGE_POLICY, NO_STORE, headers), cookies=cookies)


def cacheable(body: str, *, status: int = 200, follow: bool = False) -> Answer:
    """A page that the reader's browser may cache and revalidate by ETag; it asks again by itself to `follow` it."""
    content = body.encode()
    headers = {"ETag": _etag(content)} | ({"Refresh": str(FOLLOWS)} if follow else {})
    return Answer(status=status, body=content, headers=_headers(PAGE_POLICY, ASK_FIRST, headers))


def conditional(answer: Answer, if_none_match: str) -> Answer:
    """The answer, or 304 if the reader already has it. `if_none_match` is the request's header."""
    etag = answer.headers.get("ETag")
    tags = {name.strip().removeprefix("W/") for name in if_none_match.split(",")}
    if answer.status != 200 or etag is None or not tags & {etag.removeprefix("W/"), "*"}:  # noqa: PLR2004
        return answer
    return replace(answer, status=304, body=b"")


def compressed(answer: Answer, accept_encoding: str) -> Answer:
    """The answer compressed with gzip, if the client accepts that.

    Only cacheable answers are compressed. `no-store` pages contain secrets (the token of an approver's form), and
    compressing a secret together with text that an attacker controls can reveal it by its length (BREACH).
    """
    accepts = {part.strip().partition(";")[0] for part in accept_encoding.lower().split(",")}
    if "gzip" not in accepts or len(answer.body) < WORTH_IT or answer.headers.get("Cache-Control") == NO_STORE:
        return answer
    headers = {**answer.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return replace(answer, body=gzip.compress(answer.body, compresslevel=6, mtime=0), headers=headers)


def see_other(address: str, *cookies: str) -> Answer:
    """Redirect: after a POST, so that a reload does not repeat it, or to the sign-in."""
    headers = _headers(PAGE_POLICY, NO_STORE, {"Location": address})
    return Answer(status=303, media_type="text/plain", headers=headers, cookies=cookies)


def document(
    body: bytes, *, name: str, download: bool = False, media_type: str = "text/plain", cache: str = NO_STORE
) -> Answer:
    """A stored document, served sandboxed; `name` is the file name for saving it."""
    headers = {"Content-Disposition": f'{"attachment" if download else "inline"}; filename="{name}"'}
    if cache != NO_STORE:
        headers["ETag"] = _etag(body)
    return Answer(status=200, body=body, media_type=media_type, headers=_headers(DOCUMENT_POLICY, cache, headers))


def asset(body: bytes, *, media_type: str, cache: str) -> Answer:
    return Answer(status=200, body=body, media_type=media_type, headers=_headers(PAGE_POLICY, cache, None))


def _etag(content: bytes) -> str:
    """A weak ETag, because the same page is served both compressed and uncompressed."""
    return f'W/"{sha256(content).removeprefix("sha256:")[:32]}"'


def _headers(policy: str, cache: str, more: Mapping[str, str] | None) -> dict[str, str]:
    return {**EVERYWHERE, "Content-Security-Policy": policy, "Cache-Control": cache, **(more or {})}
