"""Promotion: the whole move of a release into the next environment; its copy step brings the artifact into that
environment's registry.

How it does so is a rule of the environment. A step keeps its state in a row of its own, outside the audit chain. With
it a long copy continues where it stopped, and people see its progress and what a step waits for. It decides nothing.
"""

from enum import StrEnum
from typing import Final

from pydantic import Field

from .model import Digest, Name, Record, Timestamp

_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")
_STEP: Final = 1000
LONGEST_WHY: Final = 500
"""The most characters of the reason why a step waits."""


class TakenTag(StrEnum):
    """What happens to a tag in the environment's registry that already names another digest."""

    REFUSE = "refuse"
    """The copy fails, and the tag stays."""
    MOVE = "move"
    """The tag is moved, and the audit names its earlier digest."""


class RefusedReferrer(StrEnum):
    """What happens when the environment's registry refuses a referrer of the artifact, such as a signature or an
    SBOM."""

    REQUIRE = "require"
    """The copy fails."""
    TRY = "try"
    """It is left out, and the audit names it."""


class PromotionMethod(StrEnum):
    """How an artifact gets into the environment's registry."""

    COPY = "copy"
    """Through the data plane: the app reads and writes it. The app only has to be reader and writer of the
    repository."""
    IMPORT = "import"
    """By the registry itself, asked through Azure Resource Manager: no bytes come through the app."""


class PromotionRule(Record):
    """How an artifact is brought into the environment's registry."""

    tag: TakenTag = Field(
        default=TakenTag.REFUSE,
        description="The treatment of a tag that already names another digest: refuse, or move it and record it.",
    )
    how: PromotionMethod = Field(
        default=PromotionMethod.COPY,
        description="copy: through the app, with the least rights. import: by Azure Container Registry itself, for "
        "large images; needs the right to import.",
    )
    referrers: RefusedReferrer = Field(
        default=RefusedReferrer.REQUIRE,
        description="The reaction to a registry that takes no manifest with a subject, such as a signature or an "
        "SBOM: require (the copy fails), or try (it is left out, and recorded).",
    )
    fallback: bool = Field(
        default=False,
        description="Whether the artifact is copied where it cannot be imported: over 50 manifests, or no permission.",
    )


class CopyProgress(Record):
    """The progress of a copy."""

    environment: Name
    how: PromotionMethod = PromotionMethod.COPY
    blobs: int = Field(default=0, ge=0)
    of_blobs: int = Field(default=0, ge=0)
    bytes: int = Field(default=0, ge=0)
    of_bytes: int = Field(default=0, ge=0)
    at: Timestamp

    @property
    def text(self) -> str:
        return progress_text(
            how=self.how, blobs=self.blobs, of_blobs=self.of_blobs, bytes=self.bytes, of_bytes=self.of_bytes
        )


class StepState(Record):
    """The state that one message of a step leaves to the next, and to people who ask why it takes so long."""

    step: str
    """Id of the step that the state belongs to; the state of an earlier attempt is ignored."""
    waits: str = Field(default="", max_length=LONGEST_WHY)
    """Why its last try had to wait: a service that is away, pods that are not up; empty if it did not wait."""
    progress: CopyProgress | None = None
    operation: str = Field(default="", max_length=4096, repr=False)
    """URL for polling the import under way. It may contain a signature, so it is never shown."""
    importing: Digest | None = None
    """The subject of that import: the artifact, or one of a bundle's images."""
    not_imported: str = Field(default="", max_length=2000)
    """Why the artifact is copied although the policy asks for an import; empty otherwise."""
    tag_was: Digest | None = None
    """The digest that the tag named before it was moved; recorded before the move."""


def progress_text(*, how: str, blobs: int, of_blobs: int, bytes: int, of_bytes: int) -> str:
    """`3 of 12 blobs, 1.2 of 5.0 GB`."""
    if not of_blobs:
        return "the registry imports it" if how == PromotionMethod.IMPORT else "finding what there is to copy"
    return f"{blobs} of {of_blobs} blobs, {_bytes_text(bytes, of_bytes)}"


def _bytes_text(done: int, whole: int) -> str:
    """Both numbers in the unit that suits the total."""
    exponent = 0
    while whole >= _STEP ** (exponent + 1) and exponent < len(_UNITS) - 1:
        exponent += 1
    digits = 1 if exponent else 0
    return f"{done / _STEP**exponent:.{digits}f} of {whole / _STEP**exponent:.{digits}f} {_UNITS[exponent]}"
