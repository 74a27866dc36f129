"""Jobs around a rollout: each is created once, however often it is asked for, and looked at until it has ended.

A Job's name is made of its release and its content. So an existing Job of that name was either made by an earlier try,
or is in the way. The uid tells them apart if it is known; otherwise the Job's own fields do.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ...domain.images import InjectedContainer
from ...domain.steps import StartedJob
from ...manifests.around import RELEASE
from . import jobs
from .as_planned import difference_from_template
from .errors import ObjectRefused
from .fencing import FencedObjects
from .kinds import ManifestTarget
from .names import APPLICATION_LABEL, ATTEMPT_ANNOTATION, MANAGED_BY_LABEL
from .records import OnceState, ProgressState
from .rules import job

_DIGITS = 9
"""Our annotations have no more digits than this."""


def run(
    objects: FencedObjects,
    target: ManifestTarget,
    *,
    uid: str,
    earlier: str,
    attempt: int,
    injected: Sequence[InjectedContainer] = (),
) -> OnceState:
    """Make the Job unless it was made already, and look at it.

    `uid` is that of the Job made by this step, `earlier` that of a previous attempt; each is empty if unknown. A Job
    that failed in a previous attempt is created again. Raises `ObjectRefused` for a Job in the way, and
    `ObjectConflict` if another worker was quicker.
    """
    live = objects.get(target.kind, target.name, target.namespace)
    if live is None and not uid:
        return _start_attempt(objects, target, attempt)
    if live is not None:
        if why := _why_not_ours(target, live, uid or earlier):
            raise ObjectRefused(f"{target.label} {why}: delete it, or give the Job in the bundle another name")
        if job(live).state is ProgressState.FAILED and _attempt(live) < attempt:
            _delete(objects, target, live)
            return _start_attempt(objects, target, attempt)
        uid = str(live["metadata"]["uid"])
    started = StartedJob(name=target.name, uid=uid)
    state = jobs.state(objects, started, target.manifest, str(target.namespace), injected)
    return OnceState(uid=uid, state=state.state, reason=state.reason)


def withdraw_job(objects: FencedObjects, target: ManifestTarget, *, uid: str) -> bool:
    """Delete the Job if it is still that one, so that it does not run when nobody waits for it any more."""
    live = objects.get(target.kind, target.name, target.namespace)
    if live is None or live["metadata"]["uid"] != uid:
        return False
    _delete(objects, target, live)
    return True


def _start_attempt(objects: FencedObjects, target: ManifestTarget, attempt: int) -> OnceState:
    metadata = target.manifest["metadata"]
    annotations = {**(metadata.get("annotations") or {}), ATTEMPT_ANNOTATION: str(attempt)}
    manifest = {**target.manifest, "metadata": {**metadata, "annotations": annotations}}
    made = jobs.start_job(objects, target.evolve(manifest=manifest))
    return OnceState(uid=made.uid, state=ProgressState.WAITING, reason="the Job was started")


def _delete(objects: FencedObjects, target: ManifestTarget, live: Mapping[str, Any]) -> None:
    objects.delete(target.kind, target.name, target.namespace, live["metadata"])


def _attempt(live: Mapping[str, Any]) -> int:
    text = str((live["metadata"].get("annotations") or {}).get(ATTEMPT_ANNOTATION, ""))
    return int(text[:_DIGITS]) if text.isdecimal() else 0


def _why_not_ours(target: ManifestTarget, live: Mapping[str, Any], uid: str) -> str:
    """Why the live Job is not the one that was made for this release; empty if it is."""
    if uid:
        return "" if live["metadata"]["uid"] == uid else "is not the one that was made for this release"
    if _marks(live) != _marks(target.manifest):
        return "is there already, and was not made for this release"
    why = difference_from_template(_template(target.manifest), _template(live))
    return f"is there already, and runs something else: {why}" if why else ""


def _marks(of: Mapping[str, Any]) -> tuple[Any, ...]:
    metadata = of["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return labels.get(MANAGED_BY_LABEL), labels.get(APPLICATION_LABEL), annotations.get(RELEASE)


def _template(of: Mapping[str, Any]) -> Mapping[str, Any]:
    """The spec of the pods."""
    return ((of.get("spec") or {}).get("template") or {}).get("spec") or {}
