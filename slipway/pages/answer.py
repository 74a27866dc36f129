"""Answers: status, body and headers, before any web framework is involved. Each one carries the security headers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
DOCUMENT_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
"""For kept documents, whose content comes from elsewhere: nothing in them may run or load."""

EVERYWHERE: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the address of an approval page is a secret
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NO_STORE = "no-store"
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is sent back for a request."""

    status: int
    body: bytes = b""
    media_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)


def html(body: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status=status, body=body.encode(), headers=_headers(PAGE_POLICY, NO_STORE, headers))


def see_other(address: str) -> Answer:
    """After a POST: look there. A reload then repeats nothing."""
    return Answer(status=303, media_type="text/plain", headers=_headers(PAGE_POLICY, NO_STORE, {"Location": address}))


def document(body: bytes, *, name: str) -> Answer:
    """A kept document as plain text; `name` is what it is called when it is saved."""
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    return Answer(status=200, body=body, media_type="text/plain", headers=_headers(DOCUMENT_POLICY, NO_STORE, headers))


def asset(body: bytes, *, media_type: str, cache: str) -> Answer:
    return Answer(status=200, body=body, media_type=media_type, headers=_headers(PAGE_POLICY, cache, None))


def _headers(policy: str, cache: str, more: Mapping[str, str] | None) -> dict[str, str]:
    return {**EVERYWHERE, "Content-Security-Policy": policy, "Cache-Control": cache, **(more or {})}
