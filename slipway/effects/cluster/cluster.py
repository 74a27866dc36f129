"""A cluster as the steps see it: everything that Slipway does to Kubernetes goes through this class.

Each method is one short visit: nothing here waits, sleeps or polls. What takes time is looked at again by a later step.
"""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Self

from slipway.domain.application import HttpProbe

from . import jobs, rights
from .access import ClusterAccess
from .connection import Connection
from .errors import ClusterError, Refused
from .kinds import Target
from .objects import Objects
from .preview import preview
from .probe import probe
from .records import AppliedObject, JobState, Json, Manifest, Preview, ProbeResult, RolloutState, RunningImage
from .replacing import replace
from .rollout import images, rollout


class Cluster:
    """One cluster, over one pool of connections. Safe to use from several threads; make one per process and keep it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._objects = Objects(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the pool; a process that keeps the cluster for its life need not."""
        self._connection.close()

    def preview(self, manifests: Sequence[Manifest], namespace: str) -> Preview:
        """What `apply` would do, by a dry run on the server; changes nothing."""
        return preview(self._objects, self._targets(manifests, namespace), namespace)

    def apply(self, manifests: Sequence[Manifest], namespace: str) -> list[AppliedObject]:
        """Applies all of it, what others need first. May be repeated at any time, also after it broke off half way.

        Jobs whose template changed are replaced by the rule in `replacing`.
        """
        applied: list[AppliedObject] = []
        for target in self._targets(manifests, namespace):
            try:
                applied.append(self._apply(target))
            except ClusterError as error:
                error.add_note("applied before it: " + (", ".join(f"{o.kind}/{o.name}" for o in applied) or "nothing"))
                raise
        return applied

    def rollout(self, manifests: Sequence[Manifest], namespace: str) -> RolloutState:
        """One look at the Deployments, StatefulSets, DaemonSets and Jobs among the manifests."""
        return rollout(self._objects, self._targets(manifests, namespace))

    def running_digests(self, manifests: Sequence[Manifest], namespace: str) -> tuple[RunningImage, ...]:
        """The images, and their digests, that the live workloads name."""
        return images(self._objects, self._targets(manifests, namespace))

    def start_job(
        self,
        manifest: Manifest,
        namespace: str,
        *,
        deadline: timedelta = jobs.DEADLINE,
        kept: timedelta = jobs.KEPT,
    ) -> bool:
        """Starts a Job once: True if this call did, False if a Job of that name was there. Give each attempt a name.

        Where the manifest does not say: no second try, `deadline` for all of it, removed `kept` after its end.
        """
        [target] = self._targets([jobs.prepared(manifest, deadline=deadline, kept=kept)], namespace)
        if target.kind.kind != "Job":
            raise Refused(f"{target.label}: kind: expected a Job, got {target.kind.kind}", fields=("kind",))
        return jobs.start(self._objects, target)

    def job(self, name: str, namespace: str) -> JobState:
        """One look at a Job."""
        return jobs.state(self._objects, name, namespace)

    def job_log(self, name: str, namespace: str, limit_bytes: int = jobs.MAX_LOG) -> str:
        """What all containers of the Job wrote; of too much, the end, with a line that says so."""
        return jobs.log(self._objects, name, namespace, limit_bytes)

    def probe(self, wanted: HttpProbe, namespace: str) -> ProbeResult:
        """Asks a service one HTTP question through the API server."""
        return probe(self._connection, wanted, namespace)

    def missing_rights(self, manifests: Sequence[Manifest], namespace: str) -> tuple[rights.Right, ...]:
        """The rights that a rollout of these needs and that the server does not grant; nothing is changed."""
        return rights.missing(self._connection, rights.needed(self._targets(manifests, namespace)), namespace)

    def _targets(self, manifests: Sequence[Manifest], namespace: str) -> list[Target]:
        return self._objects.kinds.targets(manifests, namespace)

    def _apply(self, target: Target) -> AppliedObject:
        try:
            answer = self._objects.apply(target)
        except Refused as refused:
            if target.kind.kind != "Job" or not refused.immutable:
                raise
            return _applied(target, replace(self._objects, target, refused), replaced=True)
        return _applied(target, answer.body, created=answer.status == HTTPStatus.CREATED)


def _applied(target: Target, live: Json, *, created: bool = False, replaced: bool = False) -> AppliedObject:
    generation = int((live.get("metadata") or {}).get("generation") or 0)
    return AppliedObject(
        kind=target.kind.kind, name=target.name, created=created, replaced=replaced, generation=generation
    )


def connect(access: ClusterAccess) -> Cluster:
    """A cluster to work with. Sends nothing yet; loading the client takes a third of a second the first time."""
    return Cluster(Connection(access))
