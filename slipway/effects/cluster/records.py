"""The results of cluster operations: frozen records that a step can put into an event, a plan or an audit record."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

from slipway.domain.model import Record, Timestamp
from slipway.domain.pruning import Deletion

type Json = dict[str, Any]
type Manifest = Mapping[str, Any]
"""One Kubernetes object as a plain mapping, with apiVersion, kind and metadata.name."""


class AppliedChange(StrEnum):
    """The effect of applying a manifest."""

    CREATED = "created"
    """The object does not exist yet."""
    CHANGED = "changed"
    """The object exists and its fields change."""
    REPLACED = "replaced"
    """The object is a Job that failed or whose template changed: it is deleted and created, which runs it again."""
    UNCHANGED = "unchanged"
    """The object exists and already matches the manifest."""


class ProgressState(StrEnum):
    """The state of something that takes time."""

    DONE = "done"
    WAITING = "waiting"
    HOPELESS = "hopeless"
    """Only another release seems to help; believed once this has lasted for a while."""
    FAILED = "failed"


class ObjectChange(Record):
    """The change that a manifest would make to one object."""

    kind: str
    name: str
    change: AppliedChange
    diff: str = ""
    """Unified diff of the YAML, live against wanted, without server noise and without values of Secrets. If it was cut
    or left out because of its size, it says so."""
    checked: bool = True
    """False if the API server could not check the object, because its namespace or its kind does not exist yet."""
    restarts: bool = False
    """Whether its pods are recreated."""
    warnings: tuple[str, ...] = ()
    """Obstacles that will keep the rollout from ending, unchecked parts, and warnings of the API server."""
    notes: tuple[str, ...] = ()
    """The fields whose owner changes, or that stay as somebody else set them."""


class ClusterPreview(Record):
    """The changes that applying the manifests would make."""

    objects: tuple[ObjectChange, ...]


class RetainedObject(Record):
    """An object that left the manifests and is not deleted."""

    kind: str
    name: str
    why: str


CUSTOM_KINDS = "custom kinds"
"""All custom kinds: the cluster does not say which it has."""


class Unsearched(Record):
    """A kind, or all kinds of a group (`*.metrics.k8s.io`), that could not be searched for objects."""

    kind: str
    why: str

    def concerns(self, kinds: Collection[str]) -> bool:
        """Whether one of these kinds is among those that could not be searched."""
        if self.kind == CUSTOM_KINDS:
            return True
        if self.kind.startswith("*."):
            return any(kind.endswith(self.kind[1:]) for kind in kinds)
        return self.kind in kinds


class RemovedFromManifests(Record):
    """The objects that Slipway applied for an application and environment before, and that are no longer in the
    manifests."""

    deletions: tuple[Deletion, ...] = ()
    """The objects that a rollout of the manifests deletes."""
    staying: tuple[RetainedObject, ...] = ()
    unsearched: tuple[Unsearched, ...] = ()


class AppliedObject(Record):
    """One object after it was applied."""

    kind: str
    name: str
    api_version: str = ""
    uid: str = ""
    created: bool = False
    """Whether this rollout made it."""
    replaced: bool = False
    """True for a Job that was deleted and created again by the rules in `replacing`."""
    generation: int = 0
    """The object's generation after applying; 0 for kinds without one."""
    warnings: tuple[str, ...] = ()
    """The warnings of the API server."""


class UnappliedObject(Record):
    """An object that could not be applied."""

    kind: str
    name: str
    why: str
    passing: bool
    """Whether it may be possible to apply it a moment later."""

    @property
    def label(self) -> str:
        return f"{self.kind}/{self.name}"

    def __str__(self) -> str:
        return self.why if self.why.startswith(f"apply {self.label}") else f"{self.label}: {self.why}"


class RollbackOutcome(Record):
    """The outcomes for the objects of a rollback."""

    applied: tuple[AppliedObject, ...]
    unapplied: tuple[UnappliedObject, ...] = ()


class ObjectState(Record):
    """The state of one workload."""

    kind: str
    name: str
    state: ProgressState
    reason: str


class RolloutState(Record):
    """The state of all workloads in the manifests."""

    state: ProgressState
    reason: str
    objects: tuple[ObjectState, ...] = ()


class JobState(Record):
    """The state of a Job."""

    state: ProgressState
    reason: str
    began: Timestamp | None = None
    """When the cluster accepted it."""
    foreign: bool = False
    """Whether the verdict is not our Job's: another Job has its name, or a pod ran that differs from the planned
    one."""


class OnceState(Record):
    """The state of a Job that is run once."""

    uid: str
    state: ProgressState
    reason: str


class ProbeResult(Record):
    """The answer to one HTTP probe."""

    passed: bool
    status: int | None
    """HTTP status; None if there was no answer."""
    reason: str
