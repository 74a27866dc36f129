"""Brings back the release that was live before, object by object, so that one that cannot be applied holds up no
other."""

from collections.abc import Callable, Mapping, Sequence

from .conditions import spec_of, status_is_current
from .errors import (
    AccessDenied,
    ClusterError,
    ClusterUnreachable,
    FenceLost,
    Missing,
    ObjectConflict,
    WebhookAway,
)
from .fencing import FencedObjects
from .kinds import KindLookup, ManifestTarget
from .objects import Objects, built_in
from .pods import holdups_of, is_ready, left_behind, newest_pods, owned_by, selector_text
from .records import AppliedObject, Json, Manifest, RollbackOutcome, UnappliedObject
from .rules import on_delete

_POD = built_in("v1", "Pod")


def roll_back(
    kinds: KindLookup, manifests: Sequence[Manifest], namespace: str, apply: Callable[[ManifestTarget], AppliedObject]
) -> RollbackOutcome:
    """Apply each of the manifests that can be applied. Raises `ClusterUnreachable` and `FenceLost`, since then no other
    can be applied."""
    targets, unknown = kinds.known_targets(manifests, namespace, look_again=True)
    unapplied = [
        UnappliedObject(
            kind=str(manifest["kind"]), name=str(manifest["metadata"]["name"]), why=str(error), passing=False
        )
        for manifest, error in unknown
    ]
    applied: list[AppliedObject] = []
    for target in targets:
        try:
            applied.append(apply(target))
        except ClusterError as error:
            everything = isinstance(error, ClusterUnreachable) and not isinstance(error, WebhookAway)
            if everything or isinstance(error, FenceLost):
                raise
            # An API server that has just started refuses requests that it permits a moment later.
            passing = error.retryable or isinstance(error, AccessDenied)
            unapplied.append(UnappliedObject(kind=target.kind.kind, name=target.name, why=str(error), passing=passing))
    return RollbackOutcome(applied=tuple(applied), unapplied=tuple(unapplied))


def free_stuck_pod(objects: FencedObjects, targets: Sequence[ManifestTarget], *, only_held_up: bool) -> str:
    """Delete one pod for which a StatefulSet waits in vain, so that it is recreated from the newest template; returns
    its name, empty if there is none.

    An ordered StatefulSet never replaces a pod that is not ready (kubernetes/kubernetes#67250). While a pod is being
    deleted, or a new one is coming up, the StatefulSet is at work. With `only_held_up`, a pod that is only not ready
    is left alone.
    """
    for target in targets:
        if target.kind.kind == "StatefulSet" and (pod := _stuck_pod(objects, target, only_held_up=only_held_up)):
            try:
                objects.delete(_POD, pod["metadata"]["name"], target.namespace, pod["metadata"])
            except (
                Missing,
                ObjectConflict,
                AccessDenied,
            ):  # it is changing, or may not be deleted: the reason names it
                continue
            return str(pod["metadata"]["name"])
    return ""


def _stuck_pod(objects: Objects, target: ManifestTarget, *, only_held_up: bool) -> Json | None:
    live = objects.get(target.kind, target.name, target.namespace)
    revision = ((live or {}).get("status") or {}).get("updateRevision")
    if (
        live is None
        or target.namespace is None
        or not revision
        or not status_is_current(live)
        or on_delete(spec_of(live))
    ):
        return None
    listed = objects.list(_POD, target.namespace, selector=selector_text(spec_of(live).get("selector")))
    pods = owned_by(live, listed)
    newest = newest_pods(live, pods, revision)
    if any(pod["metadata"].get("deletionTimestamp") for pod in pods) or not all(map(is_ready, newest)):
        return None
    by_name: Mapping[str, Json] = {str(pod["metadata"]["name"]): pod for pod in pods}
    behind = [by_name[name] for name in left_behind(live, pods, newest)]
    return next((pod for pod in behind[:1] if not only_held_up or holdups_of(pod)), None)
