"""Deployment: one ReplicaSet for each revision of the template, and the rollout between them."""

import copy
from dataclasses import dataclass

from ..podinfo import condition, moment, owned_pods
from ..resources import DEPLOYMENTS, REPLICA_SETS, Json
from ..store import Store
from .common import changed_condition, owned, owner_reference, resolve_share, template_hash, without_zeros
from .rollout import Counts, Scaling, next_scaling

REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sets:
    """The ReplicaSets of a Deployment."""

    new: Json
    old: list[Json]

    @property
    def all(self) -> list[Json]:
        return [self.new, *self.old]

    def total(self, name: str) -> int:
        return sum(_count(s, name) for s in self.all)


def _count(replica_set: Json, name: str) -> int:
    return int((replica_set.get("status") or {}).get(name, 0))


def _revision(deployment: Json) -> int:
    return int((deployment["metadata"].get("annotations") or {}).get(REVISION, 0))


class Deployments:
    resource = DEPLOYMENTS

    def __init__(self, store: Store) -> None:
        self._store = store

    def reconcile(self, deployment: Json) -> None:
        if "deletionTimestamp" in deployment["metadata"]:
            return
        replica_sets = owned(self._store, REPLICA_SETS, deployment)
        if deployment["spec"].get("paused") and not self._is_current(deployment, replica_sets):
            self._report_paused(deployment, replica_sets)
            return
        sets = self._with_new(deployment, replica_sets)
        deployment = self._mark_revision(deployment, sets.new)
        sets = self._scale(deployment, sets)
        self._tidy(deployment, sets)
        self._report(deployment, sets)

    # ---- revisions

    @staticmethod
    def _is_current(deployment: Json, replica_sets: list[Json]) -> bool:
        digest = template_hash(deployment["spec"]["template"])
        return any(s["metadata"]["labels"].get("pod-template-hash") == digest for s in replica_sets)

    def _with_new(self, deployment: Json, replica_sets: list[Json]) -> _Sets:
        """The ReplicaSet of the current template, created or made the newest revision again."""
        digest = template_hash(deployment["spec"]["template"])
        new = next((s for s in replica_sets if s["metadata"]["labels"].get("pod-template-hash") == digest), None)
        old = [s for s in replica_sets if s is not new]
        revision = str(max((_revision(s) for s in old), default=0) + 1)
        if new is None:
            new = self._create(deployment, digest, revision)
        elif _revision(new) < int(revision) or new["spec"].get("minReadySeconds", 0) != _min_ready_seconds(deployment):
            changed = copy.deepcopy(new)
            changed["metadata"]["annotations"][REVISION] = str(max(int(revision), _revision(new)))
            changed["spec"]["minReadySeconds"] = _min_ready_seconds(deployment)
            new = self._store.update(REPLICA_SETS, new, changed)
        return _Sets(new=new, old=old)

    def _create(self, deployment: Json, digest: str, revision: str) -> Json:
        template = copy.deepcopy(deployment["spec"]["template"])
        labels = template.setdefault("metadata", {}).setdefault("labels", {})
        labels["pod-template-hash"] = digest
        selector = copy.deepcopy(deployment["spec"]["selector"])
        selector.setdefault("matchLabels", {})["pod-template-hash"] = digest
        body = {
            "metadata": {
                "name": f"{deployment['metadata']['name']}-{digest}",
                "labels": dict(labels),
                "annotations": {REVISION: revision},
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": {
                "replicas": 0,
                "selector": selector,
                "template": template,
                "minReadySeconds": _min_ready_seconds(deployment),
            },
        }
        return self._store.create(REPLICA_SETS, deployment["metadata"]["namespace"], body)

    def _mark_revision(self, deployment: Json, new: Json) -> Json:
        if _revision(deployment) == _revision(new):
            return deployment
        changed = copy.deepcopy(deployment)
        changed["metadata"].setdefault("annotations", {})[REVISION] = str(_revision(new))
        return self._store.update(DEPLOYMENTS, deployment, changed)

    # ---- scaling

    def _scale(self, deployment: Json, sets: _Sets) -> _Sets:
        spec = deployment["spec"]
        counts = [
            Counts(
                replicas=s["spec"]["replicas"],
                available=_count(s, "availableReplicas"),
                pods=len(owned_pods(self._store, s)),
            )
            for s in sets.all
        ]
        if spec["strategy"]["type"] == "Recreate":
            scaling = _recreate(spec["replicas"], counts)
        else:
            surge, unavailable = _limits(spec)
            scaling = next_scaling(
                replicas=spec["replicas"], max_surge=surge, max_unavailable=unavailable, new=counts[0], old=counts[1:]
            )
        resized = [self._resize(s, n) for s, n in zip(sets.all, [scaling.new, *scaling.old], strict=True)]
        return _Sets(new=resized[0], old=resized[1:])

    def _resize(self, replica_set: Json, replicas: int) -> Json:
        if replica_set["spec"]["replicas"] == replicas:
            return replica_set
        changed = copy.deepcopy(replica_set)
        changed["spec"]["replicas"] = replicas
        return self._store.update(REPLICA_SETS, replica_set, changed)

    def _tidy(self, deployment: Json, sets: _Sets) -> None:
        """Keep no more empty ReplicaSets than revisionHistoryLimit allows."""
        empty = sorted(
            (s for s in sets.old if s["spec"]["replicas"] == 0 and _count(s, "replicas") == 0), key=_revision
        )
        for replica_set in empty[: max(len(empty) - deployment["spec"]["revisionHistoryLimit"], 0)]:
            self._store.delete(REPLICA_SETS, replica_set)

    # ---- status

    def _report(self, deployment: Json, sets: _Sets) -> None:
        replicas = deployment["spec"]["replicas"]
        counts = {
            "replicas": sets.total("replicas"),
            "updatedReplicas": _count(sets.new, "replicas"),
            "readyReplicas": sets.total("readyReplicas"),
            "availableReplicas": sets.total("availableReplicas"),
        }
        counts["unavailableReplicas"] = max(0, max(replicas, counts["replicas"]) - counts["availableReplicas"])
        conditions = [self._available(deployment, counts), self._progressing(deployment, sets.new, counts)]
        status = without_zeros({"observedGeneration": deployment["metadata"]["generation"]} | counts)
        self._store.set_status(DEPLOYMENTS, deployment, status | {"conditions": conditions})

    def _available(self, deployment: Json, counts: dict[str, int]) -> Json:
        _, unavailable = _limits(deployment["spec"])
        enough = counts["availableReplicas"] >= deployment["spec"]["replicas"] - unavailable
        return changed_condition(
            deployment,
            "Available",
            holds=enough,
            reason="MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
            message=f"Deployment {'has' if enough else 'does not have'} minimum availability.",
            timestamp=self._store.timestamp(),
        )

    def _progressing(self, deployment: Json, new: Json, counts: dict[str, int]) -> Json:
        """Complete, progressing, or timed out: the deadline runs from the last movement."""
        name, replicas = new["metadata"]["name"], deployment["spec"]["replicas"]
        previous = condition(deployment, "Progressing")
        status = deployment.get("status") or {}
        is_complete = all(counts[k] == replicas for k in ("replicas", "updatedReplicas", "availableReplicas"))
        is_new_spec = status.get("observedGeneration", 0) < deployment["metadata"]["generation"]
        has_moved = (
            counts["updatedReplicas"] > status.get("updatedReplicas", 0)
            or counts["readyReplicas"] > status.get("readyReplicas", 0)
            or counts["availableReplicas"] > status.get("availableReplicas", 0)
            or counts["replicas"] - counts["updatedReplicas"]
            < status.get("replicas", 0) - status.get("updatedReplicas", 0)
        )
        holds, reason, text = True, "ReplicaSetUpdated", "is progressing."
        if is_complete:
            reason, text = "NewReplicaSetAvailable", "has successfully progressed."
        elif previous and previous["reason"] == "NewReplicaSetAvailable" and not is_new_spec and not has_moved:
            return previous
        elif previous and not has_moved and not is_new_spec:
            waited = (self._store.clock() - moment(previous["lastUpdateTime"])).total_seconds()
            if (
                previous["reason"] == "ProgressDeadlineExceeded"
                or waited > deployment["spec"]["progressDeadlineSeconds"]
            ):
                holds, reason, text = False, "ProgressDeadlineExceeded", "has timed out progressing."
        return changed_condition(
            deployment,
            "Progressing",
            holds=holds,
            reason=reason,
            message=f'ReplicaSet "{name}" {text}',
            timestamp=self._store.timestamp(),
            refresh=not is_complete and (has_moved or is_new_spec),
        )

    def _report_paused(self, deployment: Json, replica_sets: list[Json]) -> None:
        """A paused Deployment only reports that it has seen its spec."""
        total = sum(_count(s, "replicas") for s in replica_sets)
        paused = changed_condition(
            deployment,
            "Progressing",
            holds=True,
            reason="DeploymentPaused",
            message="Deployment is paused",
            timestamp=self._store.timestamp(),
        )
        counts = {"replicas": total, "readyReplicas": sum(_count(s, "readyReplicas") for s in replica_sets)}
        counts["availableReplicas"] = sum(_count(s, "availableReplicas") for s in replica_sets)
        status = without_zeros({"observedGeneration": deployment["metadata"]["generation"]} | counts)
        self._store.set_status(DEPLOYMENTS, deployment, status | {"conditions": [paused]})


def _min_ready_seconds(deployment: Json) -> int:
    return int(deployment["spec"].get("minReadySeconds", 0))


def _limits(spec: Json) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in pods. With both zero the rollout would never move, so then one may be missing."""
    if spec["strategy"]["type"] == "Recreate":
        return 0, spec["replicas"]
    rolling = spec["strategy"]["rollingUpdate"]
    surge = resolve_share(rolling["maxSurge"], spec["replicas"], up=True)
    unavailable = resolve_share(rolling["maxUnavailable"], spec["replicas"], up=False)
    return surge, unavailable if surge or unavailable else 1


def _recreate(replicas: int, counts: list[Counts]) -> Scaling:
    """All old pods go first; the new ones come only when they have ended."""
    ended = all(c.pods == 0 for c in counts[1:])
    return Scaling(new=replicas if ended else counts[0].replicas, old=tuple(0 for _ in counts[1:]))
