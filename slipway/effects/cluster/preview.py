"""Finds out by a dry run on the server what applying manifests would do: part of every plan that people vote on."""

from collections.abc import Iterable, Sequence

from ...manifests.objects import without_server_fields
from . import recreating, takeover
from .diff import Diff, difference, projected
from .errors import AccessDenied, Missing, ObjectRefused
from .kinds import BUILT_IN, Kind, ManifestTarget
from .names import APPLICATION_LABEL, MANAGED_BY, MANAGED_BY_LABEL, VERIFICATION_LABEL
from .objects import Objects, together
from .obstacles import obstacle_of
from .records import AppliedChange, ClusterPreview, Json, ObjectChange, Orphan
from .replacing import failed, may_replace

MAX_DIFFS = 512 * 1024
"""Characters of all diffs of one preview together."""

_SEARCHED = tuple(
    BUILT_IN[kind]
    for kind in (
        *(("v1", "ConfigMap"), ("v1", "Secret"), ("v1", "Service"), ("v1", "ServiceAccount")),
        *(("v1", "PersistentVolumeClaim"), ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet")),
        *(("apps/v1", "DaemonSet"), ("batch/v1", "Job"), ("batch/v1", "CronJob"), ("networking.k8s.io/v1", "Ingress")),
        *(("networking.k8s.io/v1", "NetworkPolicy"), ("autoscaling/v2", "HorizontalPodAutoscaler")),
        *(("policy/v1", "PodDisruptionBudget"), ("rbac.authorization.k8s.io/v1", "Role")),
        ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    )
)


def preview(objects: Objects, targets: Sequence[ManifestTarget], namespace: str) -> ClusterPreview:
    """Compare each object with the live one, and search for orphans."""
    makes_namespace = any(t.kind.kind == "Namespace" and t.name == namespace for t in targets)
    changes = together(lambda target: _change(objects, target, makes_namespace=makes_namespace), targets)
    orphaned, unseen = _orphans(objects, targets, namespace)
    return ClusterPreview(objects=_within_budget(changes), orphaned=orphaned, unseen=unseen)


COMING = "its definition comes with this release, so that the cluster could not check it"


def _change(objects: Objects, target: ManifestTarget, *, makes_namespace: bool) -> ObjectChange:
    if target.kind.is_coming:
        diff = difference(None, without_server_fields(target.manifest))
        return _as(target, AppliedChange.CREATED, diff, checked=False).evolve(warning=COMING)
    live = objects.get(target.kind, target.name, target.namespace)
    before = None if live is None else without_server_fields(live)
    try:
        answer = recreating.apply(objects, target, dry_run=True).body
    except Missing as missing:
        if not (makes_namespace and missing.kind == "namespaces"):
            raise
        return _as(
            target, AppliedChange.CREATED, difference(None, without_server_fields(target.manifest)), checked=False
        )
    except ObjectRefused as refused:
        if live is None or not may_replace(target, live, refused):
            raise
        manifest = without_server_fields(target.manifest)
        return _as(
            target, AppliedChange.REPLACED, difference(projected(without_server_fields(live), manifest), manifest)
        )
    going, staying = takeover.that_go(objects, target, live) if live is not None else ([], "")
    after = without_server_fields(takeover.without(answer, going))
    if live is not None and failed(target, live):
        change = AppliedChange.REPLACED
    else:
        change = (
            AppliedChange.CREATED
            if before is None
            else AppliedChange.UNCHANGED
            if before == after
            else AppliedChange.CHANGED
        )
    return _as(target, change, difference(before, after)).evolve(warning=obstacle_of(live, answer) or staying)


def _as(target: ManifestTarget, change: AppliedChange, diff: Diff, *, checked: bool = True) -> ObjectChange:
    return ObjectChange(
        kind=target.kind.kind,
        name=target.name,
        change=change,
        diff=diff.text,
        truncated=diff.truncated,
        checked=checked,
    )


def _within_budget(changes: Iterable[ObjectChange]) -> tuple[ObjectChange, ...]:
    limited, budget = [], MAX_DIFFS
    for change in changes:
        if len(change.diff) > budget:
            text = f"[left out: the diffs of one preview are limited to {MAX_DIFFS} characters]\n"
            limited.append(change.evolve(diff=text, truncated=True))
        else:
            budget -= len(change.diff)
            limited.append(change)
    return tuple(limited)


def _orphans(
    objects: Objects, targets: Sequence[ManifestTarget], namespace: str
) -> tuple[tuple[Orphan, ...], tuple[str, ...]]:
    """Objects applied for the same application before that are no longer in the manifests; deletes nothing."""
    applications = {labels[APPLICATION_LABEL] for t in targets if APPLICATION_LABEL in (labels := _labels(t.manifest))}
    if len(applications) != 1:
        return (), ()
    selector = f"{MANAGED_BY_LABEL}={MANAGED_BY},{APPLICATION_LABEL}={applications.pop()}"
    searched = list(dict.fromkeys((*_SEARCHED, *(t.kind for t in targets if t.kind.namespaced))))
    in_manifests = {(t.kind.kind, t.name) for t in targets}

    def search(kind: Kind) -> list[Json] | None:
        try:
            return objects.list(kind, namespace, selector=selector, names_only=True)
        except AccessDenied:  # a narrow role may omit kinds that the application does not use
            return None
        except Missing:  # not served by this cluster
            return []

    results = list(zip(searched, together(search, searched), strict=True))
    orphans = [
        Orphan(kind=kind.kind, name=item["metadata"]["name"])
        for kind, items in results
        for item in items or ()
        if (kind.kind, item["metadata"]["name"]) not in in_manifests and not _belongs_to_another(item)
    ]
    return tuple(orphans), tuple(kind.kind for kind, items in results if items is None)


def _belongs_to_another(item: Json) -> bool:
    """Whether the object is a child of a live one, which shares its labels, or a verification Job of one attempt."""
    return bool(item["metadata"].get("ownerReferences")) or VERIFICATION_LABEL in _labels(item)


def _labels(item: Json) -> dict[str, str]:
    return (item.get("metadata") or {}).get("labels") or {}
