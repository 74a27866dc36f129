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


def _revision(thing: Json) -> int:
    return int((thing["metadata"].get("annotations") or {}).get(REVISION, 0))


class Deployments:
    resource = DEPLOYMENTS

    def __init__(self, store: Store) -> None:
        self._store = store

    def reconcile(self, thing: Json) -> None:
        if "deletionTimestamp" in thing["metadata"]:
            return
        found = owned(self._store, REPLICA_SETS, thing)
        if thing["spec"].get("paused") and not self._is_current(thing, found):
            self._report_paused(thing, found)
            return
        sets = self._with_new(thing, found)
        thing = self._mark_revision(thing, sets.new)
        sets = self._scale(thing, sets)
        self._tidy(thing, sets)
        self._report(thing, sets)

    # ---- revisions

    @staticmethod
    def _is_current(thing: Json, found: list[Json]) -> bool:
        digest = template_hash(thing["spec"]["template"])
        return any(s["metadata"]["labels"].get("pod-template-hash") == digest for s in found)

    def _with_new(self, thing: Json, found: list[Json]) -> _Sets:
        """The ReplicaSet of today's template, made or brought back to the newest revision."""
        digest = template_hash(thing["spec"]["template"])
        new = next((s for s in found if s["metadata"]["labels"].get("pod-template-hash") == digest), None)
        old = [s for s in found if s is not new]
        revision = str(max((_revision(s) for s in old), default=0) + 1)
        if new is None:
            new = self._create(thing, digest, revision)
        elif _revision(new) < int(revision) or new["spec"].get("minReadySeconds", 0) != _wait(thing):
            changed = copy.deepcopy(new)
            changed["metadata"]["annotations"][REVISION] = str(max(int(revision), _revision(new)))
            changed["spec"]["minReadySeconds"] = _wait(thing)
            new = self._store.update(REPLICA_SETS, new, changed)
        return _Sets(new=new, old=old)

    def _create(self, thing: Json, digest: str, revision: str) -> Json:
        template = copy.deepcopy(thing["spec"]["template"])
        labels = template.setdefault("metadata", {}).setdefault("labels", {})
        labels["pod-template-hash"] = digest
        selector = copy.deepcopy(thing["spec"]["selector"])
        selector.setdefault("matchLabels", {})["pod-template-hash"] = digest
        body = {
            "metadata": {
                "name": f"{thing['metadata']['name']}-{digest}",
                "labels": dict(labels),
                "annotations": {REVISION: revision},
                "ownerReferences": [owner_reference(thing)],
            },
            "spec": {
                "replicas": 0,
                "selector": selector,
                "template": template,
                "minReadySeconds": _wait(thing),
            },
        }
        return self._store.create(REPLICA_SETS, thing["metadata"]["namespace"], body)

    def _mark_revision(self, thing: Json, new: Json) -> Json:
        if _revision(thing) == _revision(new):
            return thing
        changed = copy.deepcopy(thing)
        changed["metadata"].setdefault("annotations", {})[REVISION] = str(_revision(new))
        return self._store.update(DEPLOYMENTS, thing, changed)

    # ---- scaling

    def _scale(self, thing: Json, sets: _Sets) -> _Sets:
        spec = thing["spec"]
        counts = [
            Counts(
                wanted=s["spec"]["replicas"],
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

    def _tidy(self, thing: Json, sets: _Sets) -> None:
        """Keep no more empty ReplicaSets than revisionHistoryLimit."""
        empty = sorted(
            (s for s in sets.old if s["spec"]["replicas"] == 0 and _count(s, "replicas") == 0), key=_revision
        )
        for replica_set in empty[: max(len(empty) - thing["spec"]["revisionHistoryLimit"], 0)]:
            self._store.delete(REPLICA_SETS, replica_set)

    # ---- status

    def _report(self, thing: Json, sets: _Sets) -> None:
        replicas = thing["spec"]["replicas"]
        counts = {
            "replicas": sets.total("replicas"),
            "updatedReplicas": _count(sets.new, "replicas"),
            "readyReplicas": sets.total("readyReplicas"),
            "availableReplicas": sets.total("availableReplicas"),
        }
        counts["unavailableReplicas"] = max(0, max(replicas, counts["replicas"]) - counts["availableReplicas"])
        conditions = [self._available(thing, counts), self._progressing(thing, sets.new, counts)]
        status = without_zeros({"observedGeneration": thing["metadata"]["generation"]} | counts)
        self._store.set_status(DEPLOYMENTS, thing, status | {"conditions": conditions})

    def _available(self, thing: Json, counts: dict[str, int]) -> Json:
        _, unavailable = _limits(thing["spec"])
        enough = counts["availableReplicas"] >= thing["spec"]["replicas"] - unavailable
        return changed_condition(
            thing,
            "Available",
            holds=enough,
            reason="MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
            message=f"Deployment {'has' if enough else 'does not have'} minimum availability.",
            timestamp=self._store.timestamp(),
        )

    def _progressing(self, thing: Json, new: Json, counts: dict[str, int]) -> Json:
        """Complete, moving, or out of time: the deadline runs from the last movement."""
        name, replicas = new["metadata"]["name"], thing["spec"]["replicas"]
        before = condition(thing, "Progressing")
        status = thing.get("status") or {}
        done = all(counts[k] == replicas for k in ("replicas", "updatedReplicas", "availableReplicas"))
        fresh = status.get("observedGeneration", 0) < thing["metadata"]["generation"]
        moved = (
            counts["updatedReplicas"] > status.get("updatedReplicas", 0)
            or counts["readyReplicas"] > status.get("readyReplicas", 0)
            or counts["availableReplicas"] > status.get("availableReplicas", 0)
            or counts["replicas"] - counts["updatedReplicas"]
            < status.get("replicas", 0) - status.get("updatedReplicas", 0)
        )
        holds, reason, text = True, "ReplicaSetUpdated", "is progressing."
        if done:
            reason, text = "NewReplicaSetAvailable", "has successfully progressed."
        elif before and before["reason"] == "NewReplicaSetAvailable" and not fresh and not moved:
            return before
        elif before and not moved and not fresh:
            waited = (self._store.clock() - moment(before["lastUpdateTime"])).total_seconds()
            if before["reason"] == "ProgressDeadlineExceeded" or waited > thing["spec"]["progressDeadlineSeconds"]:
                holds, reason, text = False, "ProgressDeadlineExceeded", "has timed out progressing."
        return changed_condition(
            thing,
            "Progressing",
            holds=holds,
            reason=reason,
            message=f'ReplicaSet "{name}" {text}',
            timestamp=self._store.timestamp(),
            refresh=not done and (moved or fresh),
        )

    def _report_paused(self, thing: Json, found: list[Json]) -> None:
        """A paused Deployment only says that it has seen its spec."""
        total = sum(_count(s, "replicas") for s in found)
        paused = changed_condition(
            thing,
            "Progressing",
            holds=True,
            reason="DeploymentPaused",
            message="Deployment is paused",
            timestamp=self._store.timestamp(),
        )
        counts = {"replicas": total, "readyReplicas": sum(_count(s, "readyReplicas") for s in found)}
        counts["availableReplicas"] = sum(_count(s, "availableReplicas") for s in found)
        status = without_zeros({"observedGeneration": thing["metadata"]["generation"]} | counts)
        self._store.set_status(DEPLOYMENTS, thing, status | {"conditions": [paused]})


def _wait(thing: Json) -> int:
    return int(thing["spec"].get("minReadySeconds", 0))


def _limits(spec: Json) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in pods; both zero would never move, so one may be missing."""
    if spec["strategy"]["type"] == "Recreate":
        return 0, spec["replicas"]
    rolling = spec["strategy"]["rollingUpdate"]
    surge = resolve_share(rolling["maxSurge"], spec["replicas"], up=True)
    unavailable = resolve_share(rolling["maxUnavailable"], spec["replicas"], up=False)
    return surge, unavailable if surge or unavailable else 1


def _recreate(replicas: int, counts: list[Counts]) -> Scaling:
    """First all old pods go, and only when they have ended the new ones come."""
    ended = all(c.pods == 0 for c in counts[1:])
    return Scaling(new=replicas if ended else counts[0].wanted, old=tuple(0 for _ in counts[1:]))
