"""Objects that left the manifests: found when a plan is made, deleted once its rollout is judged good.

An object is deleted only if Slipway applied it for this application and environment, nobody else applies it, its kind
holds nothing irreplaceable, and nothing asks to keep it. Slipway checks that when it makes the plan, with a dry run of
the deletion, and once more right before the deletion. It deletes by uid and version, so an object that somebody changed
in between is read again and a recreated one stays.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from slipway.domain.pruning import MOST_DELETIONS, Deleted, Deletion, Ending

from ...manifests.around import ROUND_LABEL
from .errors import AccessDenied, Missing, ObjectConflict, ObjectRefused
from .fencing import FencedObjects
from .kinds import Kind, ManifestTarget, rank
from .names import FIELD_MANAGER, KEEP, KEPT_BY_HELM, VERIFICATION_LABEL
from .objects import Objects, Propagation, map_in_threads
from .owned import Owned, Owner, appliers, is_applied, search, sorted_by_place
from .records import RemovedFromManifests, RetainedObject

_TRIES = 3
_OF_THE_CLUSTER = frozenset({"foregroundDeletion", "orphan"})
_MAX_WHY = 300

NEVER = frozenset({"PersistentVolumeClaim", "PersistentVolume", "Namespace", "CustomResourceDefinition"})
"""Kinds whose deletion destroys data, or all objects of a kind, for ever."""


class RetainedBecause(Enum):
    """Why an object that left the manifests is not deleted."""

    HOLDS_DATA = "Slipway deletes no object of this kind, since data goes with it"
    CLAIMS = "its volume claims would go with it, as its persistentVolumeClaimRetentionPolicy says"
    KEPT = "an annotation on it asks to keep it"
    SHARED = "{others} applies it as well"
    NOT_APPLIED = "it has Slipway's labels, but Slipway did not apply it"
    OTHERS = "it now belongs to another application or environment"
    MADE_ANEW = "somebody recreated it after the plan was made"
    TOO_MANY = "one plan deletes at most {most} objects, so it is left to the next one"
    CHANGING = "somebody keeps changing it"


def departed(objects: Objects, targets: Sequence[ManifestTarget], namespace: str, owner: Owner) -> RemovedFromManifests:
    """The owner's objects in the cluster that are not in these manifests. Raises `ClusterError`."""
    targeted = {_key(target.kind, target.name) for target in targets}
    owned_objects = search(objects, namespace, owner)
    left = [each for each in sorted_by_place(owned_objects.owned) if _key(each.kind, each.name) not in targeted]
    left = [each for each in left if not _belongs_to_another(each.metadata)]
    reasons = {each.uid: _reason_retained(each.kind, each.metadata, owner) for each in left}
    may_go = [each for each in left if reasons[each.uid] is None]
    beyond = RetainedBecause.TOO_MANY.value.format(most=MOST_DELETIONS)
    reasons |= {each.uid: beyond for each in may_go[MOST_DELETIONS:]}
    tried = may_go[:MOST_DELETIONS]
    refusals = map_in_threads(lambda each: _refusal(objects, each, namespace), tried)
    reasons |= {each.uid: refusal for each, refusal in zip(tried, refusals, strict=True)}
    return RemovedFromManifests(
        deletions=tuple(_deletion(each) for each in left if reasons[each.uid] is None),
        staying=tuple(
            RetainedObject(kind=each.kind.kind, name=each.name, why=why) for each in left if (why := reasons[each.uid])
        ),
        unsearched=owned_objects.unsearched,
    )


def prune(objects: FencedObjects, deletions: Sequence[Deletion], namespace: str, owner: Owner) -> tuple[Deleted, ...]:
    """Delete the objects that the plan names, workloads before the objects that they use. Safe to repeat.

    An object that must not or cannot be deleted stays, with the reason; that is no cause to undo a good rollout. Raises
    `ClusterUnreachable`.
    """
    ordered = sorted(deletions, key=lambda deletion: rank(deletion.kind), reverse=True)
    return tuple(_prune(objects, deletion, namespace, owner) for deletion in ordered)


def _prune(objects: FencedObjects, deletion: Deletion, namespace: str, owner: Owner) -> Deleted:
    def ended(ending: Ending, why: str = "") -> Deleted:
        return Deleted(object=deletion.label, ending=ending, why=why[:_MAX_WHY])

    try:
        kind = objects.kinds.find(deletion.api_version, deletion.kind)
    except Missing:  # its definition was deleted, and its objects with it
        return ended(Ending.GONE)
    for _ in range(_TRIES):
        try:
            metadata = objects.metadata(kind, deletion.name, namespace)
            if metadata is None:
                return ended(Ending.GONE)
            if metadata.get("deletionTimestamp"):  # deleted by us a moment ago, or by somebody else
                return ended(Ending.DELETED, _finalizers_in_the_way(metadata))
            if why := _reason_retained_now(objects, kind, metadata, deletion, owner):
                return ended(Ending.LEFT, why)
            last = objects.delete(kind, deletion.name, namespace, metadata, propagation_of(kind))
        except Missing:
            return ended(Ending.GONE)
        except (AccessDenied, ObjectRefused) as error:
            return ended(Ending.LEFT, str(error))
        except ObjectConflict:  # it has changed since it was read
            continue
        else:
            return ended(Ending.DELETED, _finalizers_in_the_way(last.get("metadata") or {}))
    return ended(Ending.LEFT, RetainedBecause.CHANGING.value)


def _finalizers_in_the_way(metadata: Mapping[str, Any]) -> str:
    """The finalizers that keep the object in the cluster, as a sentence; empty if there are none. Finalizers that the
    cluster itself removes once the object's dependents are gone do not count."""
    finalizers = [name for name in metadata.get("finalizers") or () if name not in _OF_THE_CLUSTER]
    return (
        f"it goes once these finalizers have been taken away: {', '.join(map(str, finalizers))}" if finalizers else ""
    )


def may_be_pruned(kind: Kind) -> bool:
    return kind.namespaced and kind.kind not in NEVER


def _reason_retained_now(
    objects: Objects, kind: Kind, metadata: Mapping[str, Any], deletion: Deletion, owner: Owner
) -> str | None:
    if metadata["uid"] != deletion.uid:
        return RetainedBecause.MADE_ANEW.value
    if why := _reason_retained(kind, metadata, owner):
        return why
    takes_claims = _takes_claims_along(objects, kind, deletion.name, metadata.get("namespace"))
    return RetainedBecause.CLAIMS.value if takes_claims else None


def propagation_of(kind: Kind) -> Propagation:
    """An owner of pods is deleted after them, so that it is visible until they are gone; any other object is deleted at
    once."""
    owns_pods = kind.kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob")
    return Propagation.FOREGROUND if owns_pods else Propagation.BACKGROUND


def _reason_retained(kind: Kind, metadata: Mapping[str, Any], owner: Owner) -> str | None:
    """Why the object is not deleted; None if it may be."""
    annotations = metadata.get("annotations") or {}
    others = appliers(metadata) - {FIELD_MANAGER}
    if not owner.owns(metadata):
        return RetainedBecause.OTHERS.value
    if not may_be_pruned(kind):
        return RetainedBecause.HOLDS_DATA.value
    if any(annotations.get(name) == value for name, value in (KEEP, KEPT_BY_HELM)):
        return RetainedBecause.KEPT.value
    if not is_applied(metadata):
        return RetainedBecause.NOT_APPLIED.value
    if others:
        return RetainedBecause.SHARED.value.format(others=" and ".join(sorted(others)))
    return None


def _refusal(objects: Objects, owned: Owned, namespace: str) -> str | None:
    """Why the server refuses a dry run of the deletion; None if it would delete the object, or if the object is
    gone."""
    if _takes_claims_along(objects, owned.kind, owned.name, namespace):
        return RetainedBecause.CLAIMS.value
    try:
        objects.delete(owned.kind, owned.name, namespace, owned.metadata, propagation_of(owned.kind), dry_run=True)
    except (Missing, ObjectConflict):  # it is changing now, and is read again before it is deleted
        return None
    except (AccessDenied, ObjectRefused) as error:
        return str(error)[:_MAX_WHY]
    return None


def _takes_claims_along(objects: Objects, kind: Kind, name: str, namespace: str | None) -> bool:
    if kind.kind != "StatefulSet":
        return False
    live = objects.get(kind, name, namespace) or {}
    policy = (live.get("spec") or {}).get("persistentVolumeClaimRetentionPolicy") or {}
    return bool(policy.get("whenDeleted") == "Delete")


def _deletion(owned: Owned) -> Deletion:
    return Deletion(api_version=owned.kind.api_version, kind=owned.kind.kind, name=owned.name, uid=owned.uid)


def _belongs_to_another(metadata: Mapping[str, Any]) -> bool:
    """Whether the object is a child with its owner's labels, or a Job of one attempt or release, or is being
    deleted."""
    of_attempt = not {VERIFICATION_LABEL, ROUND_LABEL}.isdisjoint(metadata.get("labels") or {})
    return bool(metadata.get("ownerReferences")) or of_attempt or bool(metadata.get("deletionTimestamp"))


def _key(kind: Kind, name: str) -> tuple[str, str, str]:
    return kind.group, kind.kind, name
