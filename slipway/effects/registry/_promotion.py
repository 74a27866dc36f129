"""What a promotion is asked for, and the record of what it did."""

from collections.abc import Callable
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
    may_move: bool = False
    """Whether a tag that names another digest is moved."""
    before_moving: Callable[[str], None] | None = None
    """Told what the tag names, before it is moved: a crash right after must not lose it."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the blobs are."""

    blobs: int
    of_blobs: int
    bytes: int
    of_bytes: int
    sent: int = 0
    """Blobs that this run has brought; the others were there."""


class Unfinished(Exception):  # noqa: N818 - not an error: the promotion goes on in another call
    """The time was over before all blobs were copied. What was copied stays, and no tag has been set."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(f"{progress.blobs} of {progress.of_blobs} blobs are there")
        self.progress = progress


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
    tag_was: Digest | None = None
    """What the tag named before, where it was moved."""
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
