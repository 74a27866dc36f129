"""The address of a registry, the names that its URLs may contain, and the URLs that it may redirect to."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from slipway.domain.model import DIGEST_PATTERN, REPOSITORY_PATTERN, TAG_PATTERN

from ._errors import ErrorSubject, Unsupported, Untrusted

_LOGIN_SERVER: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[0-9]{1,5})?")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
_LONGEST_REPOSITORY: Final = 255


@dataclass(frozen=True)
class RegistryEndpoint:
    """A registry by its login server: `shop.azurecr.io`, or `127.0.0.1:5000` on a laptop."""

    login_server: str

    def __post_init__(self) -> None:
        if not _LOGIN_SERVER.fullmatch(self.login_server):
            raise ValueError(
                "login_server: expected a lower-case host with an optional port, such as shop.azurecr.io, "
                f"got {self.login_server[:300]!r}"
            )

    @property
    def is_loopback(self) -> bool:
        return self.login_server.split(":")[0] in _LOOPBACK

    @property
    def url(self) -> str:
        """https, except on loopback, where the doubles and `docker-registry` use http."""
        return f"{'http' if self.is_loopback else 'https'}://{self.login_server}"


def checked_repository(endpoint: RegistryEndpoint, repository: str) -> str:
    if len(repository) > _LONGEST_REPOSITORY or not re.fullmatch(REPOSITORY_PATTERN, repository):
        raise Unsupported(
            ErrorSubject(endpoint.login_server),
            f"repository: expected a name such as team/shop, got {repository[:300]!r}",
        )
    return repository


def checked_digest(where: ErrorSubject, digest: str) -> str:
    if not re.fullmatch(DIGEST_PATTERN, digest):
        raise Unsupported(where, f"digest: expected sha256: and 64 hex digits, got {digest[:100]!r}")
    return digest


def checked_reference(where: ErrorSubject, reference: str) -> str:
    if ":" in reference:
        return checked_digest(where, reference)
    if not re.fullmatch(TAG_PATTERN, reference):
        raise Unsupported(where, f"tag: expected 1 to 128 letters, digits and ._-, got {reference[:200]!r}")
    return reference


def without_query(url: str) -> str:
    """The part of a URL that is safe to display: a signed URL has its signature in the query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def trusted(where: ErrorSubject, base: str, location: str, purpose: str) -> str:
    """The absolute form of a URL from the registry. Raises `Untrusted` unless it is https, or http on loopback."""
    url = urljoin(base, location)
    parts = urlsplit(url)
    loopback = urlsplit(base).hostname in _LOOPBACK and parts.hostname in _LOOPBACK
    if parts.scheme == "https" or (parts.scheme == "http" and loopback):
        return url
    raise Untrusted(where, f"{purpose}: expected an https address, got {without_query(url)[:300]!r}")
