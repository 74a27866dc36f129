"""What can go wrong with a registry, as one small hierarchy.

Every error says which registry, repository and tag or digest it is about, what happened and what to do, and whether
the same step may succeed when it is tried again later (`retryable`). None ever holds a token or the query of a URL.
"""
# ruff: noqa: N818 - these read as what happened: `except TagTaken`, not `except TagTakenError`

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Where:
    """What an error is about; reads as an image reference."""

    registry: str
    repository: str = ""
    reference: str = ""
    """A tag or a digest."""

    def __str__(self) -> str:
        name = f"{self.registry}/{self.repository}" if self.repository else self.registry
        if not self.reference:
            return name
        return f"{name}{'@' if ':' in self.reference else ':'}{self.reference}"


class RegistryError(Exception):
    """Any failure of an exchange with a registry."""

    retryable: ClassVar[bool] = False
    advice: ClassVar[str] = "look at the registry's own log"

    def __init__(self, where: Where, what: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{where}: {what}; {self.advice}")
        self.where = where
        self.what = what
        self.retry_after = retry_after


class NotFound(RegistryError):
    """The registry has no such repository, tag, manifest or blob."""

    advice = "check the name, and that it has not been deleted or purged"


class Denied(RegistryError):
    """The registry refuses this identity, or asks for a kind of sign-in that it cannot give."""

    advice = "check the role of this identity on the repository, and the registry's network rules"


class DigestMismatch(RegistryError):
    """Bytes are not what their digest or size says. Nothing of them has been kept."""

    advice = "do not deploy it; find out who or what altered the content"


class ImportDenied(Denied):
    """Resource Manager does not let this identity import into the registry, or from the other one."""

    advice = (
        "give it the role Container Registry Data Importer and Data Reader on both registries, "
        "or have the artifact copied (promotion.how: copy)"
    )


class NotImportable(RegistryError):
    """A registry cannot import this artifact by itself."""

    advice = "have it copied (promotion.how: copy, or promotion.fallback: true)"


class TagTaken(RegistryError):
    """The tag already names something else, and is never moved silently."""

    advice = "push under a new tag, or delete the tag if it is wrong"


class Unsupported(RegistryError):
    """Content or an answer of a kind that Slipway does not handle."""

    advice = "build and push the image in OCI or Docker schema 2 format"


class TooLarge(Unsupported):
    """More bytes, or more manifests, than the limits allow."""

    advice = "make the artifact smaller; registries have the same limits"


class Refused(RegistryError):
    """The registry understood the request and would not do it."""

    advice = "see the registry's reason; a locked tag or manifest has to be unlocked first"


class QuotaFull(RegistryError):
    """The registry has no room for more."""

    advice = "delete what is not needed any more from the registry, or raise its quota or tier, and promote again"


class SoftDeleted(RegistryError):
    """The digest was deleted, and is kept for a while in case that was a mistake; until then it cannot be pushed."""

    advice = "restore it (az acr manifest restore), or wait until the registry has forgotten it, and promote again"


class Throttled(RegistryError):
    """Too many requests, for longer than it makes sense to wait here. `retry_after` is what the registry asked for."""

    retryable = True
    advice = "try again later, or move to a larger registry tier"


class Unreachable(RegistryError):
    """No usable answer: a broken connection, a time-out, or a failing server, also after trying again."""

    retryable = True
    advice = "try again later; if it persists, check DNS, firewall and the registry's health"


class NotListed(RegistryError):
    """The registry took a referrer (a signature, an SBOM) but does not list it under its image yet."""

    retryable = True
    advice = "try again later"
