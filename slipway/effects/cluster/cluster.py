"""The cluster interface of the steps: everything that Slipway does to Kubernetes goes through this class.

No method waits or polls: for anything that takes time, a later step calls again. `fenced.py` has everything that
writes.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Self

from slipway.domain.environment import HttpProbe
from slipway.domain.fence import Claim, LeaseState
from slipway.domain.images import InjectedContainer
from slipway.domain.steps import StartedJob

from . import behind, drift, jobs, rights, role
from .access import ClusterAccess
from .connection import Connection
from .diagnosis import Diagnosis, diagnose
from .fenced import FencedCluster
from .fencing import FencedObjects, FenceLease
from .kinds import BUILT_IN, ManifestTarget
from .leases import read_lease
from .objects import Objects
from .owned import Owner, Search, search
from .preview import preview
from .probe import probe
from .pruning import departed
from .records import (
    ClusterPreview,
    JobState,
    Json,
    Manifest,
    ProbeResult,
    RemovedFromManifests,
    RolloutState,
)
from .replacing import is_running
from .rollout import FIRST_POLL, EarlierPolls, rollout
from .running import ComparedPods, compare_pods

type Injected = Sequence[InjectedContainer]
"""The containers that the project lets the cluster add."""


class Cluster:
    """One cluster, with one pool of connections. Thread-safe; create one per process and reuse it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._objects = Objects(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pool. Not needed for a cluster that lives as long as the process."""
        self.connection.close()

    def preview(self, manifests: Sequence[Manifest], namespace: str, injected: Injected = ()) -> ClusterPreview:
        """The changes that `apply` would make, by a dry run on the server. It includes what others have added to a pod
        template, and whether those are `injected` containers."""
        targets = self._objects.kinds.targets(manifests, namespace, look_again=True)
        return preview(self._objects, targets, namespace, injected)

    def departed(self, manifests: Sequence[Manifest], namespace: str, owner: Owner) -> RemovedFromManifests:
        """The objects that Slipway applied for the owner before and that are no longer in the manifests. Deletes
        nothing."""
        return departed(self._objects, self._targets(manifests, namespace), namespace, owner)

    def search(self, namespace: str, owner: Owner) -> Search:
        """The objects that Slipway applied there for the owner, and the kinds that could not be searched. Raises
        `ClusterError`."""
        return search(self._objects, namespace, owner)

    def fenced(self, namespace: str, claim: Callable[[], Claim]) -> FencedCluster:
        """The operations of a rollout in the namespace. The claim is made with the first write; nothing is sent before
        that."""
        fence = FenceLease(self.connection, namespace, claim)
        return FencedCluster(FencedObjects(self._objects, fence), namespace)

    def lease(self, namespace: str, name: str) -> LeaseState | None:
        """The Lease of an application's environment, as the cluster has it; None if there is none."""
        return read_lease(self.connection, namespace, name)

    def is_running(self, job: Manifest, namespace: str) -> bool:
        """Whether a program of the Job has started and the Job has not ended."""
        [target] = self._targets([job], namespace)
        return is_running(self._objects, target)

    def rollout(
        self, manifests: Sequence[Manifest], namespace: str, earlier: EarlierPolls = FIRST_POLL
    ) -> RolloutState:
        """The current state of the workloads and custom resources among the manifests, by the table in `situations`."""
        return rollout(self._objects, self._targets(manifests, namespace), earlier)

    def why(self, manifests: Sequence[Manifest], namespace: str, state: RolloutState) -> Diagnosis:
        """The logs and events that tell why the rollout is in this state. Raises no `ClusterError`."""
        return diagnose(self._objects, self._targets(manifests, namespace), state)

    def compared(self, manifests: Sequence[Manifest], namespace: str, injected: Injected = ()) -> ComparedPods:
        """Running containers that the manifests lack, once their rollout is done; by the rules in `running`."""
        return compare_pods(self._objects, self._targets(manifests, namespace), injected)

    def job(self, started: StartedJob, manifest: Manifest, namespace: str, injected: Injected = ()) -> JobState:
        """The current state of a Job that was started from the manifest. If it is done, the started Job itself ran its
        manifest's programs; otherwise it is `foreign`."""
        return jobs.state(self._objects, started, manifest, namespace, injected)

    def answered_by_others(self, manifests: Sequence[Manifest], namespace: str, began: datetime | None) -> str:
        """Why something other than the release may answer at its Services, or may have answered since its tests
        began."""
        return behind.why_others_answered(self._objects, self._targets(manifests, namespace), namespace, began)

    def job_log(self, started: StartedJob, namespace: str, limit_bytes: int = jobs.MAX_LOG) -> str:
        """The output of all containers of the Job. A longer output is cut to its end, with a line that says so."""
        return jobs.log(self._objects, started, namespace, limit_bytes)

    def probe(self, request: HttpProbe, namespace: str) -> ProbeResult:
        """Send one HTTP request to a service through the API server."""
        return probe(self.connection, request, namespace)

    def drift(self, applied: Sequence[drift.AppliedManifests], namespace: str) -> list[drift.DriftOrError]:
        """The differences of each application, in the order given; or why they could not be read."""
        return drift.look_for_drift(self._objects, applied, namespace)

    def missing_rights(self, manifests: Sequence[Manifest], namespace: str) -> tuple[rights.Right, ...]:
        """The rights that a rollout of the manifests needs and the server does not grant. Changes nothing."""
        return rights.missing(self.connection, rights.needed(self._targets(manifests, namespace)), namespace)

    def identity(self) -> role.ClusterIdentity:
        """The name by which the cluster knows Slipway."""
        return role.ask_identity(self.connection)

    def namespace_id(self, namespace: str) -> str:
        """The uid of the namespace, which no other namespace of any cluster has. Raises `ClusterError`."""
        path = BUILT_IN["v1", "Namespace"].path(None, namespace)
        return str(self.connection.send("GET", path, what=f"read the namespace {namespace}").body["metadata"]["uid"])

    def other_role(self, manifests: Sequence[Manifest], kinds: Sequence[str], namespace: str) -> list[Json]:
        """A Role and its binding with the rights that rollouts of these kinds need and the role of Azure lacks; empty
        if it lacks none. `kinds` are further kinds, such as `argoproj.io/Rollout`."""
        targets = self._targets(manifests, namespace)
        beyond = role.rights_beyond_azure(targets, role.kinds_of_names(self.connection, kinds))
        return role.documents(beyond, namespace, self.identity()) if beyond else []

    def _targets(self, manifests: Sequence[Manifest], namespace: str) -> list[ManifestTarget]:
        return self._objects.kinds.targets(manifests, namespace)


def connect_cluster(access: ClusterAccess) -> Cluster:
    """A client for the cluster. It sends no request yet; the first call takes a third of a second to import the
    client."""
    return Cluster(Connection(access))
