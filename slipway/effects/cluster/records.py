"""What the cluster part answers with: frozen records that a step can put into a cause, a plan or an audit record."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from slipway.domain.model import Digest, Record

type Json = dict[str, Any]
type Manifest = Mapping[str, Any]
"""One Kubernetes object as a plain mapping, with apiVersion, kind and metadata.name."""


class Change(StrEnum):
    """What applying a manifest does to the object of that name."""

    CREATED = "created"
    """It is not there yet."""
    CHANGED = "changed"
    """It is there and gets other fields."""
    REPLACED = "replaced"
    """It is a finished Job whose template changed: deleted and created again, and so run again."""
    UNCHANGED = "unchanged"
    """It is there, just as the manifest wants it."""


class State(StrEnum):
    """How far something is that takes its time."""

    DONE = "done"
    WAITING = "waiting"
    FAILED = "failed"


class ObjectChange(Record):
    """What a manifest would do to one object."""

    kind: str
    name: str
    change: Change
    diff: str = ""
    """Unified diff of the YAML, live against wanted, without server noise and without values of Secrets."""
    truncated: bool = False
    """True where the diff was cut or left out for its size; the text says so too."""
    checked: bool = True
    """False where the API server could not check the object, because its namespace does not exist yet."""


class Orphan(Record):
    """An object that Slipway applied for this application before and that the manifests no longer hold."""

    kind: str
    name: str


class Preview(Record):
    """What applying the manifests would do."""

    objects: tuple[ObjectChange, ...]
    orphaned: tuple[Orphan, ...] = ()
    unseen: tuple[str, ...] = ()
    """Kinds that could not be searched for orphans, because the identity may not list them."""

    @property
    def changes_anything(self) -> bool:
        return any(o.change is not Change.UNCHANGED for o in self.objects)


class AppliedObject(Record):
    """One object after it was applied."""

    kind: str
    name: str
    created: bool = False
    replaced: bool = False
    """True for a finished Job that was deleted and created again, by the rule in `replacing`."""
    generation: int = 0
    """The object's generation after it; 0 for kinds that have none."""


class ObjectState(Record):
    """One look at one workload."""

    kind: str
    name: str
    state: State
    reason: str


class RolloutState(Record):
    """One look at all workloads of the manifests."""

    state: State
    reason: str
    objects: tuple[ObjectState, ...] = ()


class JobState(Record):
    """One look at a Job."""

    state: State
    reason: str


class ProbeResult(Record):
    """The answer to one HTTP probe."""

    passed: bool
    status: int | None
    """The status that came; None where no answer came."""
    reason: str


class RunningImage(Record):
    """An image that a live workload names."""

    kind: str
    name: str
    container: str
    image: str
    digest: Digest | None
    """None where the image is named by tag only."""
