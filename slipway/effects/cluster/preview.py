"""Finds out by a dry run on the server what applying manifests would do; part of every plan that people vote on."""

from collections.abc import Collection, Iterator, Sequence

from ...domain.images import InjectedContainer
from ...manifests.objects import without_server_fields
from . import recreating, takeover
from .beside import notes_on_additions
from .config_changes import template, unseen_changes
from .definitions import DEFINITION, defined_kinds
from .diff import diff_objects, projected
from .errors import Missing, ObjectRefused
from .given_out import without_given_out
from .hands import notes_on_owners
from .kinds import ManifestTarget
from .objects import Objects, map_in_threads
from .obstacles import obstacle_of
from .owned import also_applied, check_owner
from .records import AppliedChange, ClusterPreview, Json, ObjectChange
from .replacing import job_failed, may_replace
from .scaling import with_live_replicas


def preview(
    objects: Objects, targets: Sequence[ManifestTarget], namespace: str, injected: Sequence[InjectedContainer] = ()
) -> ClusterPreview:
    """Compare each object with the live one."""
    makes_namespace = any(t.kind.kind == "Namespace" and t.name == namespace for t in targets)

    def change(target: ManifestTarget, redefined: Collection[tuple[str, str]] = ()) -> ObjectChange:
        try:
            return _change(objects, target, makes_namespace=makes_namespace, injected=injected)
        except ObjectRefused as refused:
            if (target.kind.api_version, target.kind.kind) not in redefined:
                raise
            return _change_after_redefinition(objects, target, refused)

    definitions = [target for target in targets if target.kind.kind == DEFINITION]
    others = [target for target in targets if target.kind.kind != DEFINITION]
    first = map_in_threads(change, definitions)
    redefined = {
        (each.api_version, each.kind)
        for definition, its_change in zip(definitions, first, strict=True)
        if its_change.change is not AppliedChange.UNCHANGED
        for each in defined_kinds([definition.manifest])
    }
    rest = map_in_threads(lambda target: change(target, redefined), others)
    by_path = {
        target.path: its_change for target, its_change in zip((*definitions, *others), (*first, *rest), strict=True)
    }
    changes = [by_path[target.path] for target in targets]
    warnings = unseen_changes([target.manifest for target in targets], changes)
    return ClusterPreview(objects=tuple(warnings))


NOT_DEFINED_YET = "its definition comes with this release, so that the cluster could not check it"


def _change_after_redefinition(objects: Objects, target: ManifestTarget, refused: ObjectRefused) -> ObjectChange:
    """The change of an object that the cluster refuses because of a definition that this release replaces first."""
    live, manifest = objects.get(target.kind, target.name, target.namespace), without_server_fields(target.manifest)
    before = None if live is None else projected(without_server_fields(live), manifest)
    change = AppliedChange.CREATED if live is None else AppliedChange.CHANGED
    warning = f"its definition changes with this release; by the one that the cluster has now it is refused: {refused}"
    return _object_change(target, change, diff_objects(before, manifest), checked=False).evolve(warnings=(warning,))


def _change(
    objects: Objects, target: ManifestTarget, *, makes_namespace: bool, injected: Sequence[InjectedContainer]
) -> ObjectChange:
    manifest = without_server_fields(target.manifest)
    try:
        live = objects.get(target.kind, target.name, target.namespace)
    except Missing:
        if not target.kind.defined_by_release:
            raise
        diff = diff_objects(None, manifest)
        return _object_change(target, AppliedChange.CREATED, diff, checked=False).evolve(warnings=(NOT_DEFINED_YET,))
    if live is not None:
        check_owner(target, live)
    before = None if live is None else without_server_fields(live)
    try:
        answered = recreating.apply_or_recreate(objects, with_live_replicas(target, live), dry_run=True)
    except Missing as missing:
        if not (makes_namespace and missing.kind == "namespaces"):
            raise
        return _object_change(target, AppliedChange.CREATED, diff_objects(None, manifest), checked=False)
    except ObjectRefused as refused:
        if live is None or not may_replace(target, live, refused):
            raise
        return _object_change(
            target, AppliedChange.REPLACED, diff_objects(projected(without_server_fields(live), manifest), manifest)
        )
    answer = answered.body if live is not None else without_given_out(answered.body, target.manifest)
    going, staying = takeover.removed_fields(objects, target, live) if live is not None else ([], "")
    after = without_server_fields(takeover.without_paths(answer, going))
    foreign = notes_on_additions(target.manifest, after, answer, injected)
    change = AppliedChange.UNCHANGED if before == after else AppliedChange.CHANGED
    if live is None:
        change = AppliedChange.CREATED
    elif job_failed(target, live):
        change = AppliedChange.REPLACED
    return _object_change(target, change, diff_objects(before, after)).evolve(
        restarts=live is None or template(live) != template(after),
        warnings=tuple(
            filter(None, (*foreign.warnings, *_obstacle_warnings(live, answer), staying, *answered.warnings))
        ),
        notes=(
            *foreign.notes,
            *(() if live is None else notes_on_owners(live, answer, going)),
            *_kept_replicas(target, live),
        ),
    )


def _obstacle_warnings(live: Json | None, answer: Json) -> Iterator[str]:
    yield obstacle_of(live, answer)
    yield also_applied(live["metadata"]) if live is not None else ""


def _kept_replicas(target: ManifestTarget, live: Json | None) -> Iterator[str]:
    if live is not None and (whole := with_live_replicas(target, live)) is not target:
        yield f"its replicas stay at {whole.manifest['spec']['replicas']}, as the manifest does not say how many"


def _object_change(target: ManifestTarget, change: AppliedChange, diff: str, *, checked: bool = True) -> ObjectChange:
    return ObjectChange(
        kind=target.kind.kind,
        name=target.name,
        change=change,
        diff=diff,
        checked=checked,
    )
