"""Compares a namespace with the objects that were applied to it.

One look lists the metadata of each kind once for all applications, and reads an object itself only if its metadata
shows a write by somebody else.

The API server records who applied which field. If a field of the manifest no longer belongs to Slipway, its present
owner changed or removed it. A manager that wrote after the rollout has added something. Some writes are not edits:
status, defaults, writes of admission webhooks and the control plane, replicas set by an autoscaler, and fields that the
application's policy leaves to others. `fields` has these rules, which are pure.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from slipway.domain.drift import MOST_FIELDS, Drifted, DriftKind, IgnoredDrift
from slipway.domain.model import Record

from . import fields
from .diff import diff_objects, projected
from .errors import ClusterError, Missing, ObjectRefused
from .kinds import Kind, ManifestTarget
from .names import MANAGED_BY, MANAGED_BY_LABEL
from .objects import Objects, built_in, map_in_threads
from .owned import Owner
from .records import Json, Manifest
from .scaling import scales

_AUTOSCALER = built_in("autoscaling/v2", "HorizontalPodAutoscaler")
_REPLICAS = "spec.replicas"
_ENDS_BY_ITSELF = frozenset({"Job"})
"""Kinds whose objects are gone once their work is done, so that a missing one is no drift."""
_OURS = f"{MANAGED_BY_LABEL}={MANAGED_BY}"


class AppliedManifests(Record):
    """The manifests applied for one application in one environment, and when they went live."""

    owner: Owner
    manifests: tuple[Manifest, ...]
    live_for: timedelta
    ignored: tuple[IgnoredDrift, ...] = ()
    """The fields that others may write."""


class Difference(Record):
    """One object that differs from what was applied, with a diff for people."""

    drifted: Drifted
    diff: str


type DriftOrError = tuple[Difference, ...] | ClusterError
"""The differences of one application; or why they could not be read."""


def look_for_drift(objects: Objects, applied: Sequence[AppliedManifests], namespace: str) -> list[DriftOrError]:
    """One answer for each application, in the order given. An error concerns only that application."""
    pairs = [_targets_and_gone(objects, each, namespace) for each in applied]
    kinds = list(dict.fromkeys(target.kind for one in pairs if not isinstance(one, ClusterError) for target in one[0]))
    lists = map_in_threads(lambda kind: _metadata(objects, kind, namespace, applied), kinds)
    live = dict(zip(kinds, lists, strict=True))

    def differing(one: AppliedManifests, targets: Sequence[ManifestTarget], gone: Sequence[Difference]) -> DriftOrError:
        try:
            differences = map_in_threads(lambda target: _difference(objects, target, live[target.kind], one), targets)
        except ClusterError as error:
            return error
        return (*filter(None, differences), *gone)

    return [
        each if isinstance(each, ClusterError) else differing(one, *each)
        for one, each in zip(applied, pairs, strict=True)
    ]


def _targets_and_gone(
    objects: Objects, applied: AppliedManifests, namespace: str
) -> tuple[list[ManifestTarget], list[Difference]] | ClusterError:
    """The objects to look at, and those that are gone because the definition of their kind is gone."""
    try:
        targets, unknown = objects.kinds.known_targets(applied.manifests, namespace)
    except ClusterError as error:
        return error
    refused = next((error for _, error in unknown if not isinstance(error, Missing)), None)
    gone = [_missing(str(manifest["kind"]), str(manifest["metadata"]["name"])) for manifest, _ in unknown]
    return refused or (_watched(targets), gone)


def _watched(targets: Sequence[ManifestTarget]) -> list[ManifestTarget]:
    return [target for target in targets if target.namespace and target.kind.kind not in _ENDS_BY_ITSELF]


def _metadata(
    objects: Objects, kind: Kind, namespace: str, applied: Sequence[AppliedManifests]
) -> Mapping[str, Json] | ClusterError:
    """The metadata of all objects of a kind that Slipway applied in the namespace, by name; or why that fails."""
    try:
        return _metadata_by_name(objects, kind, namespace, applied)
    except Missing:  # the definition was deleted, and its objects with it
        return {}
    except ClusterError as error:
        return error


def _metadata_by_name(
    objects: Objects, kind: Kind, namespace: str, applied: Sequence[AppliedManifests]
) -> Mapping[str, Json]:
    page = objects.page(kind, namespace, selector=_OURS)
    if not page.more:
        return _by_name(page.items)
    by_name: dict[str, Json] = {}
    for one in applied:  # a crowded namespace: a list for each application
        page = objects.page(kind, namespace, selector=one.owner.selector)
        if page.more:
            raise ObjectRefused(f"there are more than {len(page.items)} {kind.plural} of {one.owner.application}")
        by_name |= _by_name(page.items)
    return by_name


def _by_name(items: Sequence[Json]) -> dict[str, Json]:
    return {str(item["metadata"]["name"]): item["metadata"] for item in items}


def _difference(
    objects: Objects, target: ManifestTarget, live: Mapping[str, Json] | ClusterError, applied: AppliedManifests
) -> Difference | None:
    if isinstance(live, ClusterError):
        raise live
    try:
        metadata = live.get(target.name) or objects.metadata(target.kind, target.name, target.namespace)
    except Missing:
        metadata = None
    if metadata is None:
        return _missing(target.kind.kind, target.name)
    written = fields.managed_fields(
        target.manifest,
        metadata.get("managedFields") or (),
        after=objects.connection.date - applied.live_for if objects.connection.date else None,
        ignored=[rule for rule in applied.ignored if rule.concerns(target.kind.group, target.kind.kind, target.name)],
    )
    if not written.anything:
        return None
    live_object = objects.get(target.kind, target.name, target.namespace)
    if live_object is None:
        return _missing(target.kind.kind, target.name)
    return _real_difference(objects, target, live_object, written)


def _missing(kind: str, name: str) -> Difference:
    return Difference(drifted=Drifted(what=DriftKind.MISSING, kind=kind, name=name), diff="")


def _real_difference(
    objects: Objects, target: ManifestTarget, live: Json, written: fields.ForeignWrites
) -> Difference | None:
    """The real differences: a field that somebody else set to the manifest's value is none."""
    changed = [
        path for path in written.lost if _differs(fields.value_at(live, path), fields.value_at(target.manifest, path))
    ]
    scaled = changed and _REPLICAS in map(fields.path_text, changed) and _is_autoscaled(objects, target)
    paths = [fields.path_text(path) for path in changed if not (scaled and fields.path_text(path) == _REPLICAS)]
    paths += written.added
    if not paths and written.ours:
        return None
    drifted = Drifted(
        what=DriftKind.CHANGED if written.ours else DriftKind.REPLACED,
        kind=target.kind.kind,
        name=target.name,
        fields=tuple(name[:300] for name in paths[:MOST_FIELDS]),
        by=written.by[:128],
        at=written.at,
    )
    shown = projected(live, target.manifest)
    if scaled:
        shown["spec"]["replicas"] = target.manifest["spec"]["replicas"]
    return Difference(drifted=drifted, diff=diff_objects(shown, target.manifest))


def _differs(live: object, desired: object) -> bool:
    """Whether the live value differs from the manifest's; fields that the manifest does not name do not count."""
    return bool(projected(live, desired) != desired)


def _is_autoscaled(objects: Objects, target: ManifestTarget) -> bool:
    return any(scales(each, target) for each in objects.list(_AUTOSCALER, target.namespace or "", selector=""))
