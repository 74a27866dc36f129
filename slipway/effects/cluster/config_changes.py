"""Warns of a ConfigMap or Secret that changes while the pods that read it stay: they go on with the old content.

Pure, over what a preview has found for each object.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...manifests.configuration import Reading, readings
from .records import AppliedChange, ObjectChange

_SHOWN = 3
AT_START = "read only at start by pods that stay, which go on with the old content: {workloads}"
AS_FOLDER = (
    "mounted in pods that stay: files change after a minute or two, and the program has to read them again: {workloads}"
)


def unseen_changes(manifests: Sequence[Mapping[str, Any]], changes: Sequence[ObjectChange]) -> tuple[ObjectChange, ...]:
    """The changes, with a warning on each ConfigMap and Secret that running pods see too late, or never."""
    read = [
        (f"{change.kind}/{change.name}", readings(manifest))
        for manifest, change in zip(manifests, changes, strict=True)
        if not change.restarts
    ]
    return tuple(_with_warnings(change, read) for change in changes)


def template(workload: Mapping[str, Any]) -> Any:
    """The pod template of a workload; None for any other object."""
    return (workload.get("spec") or {}).get("template")


def _with_warnings(change: ObjectChange, read: Sequence[tuple[str, Mapping[tuple[str, str], Reading]]]) -> ObjectChange:
    if change.kind not in ("ConfigMap", "Secret") or change.change is not AppliedChange.CHANGED:
        return change
    readings_by_object = {
        label: readings_by_object[change.kind, change.name]
        for label, readings_by_object in read
        if (change.kind, change.name) in readings_by_object
    }
    return change.evolve(warnings=(*change.warnings, *_warnings(readings_by_object)))


def _warnings(readings: Mapping[str, Reading]) -> Iterator[str]:
    for reading, sentence in ((Reading.AT_START, AT_START), (Reading.AS_FOLDER, AS_FOLDER)):
        workloads = [label for label, each in readings.items() if each is reading]
        if workloads:
            more = f" and {len(workloads) - _SHOWN} more" if len(workloads) > _SHOWN else ""
            yield sentence.format(workloads=", ".join(workloads[:_SHOWN]) + more)
