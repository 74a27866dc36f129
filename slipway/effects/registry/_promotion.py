"""What a promotion is asked for, and the record of what it did."""

from dataclasses import dataclass

from slipway.domain.model import Digest, Record, Tag

from ._client import Registry


@dataclass(frozen=True, kw_only=True)
class Source:
    """What to promote. The tag is how people know it; what counts is the digest."""

    registry: Registry
    repository: str
    digest: str
    tag: str | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where it has to arrive, as the plan says it: the digest must be the source's."""

    registry: Registry
    repository: str
    digest: str
    tag: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the blobs are; reported after each of them."""

    blobs: int
    of_blobs: int
    bytes: int
    of_bytes: int


class Comparison(Record):
    """What the target was found to hold after the copy. Any difference is an error instead of a record."""

    tag: Tag
    resolves_to: Digest
    read_back: tuple[Digest, ...]
    """Computed from the target's bytes, in the order of the promotion's `manifests`."""


class Promotion(Record):
    """What a promotion did. Doing it again gives the same record with every count of work at zero."""

    source: str
    target: str
    digest: Digest
    tag: Tag
    media_type: str
    platforms: tuple[str, ...]
    manifests: tuple[Digest, ...]
    """Everything that belongs to the artifact, in the order of storing."""
    referrers: tuple[Digest, ...]
    """Those of them that say something about the artifact: signatures, SBOMs, attestations."""
    manifests_copied: int
    blobs_copied: int
    blobs_mounted: int
    blobs_skipped: int
    bytes_copied: int
    comparison: Comparison
