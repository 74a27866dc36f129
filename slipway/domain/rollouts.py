"""One attempt to bring a release into an environment: its evidence, its end, and what a manual rollback restores."""

from typing import Annotated

from pydantic import Field

from .around import MOST_JOBS, NO_JOBS, JobRun, JobsAround
from .attribution import ByPerson
from .model import Digest, Name, Record, Timestamp
from .rules import StoredResult

EVIDENCE_SUMMARY = 2000
PRUNED_TOLD = 1000
"""The most characters of the sentence about deleted objects; the record names each of them."""


class Evidence(Record):
    """One result of verification (or of CI), with the blob that holds its log."""

    name: str = Field(max_length=128)
    environment: str = Field(default="", max_length=64)
    passed: bool
    summary: str = Field(max_length=EVIDENCE_SUMMARY)
    log: Digest | None = Field(default=None, description="Blob with the whole log, named by its hash.")


class Rollout(Record):
    """One attempt to bring a release into an environment, and its outcome."""

    environment: Name
    arrived_at: Timestamp
    left_at: Timestamp | None = None
    outcome: Annotated[str, Field(max_length=32)] = ""
    """`live`, or the phase in which the release ended here."""
    plan_hash: Digest | None = None
    copied: int | None = Field(default=None, ge=0)
    """The attempt in which the artifact was copied into this environment's registry; a later plan copies it again."""
    stopped: int | None = Field(default=None, ge=0)
    """The attempt that was stopped right before its first object; the release continues with a new plan."""
    preview: Digest | None = None
    """Hash of the stored preview of the plan's changes."""
    evidence: tuple[Evidence, ...] = Field(default=(), max_length=50)
    failure: Evidence | None = None
    """The programs' output and the cluster's events when the rollout was given up; None if it was not."""
    approvers: tuple[Annotated[str, Field(max_length=254)], ...] = Field(default=(), max_length=100)
    """The people whose approvals passed its gate; each may still say that the vote was not theirs."""
    pruned: Annotated[str, Field(max_length=PRUNED_TOLD)] = ""
    """The sentence about objects that left the manifests: deleted, or left with a reason; empty if there are none."""
    made: Digest | None = None
    """The stored list of the objects that it made, which a rollback removes again."""
    jobs: JobsAround = NO_JOBS
    """The Jobs around it, by its last plan."""
    job_runs: tuple[JobRun, ...] = Field(default=(), max_length=2 * MOST_JOBS)
    """The outcomes of those Jobs."""
    supply_chain: tuple[StoredResult, ...] = Field(default=(), max_length=10)
    """The last plan's results for the signatures, SBOM and provenance that the environment requires."""


class Rollback(ByPerson):
    """Marks a release as a manual rollback: it restores what an earlier release ran in one environment."""

    environment: Name
    to: int = Field(ge=1)
    """The release that is restored."""
    plan_hash: Digest
    """The plan with which that release was live; its manifests are reused if still stored."""
    reason: str = Field(max_length=2000)
    copied: bool = False
    """Whether the environment's registry still has the image. If so, nothing is copied, even if the source has lost
    it."""
