"""Checks of a request before it is handled: its origin, media type and size."""

from collections.abc import Mapping

BODY_LIMIT = 16 * 1024
"""Maximum size in bytes of a form or an API request body."""
FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"


WITH_A_LENGTH = "a body with a Content-Length: chunked bodies are not supported"
"""The expectation that a chunked body does not meet."""


class RequestRefused(Exception):  # noqa: N818 - it is an answer, not a fault
    """The request is unacceptable; `status` is the HTTP status of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def check_origin(headers: Mapping[str, str], own: str) -> None:
    """Refuse cross-site requests of browsers to the API. Raises `RequestRefused`.

    `headers` must be case-insensitive; `own` is our public address. Our pages send no referrer, so browsers may send
    `Origin: null` for our own form; then Sec-Fetch-Site counts, which no script can set. A client that sends neither
    header is not a browser.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    trusted = (own,) if site is None else (own, "null")
    foreign = site is not None and site != "same-origin"
    if foreign or (origin is not None and origin.casefold() not in (address.casefold() for address in trusted)):
        raise RequestRefused(403, "The request was sent from another site.")


def check_own_page(headers: Mapping[str, str], own: str) -> None:
    """Refuse a form that one of our pages did not send: browsers attach the session's cookie to any form.

    As `check_origin`, but one of the two headers is required: every browser that we support sends one with a form.
    Raises `RequestRefused`.
    """
    if headers.get("Sec-Fetch-Site") is None and headers.get("Origin") is None:
        raise RequestRefused(403, "The request does not say which page it was sent from.")
    check_origin(headers, own)


def was_chunked(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the body was sent in chunks: the Functions host then passes none on."""
    return not body and "chunked" in headers.get("Transfer-Encoding", "").lower()


def check_media_type(headers: Mapping[str, str], expected: str) -> None:
    """Raises `RequestRefused`."""
    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != expected:
        raise RequestRefused(415, f"Content-Type: expected {expected}")
