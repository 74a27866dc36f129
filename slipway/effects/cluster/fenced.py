"""All writes of a rollout to its namespace. It may write only while its order is the newest there.

No method waits until the cluster has brought something up: a later step looks.
"""

from collections.abc import Sequence

from slipway.domain.images import InjectedContainer
from slipway.domain.order import Order
from slipway.domain.pruning import Deleted, Deletion
from slipway.domain.steps import StartedJob

from . import jobs, once, recreating, rolling_back, takeover
from .connection import ApiServerResponse
from .errors import ClusterError, Missing, ObjectConflict, ObjectRefused
from .fencing import FencedObjects
from .kinds import ManifestTarget
from .owned import Owner
from .pruning import prune
from .records import AppliedObject, Json, Manifest, OnceState, RollbackOutcome
from .replacing import job_failed, replace, run_again


class FencedCluster:
    """One namespace of a cluster under the fence of one rollout. The order is taken with the first write.

    Each method that writes raises `FenceLost` once a newer rollout has taken its order there, other `ClusterError`s,
    and `KeysUnavailable`.
    """

    def __init__(self, objects: FencedObjects, namespace: str) -> None:
        self._objects, self._namespace = objects, namespace

    @property
    def taken_order(self) -> Order | None:
        """The rollout's order; None while it has not been taken."""
        fence = self._objects.fence
        return fence.claim.order if fence.taken else None

    def seize(self) -> None:
        """Write the rollout's order over whatever the Lease contains, as a reset does."""
        self._objects.fence.seize()

    def apply(self, manifests: Sequence[Manifest]) -> list[AppliedObject]:
        """Apply all manifests, dependencies first. Safe to repeat, also after a failure part of the way.

        Jobs whose template changed are replaced by the rules in `replacing`, and so are Jobs that failed before the
        rollout. An error lists the objects that were applied before it.
        """
        applied: list[AppliedObject] = []
        targets = self._objects.kinds.targets(manifests, self._namespace, look_again=True)
        self._take_order(targets)
        for target in targets:
            try:
                applied.append(self._apply(target, runs_again=True))
            except ClusterError as error:
                error.applied = tuple(applied)
                error.add_note("applied before it: " + (", ".join(f"{o.kind}/{o.name}" for o in applied) or "nothing"))
                raise
        return applied

    def roll_back(self, manifests: Sequence[Manifest]) -> RollbackOutcome:
        """Apply the plan that was live before, each object by itself. It runs no Job again."""
        kinds = self._objects.kinds
        return rolling_back.roll_back(kinds, manifests, self._namespace, lambda t: self._apply(t, runs_again=False))

    def free_stuck_pod(self, manifests: Sequence[Manifest], *, only_held_up: bool) -> str:
        """Delete one pod that a StatefulSet among the manifests will never replace; returns its name, empty if there is
        none."""
        return rolling_back.free_stuck_pod(self._objects, self._targets(manifests), only_held_up=only_held_up)

    def start_job(self, manifest: Manifest) -> StartedJob:
        """Start a Job. Its name begins with the manifest's, but cannot be predicted. Each call starts another Job."""
        [target] = self._targets([jobs.with_random_name(manifest)])
        if target.kind.kind != "Job":
            raise ObjectRefused(f"{target.label}: kind: expected a Job, got {target.kind.kind}", fields=("kind",))
        return jobs.start_job(self._objects, target)

    def run_once(
        self,
        manifest: Manifest,
        *,
        uid: str = "",
        earlier: str = "",
        attempt: int = 1,
        injected: Sequence[InjectedContainer] = (),
    ) -> OnceState:
        """Make a Job around a rollout, unless it was made already, and look at it; by the rules in `once`."""
        [target] = self._targets([manifest])
        return once.run(self._objects, target, uid=uid, earlier=earlier, attempt=attempt, injected=injected)

    def withdraw_job(self, manifest: Manifest, *, uid: str) -> bool:
        """Delete the Job with this uid, if it is there."""
        [target] = self._targets([manifest])
        return once.withdraw_job(self._objects, target, uid=uid)

    def prune(self, deletions: Sequence[Deletion], owner: Owner) -> tuple[Deleted, ...]:
        """Delete the objects that a plan names, one by one. Safe to repeat."""
        return prune(self._objects, deletions, self._namespace, owner)

    def _targets(self, manifests: Sequence[Manifest]) -> list[ManifestTarget]:
        return self._objects.kinds.targets(manifests, self._namespace)

    def _take_order(self, targets: Sequence[ManifestTarget]) -> None:
        """Take the order. If the namespace is part of the release, it is created first, since a Lease needs it."""
        try:
            self._objects.take_for(targets[0]) if targets else self._objects.fence.take()
        except Missing as missing:
            own = (t for t in targets if t.kind.kind == "Namespace" and t.name == self._namespace)
            namespace = next(own, None)
            if namespace is None or missing.kind != "namespaces":
                raise
            self._objects.make_unfenced(namespace)
            self._objects.fence.take()

    def _apply(self, target: ManifestTarget, *, runs_again: bool) -> AppliedObject:
        try:
            answer = self._send(target)
        except ObjectRefused as refused:
            if target.kind.kind != "Job" or not refused.immutable:
                raise
            return _applied_object(target, replace(self._objects, target, refused), replaced=True)
        except Missing as missing:
            if not target.kind.defined_by_release:
                raise
            # A definition that was just applied is served a moment later.
            raise ObjectConflict(f"{target.label}: the cluster does not serve its kind yet: {missing}") from missing
        answer = takeover.remove_left_over(self._objects, target, answer)
        created = self._objects.fence.claim.has_made(answer.body["metadata"])
        if runs_again and not created and job_failed(target, answer.body):
            return _applied_object(target, run_again(self._objects, target, answer.body), replaced=True)
        return _applied_object(target, answer.body, created=created).evolve(warnings=answer.warnings)

    def _send(self, target: ManifestTarget) -> ApiServerResponse:
        """Send the manifest. If its definition is part of the release, a server may still judge by the previous one for
        a moment."""
        try:
            return recreating.apply_or_recreate(self._objects, target)
        except ObjectRefused:
            if not target.kind.defined_by_release:
                raise

        def send_again() -> ApiServerResponse:
            try:
                return recreating.apply_or_recreate(self._objects, target)
            except ObjectRefused as refused:
                raise ObjectConflict(str(refused)) from refused

        try:
            return self._objects.fence.with_retries(send_again)
        except ObjectConflict as conflict:
            raise conflict.__cause__ if isinstance(conflict.__cause__, ObjectRefused) else conflict from None


def _applied_object(
    target: ManifestTarget, live: Json, *, created: bool = False, replaced: bool = False
) -> AppliedObject:
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
