"""Helm: how a chart is rendered, and what happens to its hooks, its tests and its definitions of kinds.

Helm itself runs hooks while it installs. Here they become the Jobs before and after a rollout, if that means the same;
a hook that would run at other times than its author expects is refused by name. Hooks of events that Slipway never has
(uninstall) and parts that are not for a rollout (`helm test`, `crds/`) are left out, with a note.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Final

from ..manifests.documents import Document
from ..manifests.objects import check_job
from ..manifests.problems import ConfigError, Findings, short_value
from .contents import ContentPart
from .model import RenderTarget
from .rendering import RenderedObject, file_names

VALUES_FILE: Final = "values.yaml"
_HOOK: Final = "helm.sh/hook"
_WEIGHT: Final = "helm.sh/hook-weight"
_DELETE: Final = "helm.sh/hook-delete-policy"
_AT: Final = ("metadata", "annotations", _HOOK)
_CRDS: Final = re.compile(r"[^/]+(?:/charts/[^/]+)*/crds/.+")
_WHOLE_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}")


class _Fate(Enum):
    """What happens to a hook."""

    BEFORE = ContentPart.BEFORE
    AFTER = ContentPart.AFTER
    TEST = "test"
    NEVER = "never"
    REFUSED = "refused"


class _HelmHook(Enum):
    """The events of Helm that a hook may be for, and what happens to it."""

    PRE_INSTALL = ("pre-install", _Fate.BEFORE)
    PRE_UPGRADE = ("pre-upgrade", _Fate.BEFORE)
    POST_INSTALL = ("post-install", _Fate.AFTER)
    POST_UPGRADE = ("post-upgrade", _Fate.AFTER)
    TEST = ("test", _Fate.TEST)
    TEST_SUCCESS = ("test-success", _Fate.TEST)
    PRE_DELETE = ("pre-delete", _Fate.NEVER)
    POST_DELETE = ("post-delete", _Fate.NEVER)
    PRE_ROLLBACK = ("pre-rollback", _Fate.REFUSED)
    POST_ROLLBACK = ("post-rollback", _Fate.REFUSED)

    def __init__(self, event: str, fate: _Fate) -> None:
        self.event, self.fate = event, fate


_BY_EVENT: Final = {hook.event: hook for hook in _HelmHook}


@dataclass(frozen=True, kw_only=True)
class HelmChart:
    """A chart with its objects in their places in a bundle, and the parts that were left out or mean something else
    here."""

    parts: dict[ContentPart, dict[str, Document]]
    """By part and file name."""
    notes: tuple[str, ...]


def helm_arguments(chart: Path, values: Iterable[Path], target: RenderTarget, *, application: str) -> tuple[str, ...]:
    """The arguments of `helm`. The chart is given as a path, so it is never looked for in a repository of charts."""
    value_files = [item for file in values for item in ("--values", str(file))]
    apis = [item for api in target.apis for item in ("--api-versions", api)]
    version = f"v{target.kubernetes}.0"  # without it Helm takes a version that it was compiled with
    fixed = ("--namespace", target.namespace, "--kube-version", version, "--include-crds")
    return ("template", application, str(chart.resolve()), *fixed, *apis, *value_files)


def sort_chart_objects(rendered: Iterable[RenderedObject]) -> HelmChart:
    """Raises `ConfigError` with every hook that is refused."""
    findings = Findings()
    notes: list[str] = []
    manifests: list[RenderedObject] = []
    jobs: dict[ContentPart, list[tuple[int, RenderedObject]]] = {ContentPart.BEFORE: [], ContentPart.AFTER: []}
    for each in rendered:
        if _CRDS.fullmatch(each.source):
            advice = "Helm never changes it later; to deliver it, put it beside values.yaml"
            notes.append(f"{_object_name(each)}: left out: {advice}")
        elif _annotations(each.document.value).get(_HOOK) is None:
            manifests.append(each)
        else:
            with findings.collecting():
                fate = _fate(each)
                if isinstance(fate.value, ContentPart):
                    jobs[fate.value].append((_weight(each), each))
                notes += _notes_on(each, fate)
    findings.raise_any()
    parts = {ContentPart.MANIFESTS: _files(manifests)}
    for part, listed in jobs.items():
        parts[part] = _in_order(listed)
        for name, document in parts[part].items():
            notes.append(f"{document.file} runs {part.value} each rollout, as {part.value}/{name}")
    return HelmChart(parts=parts, notes=tuple(notes))


def _files(rendered: list[RenderedObject]) -> dict[str, Document]:
    return {name: each.document for name, each in zip(file_names(rendered), rendered, strict=True)}


def _in_order(listed: list[tuple[int, RenderedObject]]) -> dict[str, Document]:
    """Hooks as files whose names sort in Helm's order: by weight, then by name."""
    jobs = [replace(each, document=_without_hook(each.document)) for _, each in sorted(listed, key=_order)]
    names = [name.removeprefix("job-") for name in file_names(jobs)]
    if len({weight for weight, _ in listed}) > 1:
        names = [f"{number:02}-{name}" for number, name in enumerate(names, start=1)]
    return {name: job.document for name, job in zip(names, jobs, strict=True)}


def _order(weighed: tuple[int, RenderedObject]) -> tuple[int, str]:
    return weighed[0], str(weighed[1].document.value["metadata"].get("name"))


def _fate(each: RenderedObject) -> _Fate:
    """What happens to a hook. Raises `ConfigError`."""
    document, text = each.document, _annotations(each.document.value)[_HOOK]

    def refused(expected: str, advice: str) -> ConfigError:
        return ConfigError(
            [document.problem(_AT, f"{_object_name(each)}: {advice}", expected=expected, got=short_value(text))]
        )

    events = [event.strip() for event in str(text).split(",")]
    hooks = {_BY_EVENT[event] for event in events if event in _BY_EVENT}
    if len(hooks) != len(set(events)):
        raise refused(f"hooks of {', '.join(_BY_EVENT)}", "an unknown hook would never run")
    fates = {hook.fate for hook in hooks}
    if _Fate.REFUSED in fates:
        raise refused(
            "no hook of a rollback", "Slipway's rollback applies the release live before, and runs no hook of Helm"
        )
    runs = fates & {_Fate.BEFORE, _Fate.AFTER}
    if len(runs) > 1:
        raise refused("a hook on one side of the rollout", "make it two Jobs")
    if not runs:
        return _Fate.TEST if _Fate.TEST in fates else _Fate.NEVER
    if not hooks & {_HelmHook.PRE_UPGRADE, _HelmHook.POST_UPGRADE}:
        expected = "pre-upgrade or post-upgrade too"
        raise refused(expected, "Helm runs it once, at the first installation, and here it would run at each rollout")
    if problems := tuple(check_job(document, document.value)):
        advice = "only Jobs run before and after a rollout: without the annotation it is an ordinary object"
        raise ConfigError(replace(problem, message=f"{_object_name(each)}: {advice}") for problem in problems)
    return runs.pop()


def _weight(each: RenderedObject) -> int:
    text = _annotations(each.document.value).get(_WEIGHT, "0")
    if not _WHOLE_NUMBER.fullmatch(str(text)):
        steps = ("metadata", "annotations", _WEIGHT)
        raise ConfigError([each.document.problem(steps, expected="a whole number", got=short_value(text))])
    return int(text)


def _notes_on(each: RenderedObject, fate: _Fate) -> list[str]:
    """Differences from what a reader of the chart would expect."""
    object_name, annotations = _object_name(each), _annotations(each.document.value)
    if fate is _Fate.TEST:
        advice = "as a file in verification/ it would run after each rollout"
        return [f"{object_name}: left out: it is for `helm test`; {advice}"]
    if fate is _Fate.NEVER:
        return [f"{object_name}: left out: Slipway does not uninstall"]
    notes = []
    if not {"pre-install", "post-install"} & {event.strip() for event in str(annotations[_HOOK]).split(",")}:
        notes.append(
            f"{object_name}: Helm would not run it at the first installation, and here it runs at each rollout"
        )
    if annotations.get(_DELETE) is not None:
        notes.append(f"{object_name}: the delete policy {short_value(annotations[_DELETE])} of Helm has no effect here")
    return notes


def _without_hook(document: Document) -> Document:
    value = document.value
    annotations = {key: item for key, item in _annotations(value).items() if not key.startswith(_HOOK)}
    metadata = {key: item for key, item in value["metadata"].items() if key != "annotations"}
    return replace(
        document, value={**value, "metadata": metadata | ({"annotations": annotations} if annotations else {})}
    )


def _annotations(value: Any) -> dict[str, Any]:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return annotations if isinstance(annotations, dict) else {}


def _object_name(each: RenderedObject) -> str:
    value = each.document.value
    metadata = value.get("metadata") if isinstance(value, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{each.source}: {value.get('kind') if isinstance(value, dict) else 'object'} {name}"
