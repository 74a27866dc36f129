"""The cluster interface of the steps: everything that Slipway does to Kubernetes goes through this class.

No method waits or polls: for anything that takes time, a later step calls again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Self

from slipway.domain.environment import HttpProbe
from slipway.domain.pruning import Deleted, Deletion
from slipway.domain.steps import StartedJob

from . import jobs, once, recreating, returning, rights, role, takeover
from .access import ClusterAccess
from .connection import Connection
from .diagnosis import Diagnosis, diagnose
from .errors import ClusterError, Missing, ObjectConflict, ObjectRefused
from .kinds import ManifestTarget
from .objects import Objects
from .owned import Owner
from .preview import preview
from .probe import probe
from .pruning import departed, prune
from .records import (
    AppliedObject,
    BroughtBack,
    ClusterPreview,
    Departed,
    JobState,
    Json,
    Manifest,
    OnceState,
    ProbeResult,
    RolloutState,
    RunningImage,
)
from .replacing import failed_earlier, is_running, made_since, replace, run_again
from .rollout import FIRST_LOOK, Looked, images, rollout


class Cluster:
    """One cluster, with one pool of connections. Thread-safe; create one per process and reuse it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._objects = Objects(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pool. Not needed for a cluster that lives as long as the process."""
        self._connection.close()

    def preview(self, manifests: Sequence[Manifest], namespace: str) -> ClusterPreview:
        """The changes that `apply` would make, according to a dry run on the server."""
        return preview(self._objects, self._targets(manifests, namespace), namespace)

    def departed(self, manifests: Sequence[Manifest], namespace: str, owner: Owner) -> Departed:
        """What Slipway applied for the owner before and is not in the manifests. Deletes nothing."""
        return departed(self._objects, self._targets(manifests, namespace), namespace, owner)

    def prune(self, deletions: Sequence[Deletion], namespace: str, owner: Owner) -> tuple[Deleted, ...]:
        """Delete what a plan names, object by object. Safe to repeat."""
        return prune(self._objects, deletions, namespace, owner)

    def apply(
        self, manifests: Sequence[Manifest], namespace: str, *, begun: datetime | None = None
    ) -> list[AppliedObject]:
        """Apply all manifests, dependencies first. Safe to repeat, also after a failure part of the way.

        Jobs whose template changed are replaced by the rules in `replacing`, and so are those that failed before the
        rollout began, if `begun` is given: a roll-back runs nothing again. Raises `ClusterError`, with a note of the
        objects applied before.
        """
        applied: list[AppliedObject] = []
        for target in self._targets(manifests, namespace):
            try:
                applied.append(self._apply(target, begun))
            except ClusterError as error:
                error.add_note("applied before it: " + (", ".join(f"{o.kind}/{o.name}" for o in applied) or "nothing"))
                error.applied = tuple(applied)
                raise
        return applied

    def bring_back(self, manifests: Sequence[Manifest], namespace: str) -> BroughtBack:
        """Apply what was live before, each object for itself. Raises `ClusterUnreachable`."""
        kinds = self._objects.kinds
        return returning.bring_back(kinds, manifests, namespace, lambda target: self._apply(target, None))

    def free_stuck_pod(self, manifests: Sequence[Manifest], namespace: str, *, patient: bool) -> str:
        """Delete one pod that a StatefulSet among the manifests will never replace; its name, or nothing."""
        return returning.free_stuck_pod(self._objects, self._targets(manifests, namespace), patient=patient)

    def is_running(self, job: Manifest, namespace: str) -> bool:
        """Whether a program of the Job has started, and the Job has not ended."""
        [target] = self._targets([job], namespace)
        return is_running(self._objects, target)

    def rollout(self, manifests: Sequence[Manifest], namespace: str, looked: Looked = FIRST_LOOK) -> RolloutState:
        """The current state of the workloads and custom resources among the manifests, by the table in `situations`."""
        return rollout(self._objects, self._targets(manifests, namespace), looked)

    def why(self, manifests: Sequence[Manifest], namespace: str, state: RolloutState) -> Diagnosis:
        """The logs and events that tell why the rollout is in this state. Raises no `ClusterError`."""
        return diagnose(self._objects, self._targets(manifests, namespace), state)

    def running_digests(self, manifests: Sequence[Manifest], namespace: str) -> tuple[RunningImage, ...]:
        """The images, with their digests, in the live workloads' templates."""
        return images(self._objects, self._targets(manifests, namespace))

    def start_job(
        self,
        manifest: Manifest,
        namespace: str,
        *,
        deadline: timedelta = jobs.DEADLINE,
        kept: timedelta = jobs.KEPT,
    ) -> StartedJob:
        """Start a Job under a name that nobody can foretell, which begins with the manifest's. Each call starts one.

        Defaults for the manifest: no retries, `deadline` for the whole Job, removal `kept` after its end.
        """
        [target] = self._targets([jobs.prepared(manifest, deadline=deadline, kept=kept)], namespace)
        if target.kind.kind != "Job":
            raise ObjectRefused(f"{target.label}: kind: expected a Job, got {target.kind.kind}", fields=("kind",))
        return jobs.start(self._objects, target)

    def run_once(
        self, manifest: Manifest, namespace: str, *, uid: str = "", earlier: str = "", attempt: int = 1
    ) -> OnceState:
        """Make a Job around a rollout, unless that was done, and look at it; by the rules in `once`."""
        [target] = self._targets([manifest], namespace)
        return once.run(self._objects, target, uid=uid, earlier=earlier, attempt=attempt)

    def withdraw_job(self, manifest: Manifest, namespace: str, *, uid: str) -> bool:
        """Delete the Job with this uid, if it is there."""
        [target] = self._targets([manifest], namespace)
        return once.withdraw(self._objects, target, uid=uid)

    def job(self, started: StartedJob, manifest: Manifest, namespace: str) -> JobState:
        """The current state of a Job that was started from the manifest. One that is done ran what the manifest says,
        in the Job that was started, or is `foreign`."""
        return jobs.state(self._objects, started, manifest, namespace)

    def job_log(self, started: StartedJob, namespace: str, limit_bytes: int = jobs.MAX_LOG) -> str:
        """The output of all containers of the Job. A longer output is cut to its end, with a line that says so."""
        return jobs.log(self._objects, started, namespace, limit_bytes)

    def probe(self, request: HttpProbe, namespace: str) -> ProbeResult:
        """Send one HTTP request to a service through the API server."""
        return probe(self._connection, request, namespace)

    def missing_rights(self, manifests: Sequence[Manifest], namespace: str) -> tuple[rights.Right, ...]:
        """The rights that a rollout of the manifests needs and the server does not grant. Changes nothing."""
        return rights.missing(self._connection, rights.needed(self._targets(manifests, namespace)), namespace)

    def identity(self) -> role.ClusterIdentity:
        """As whom the cluster knows Slipway."""
        return role.ask_who(self._connection)

    def other_role(self, manifests: Sequence[Manifest], kinds: Sequence[str], namespace: str) -> list[Json]:
        """A Role and its binding for what rollouts of these kinds need and the role of Azure does not hold; nothing
        if it holds everything. `kinds` are more of them, as `argoproj.io/Rollout`."""
        targets = self._targets(manifests, namespace)
        beyond = role.beyond_azure(targets, role.named(self._connection, kinds))
        return role.documents(beyond, namespace, self.identity()) if beyond else []

    def _targets(self, manifests: Sequence[Manifest], namespace: str) -> list[ManifestTarget]:
        return self._objects.kinds.targets(manifests, namespace)

    def _apply(self, target: ManifestTarget, begun: datetime | None) -> AppliedObject:
        try:
            answer = recreating.apply(self._objects, target)
        except ObjectRefused as refused:
            if target.kind.kind != "Job" or not refused.immutable:
                raise
            return _applied(target, replace(self._objects, target, refused), replaced=True)
        except Missing as missing:
            if not target.kind.is_coming:
                raise
            # A definition that was just applied is served a moment later.
            raise ObjectConflict(f"{target.label}: the cluster does not serve its kind yet: {missing}") from missing
        answer = takeover.finish(self._objects, target, answer)
        if begun is not None and failed_earlier(target, answer.body, begun=begun):
            return _applied(target, run_again(self._objects, target, answer.body), replaced=True)
        created = answer.status == HTTPStatus.CREATED or made_since(answer.body, begun)
        return _applied(target, answer.body, created=created).evolve(warnings=answer.warnings)


def _applied(target: ManifestTarget, live: Json, *, created: bool = False, replaced: bool = False) -> AppliedObject:
    metadata = live.get("metadata") or {}
    return AppliedObject(
        kind=target.kind.kind,
        name=target.name,
        api_version=target.kind.api_version,
        uid=str(metadata.get("uid") or ""),
        created=created,
        replaced=replaced,
        generation=int(metadata.get("generation") or 0),
    )


def connect(access: ClusterAccess) -> Cluster:
    """A client for the cluster. Sends no request yet; the first call takes a third of a second to import the client."""
    return Cluster(Connection(access))
