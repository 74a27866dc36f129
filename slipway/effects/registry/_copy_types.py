"""The input of a copy, and the record of its result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from slipway.domain.model import Digest, Record, Tag

from ._client import Registry


@dataclass(frozen=True, kw_only=True)
class CopySource:
    """The artifact to copy, identified by its digest. The tag is only for display."""

    registry: Registry
    repository: str
    digest: str
    tag: str | None = None


@dataclass(frozen=True, kw_only=True)
class CopyTarget:
    """The destination of the artifact, according to the plan. The digest must equal the source's."""

    registry: Registry
    repository: str
    digest: str
    tag: str
    may_move: bool = False
    """Whether a tag that names another digest may be moved."""
    may_lack_referrers: bool = False
    """Whether a referrer that the registry refuses is left out."""
    before_moving: Callable[[str], None] | None = None
    """Called with the digest that the tag names before it is moved, so that a crash right after does not lose it."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The blobs and bytes that the target has, and their totals."""

    blobs: int
    of_blobs: int
    bytes: int
    of_bytes: int
    sent: int = 0
    """Blobs copied by this run; the target had the others before."""


class Unfinished(Exception):  # noqa: N818 - not an error: the copy goes on in another call
    """The time ran out before all blobs were copied. The copied blobs stay, and no tag was set."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(f"{progress.blobs} of {progress.of_blobs} blobs are at the target")
        self.progress = progress


MOST_NOTES: Final = 20


def limited_notes(notes: tuple[str, ...]) -> tuple[str, ...]:
    """At most `MOST_NOTES` of the notes."""
    more = len(notes) - MOST_NOTES
    return (*notes[:MOST_NOTES], f"and {more} more") if more > 0 else notes


class Comparison(Record):
    """The target's content after the copy. A difference from the source raises an error instead."""

    tag: Tag
    resolves_to: Digest
    read_back: tuple[Digest, ...]
    """Computed from the target's bytes, in the order of the result's `manifests`."""


class CopyResult(Record):
    """The result of a copy. Repeating it gives the same record with nothing copied or mounted."""

    source: str
    target: str
    digest: Digest
    tag: Tag
    tag_was: Digest | None = None
    """The digest that the tag named before, if it was moved."""
    media_type: str
    platforms: tuple[str, ...]
    manifests: tuple[Digest, ...]
    """All manifests of the artifact and its referrers, in the order in which they were stored."""
    referrers: tuple[Digest, ...]
    """The part of `manifests` that refers to the artifact: signatures, SBOMs, attestations."""
    manifests_copied: int
    blobs_copied: int
    blobs_mounted: int
    blobs_skipped: int
    bytes_copied: int
    comparison: Comparison
    notes: tuple[str, ...] = ()
    """The parts left out, and deviations of the registry."""
