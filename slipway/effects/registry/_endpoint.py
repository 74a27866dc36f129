"""The address of a registry, the names that its URLs may contain, and the URLs that it may redirect to."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from slipway.domain.model import DIGEST_PATTERN, REPOSITORY_PATTERN, TAG_PATTERN

from ._errors import ErrorSubject, Unsupported, Untrusted

_LOGIN_SERVER: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[0-9]{1,5})?")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
_SIGN_IN_ELSEWHERE: Final = {"registry-1.docker.io": "auth.docker.io", "registry.gitlab.com": "gitlab.com"}
"""Public registries whose token service is on another host."""
_LONGEST_REPOSITORY: Final = 255


@dataclass(frozen=True)
class RegistryEndpoint:
    """A registry by its login server: `shop.azurecr.io`, or `127.0.0.1:5000` on a laptop."""

    login_server: str
    hosts: frozenset[str] = frozenset()
    """Further hosts that it may name for its sign-in and for uploads."""

    def __post_init__(self) -> None:
        for name, value in (("login_server", self.login_server), *(("hosts", host) for host in sorted(self.hosts))):
            if not _LOGIN_SERVER.fullmatch(value):
                raise ValueError(
                    f"{name}: expected a lower-case host with an optional port, such as shop.azurecr.io, "
                    f"got {value[:300]!r}"
                )

    @property
    def is_loopback(self) -> bool:
        return self.login_server.split(":")[0] in _LOOPBACK

    @property
    def url(self) -> str:
        """https, except on loopback, where the doubles and `docker-registry` use http."""
        return f"{'http' if self.is_loopback else 'https'}://{self.login_server}"

    def owns(self, url: str) -> bool:
        """Whether the address is the registry's own, or on a host that counts as its own."""
        parts = urlsplit(url)
        own = {self.login_server, *self.hosts, _SIGN_IN_ELSEWHERE.get(self.login_server, self.login_server)}
        # The whole authority is compared, not only the host: parsers disagree on what `a\@b` means.
        return _with_port(parts.scheme, parts.netloc) in {_with_port(parts.scheme, host) for host in own}


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


def _with_port(scheme: str, authority: str) -> str:
    return authority.lower().removesuffix(":443" if scheme == "https" else ":80")


def origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def trusted(where: ErrorSubject, base: str, location: str, purpose: str) -> str:
    """The absolute form of a URL from the registry. Raises `Untrusted` unless it is https, or http on loopback.

    Behind a proxy that ends TLS, a registry may name its own addresses with http. Those are requested by https, like
    the registry itself, so no request is sent in the clear.
    """
    url = urljoin(base, location)
    parts, own = urlsplit(url), urlsplit(base)
    is_own_host = _with_port("http", parts.netloc) == _with_port(own.scheme, own.netloc)
    if parts.scheme == "http" and own.scheme == "https" and is_own_host:
        return parts._replace(scheme=own.scheme, netloc=own.netloc).geturl()
    loopback = urlsplit(base).hostname in _LOOPBACK and parts.hostname in _LOOPBACK
    if parts.scheme == "https" or (parts.scheme == "http" and loopback):
        return url
    raise Untrusted(where, f"{purpose}: expected an https address, got {without_query(url)[:300]!r}")


def require_own_host(where: ErrorSubject, endpoint: RegistryEndpoint, location: str, purpose: str) -> str:
    """As `trusted`, for requests with a password or an image's bytes: only the registry's own hosts are allowed."""
    url = trusted(where, endpoint.url, location, purpose)
    if endpoint.owns(url):
        return url
    raise Untrusted(where, f"{purpose}: expected one at {endpoint.login_server}, got {without_query(url)[:300]!r}")
