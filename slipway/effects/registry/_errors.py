"""The errors of registry operations, as one small hierarchy.

Every error names its registry, repository and tag or digest, says what happened and what to do, and whether a later
retry of the step may succeed (`retryable`). None contains a token or the query of a URL.
"""
# ruff: noqa: N818 - these read as what happened: `except TagTaken`, not `except TagTakenError`

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class ErrorSubject:
    """The subject of an error, formatted as an image reference."""

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

    def __init__(self, where: ErrorSubject, what: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{where}: {what}; {self.advice}")
        self.where = where
        self.what = what
        self.retry_after = retry_after


class NotInRegistry(RegistryError):
    """The registry has no such repository, tag, manifest or blob."""

    advice = "check the name, and that it has not been deleted or purged"


class RepositoryMissing(NotInRegistry):
    """The registry has no repository of this name."""

    advice = "check the name; where the registry makes no repository or project by itself, have it made first"


class Incomplete(NotInRegistry):
    """An index lists a manifest that the registry no longer has."""

    advice = "build and push it again, and have clean-ups spare what an index lists"


class LayerMissing(NotInRegistry):
    """The registry lacks bytes that a manifest names."""

    advice = (
        "push the image again with all of its layers (those of Windows too: Docker's allow-nondistributable-artifacts)"
    )


class Denied(RegistryError):
    """The registry refuses this identity, with a token that was just fetched.

    The state may pass: a role assignment takes up to ten minutes to reach a registry, and a registry that is starting
    refuses for a moment.
    """

    retryable = True
    advice = "check the role of this identity on the repository, and the registry's network rules"


class SignInRefused(Denied):
    """The credential itself is refused, whatever its rights are.

    The state may pass: a new or renewed credential takes minutes to reach a registry.
    """

    advice = (
        "check that the credential is this registry's and has not expired: the name and password or token; of an Entra "
        "identity, that it is of the registry's tenant and has a role on it"
    )


class Firewalled(Denied):
    """The registry's firewall does not let us in, with any identity."""

    advice = (
        "let that address in (az acr network-rule add), which takes some minutes, or reach the registry by a private "
        "endpoint"
    )


class DigestMismatch(RegistryError):
    """Bytes do not match their digest or size. None of the bytes were stored."""

    advice = "do not deploy it; find out who or what altered the content"


class OtherSignIn(Denied):
    """The registry asks for a kind of sign-in that the credential does not support."""

    retryable = False
    advice = "configure the credential that this registry asks for"


class ImportDenied(Denied):
    """Resource Manager does not allow this identity to import into the target, or to read from the source."""

    advice = (
        "give it the role Container Registry Data Importer and Data Reader on both registries, "
        "or have the artifact copied (promotion.how: copy)"
    )


class NotImportable(RegistryError):
    """A registry cannot import this artifact."""

    advice = "have it copied (promotion.how: copy, or promotion.fallback: true)"


class TagTaken(RegistryError):
    """The tag names another digest, and was not moved."""

    advice = "push under a new tag, or delete the tag if it is wrong"


class BodyRefused(RegistryError):
    """The body is larger than the registry, or a proxy before it, accepts."""

    advice = "raise that limit at the registry or at the proxy before it, or make the artifact's layers smaller"


class Unsupported(RegistryError):
    """Content or an answer of a kind that Slipway does not handle."""

    advice = "build and push the image in OCI or Docker schema 2 format"


class TooLarge(Unsupported):
    """More bytes or manifests than the limits allow."""

    advice = "make the artifact smaller"


class Untrusted(Unsupported):
    """The registry names an address to which nothing may be sent."""

    advice = (
        "have the registry name its addresses with https and on its own host and port (behind a proxy, Host and "
        "X-Forwarded-Proto tell it); another host that belongs to it stands in `hosts` of SLIPWAY_REGISTRIES, for the "
        "command line in SLIPWAY_REGISTRY_HOSTS"
    )


class OurLimit(TooLarge):
    """It exceeds a limit of Slipway's, whatever the registry allows."""

    advice = "that limit is Slipway's own: build for fewer platforms, or clean up what the repository holds"


class OtherDigest(Unsupported):
    """The digest is of another kind than sha256, which OCI allows."""

    advice = "build and push it with sha256 digests, the only ones that Slipway checks"


class NoRegistryThere(Unsupported):
    """A web page, or something else that is not a registry, answers at this address."""

    advice = "check the registry's address, and what is in front of it (a sign-in page, a proxy)"


class RequestRejected(RegistryError):
    """The registry understood the request and refused it, for a reason that has no class of its own here."""

    advice = "nothing is known here beyond what the registry says; its own log may say more"


class Locked(RequestRejected):
    """The tag or manifest is locked, or in quarantine, against this operation."""

    advice = "unlock it first, if that is right (az acr repository update --write-enabled true)"


class ImmutableTag(RequestRejected):
    """A rule of the registry forbids moving tags."""

    advice = "push under a new tag, or change the registry's rule that its tags are immutable"


class ManifestRefused(RequestRejected):
    """The registry does not accept this kind of manifest."""

    advice = "build it in a format that this registry takes, or use one that takes OCI 1.1"


class NameRefused(RequestRejected):
    """A repository or tag has a name that the registry does not accept."""

    advice = "use names that this registry takes; some have rules of their own on length, letters and folders"


class TakesNoPushes(RequestRejected):
    """The registry accepts no pushes at all: it is a cache of another one, or was made read-only."""

    advice = "name the registry that takes pushes: a mirror, a cache or one that is read-only takes none"


class MovedElsewhere(RequestRejected):
    """The registry's answer leads to another address."""

    advice = "use the address at which the registry answers without a redirect"


class SubjectRefused(RequestRejected):
    """The registry accepts no manifest that refers to another one."""

    advice = (
        "the artifact is complete without it: have it left out (promotion.referrers: try), "
        "or use a registry that takes referrers as OCI 1.1 has them"
    )


class QuotaFull(RegistryError):
    """The registry is full."""

    advice = "delete what is no longer needed from the registry, or raise its quota or tier, and promote again"


class SoftDeleted(RegistryError):
    """The digest is soft-deleted, and cannot be pushed until it is restored or purged."""

    advice = "restore it (az acr manifest restore), or wait until the registry has purged it, and promote again"


class Throttled(RegistryError):
    """Too many requests, for longer than an exchange waits. `retry_after` is the registry's request, in seconds."""

    retryable = True
    advice = "try again later, or move to a larger registry tier"


class Unreachable(RegistryError):
    """No usable answer after retries: a broken connection, a time-out, or a failing server."""

    retryable = True
    advice = "try again later; if it persists, check DNS, firewall and the registry's health"


class Forgotten(RegistryError):
    """The registry lost, or does not see yet, content that it accepted a moment ago: an upload under way, a blob, a
    manifest."""

    retryable = True
    advice = "try again later; if it persists, look at the registry's own log"


class NotListed(RegistryError):
    """The registry stored a referrer (a signature, an SBOM) but does not list it for its image yet."""

    retryable = True
    advice = "try again later"
