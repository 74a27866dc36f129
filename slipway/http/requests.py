"""Whether a request can be taken as it was sent: from which site, of which media type, how long."""

from collections.abc import Mapping

BODY_LIMIT = 16 * 1024
"""Bytes of a form, and of a body of the API."""
FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """The request cannot be taken as it was sent; `status` is what HTTP says to it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def check_origin(headers: Mapping[str, str], own: str) -> None:
    """Refuse what another site made a browser send, with the cookies of the sign-in. Raises `Refused`.

    `headers` must find names in any case; `own` is our public address. Our pages send no referrer, so browsers may say
    `Origin: null` for our own form: what counts is Sec-Fetch-Site, which no script can set. Clients that send neither
    header are no browsers.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    trusted = (own,) if site is None else (own, "null")
    foreign = site is not None and site != "same-origin"
    if foreign or (origin is not None and origin.casefold() not in (address.casefold() for address in trusted)):
        raise Refused(403, "The request was sent from another site.")


def check_media_type(headers: Mapping[str, str], expected: str) -> None:
    """Raises `Refused`."""
    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != expected:
        raise Refused(415, f"Content-Type: expected {expected}")
