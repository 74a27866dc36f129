"""Why a rollout failed: the output of the containers that do not run, of this run and the previous one, and the events.

It is read once, when a rollout is given up. A part that cannot be read is replaced by the reason: a diagnosis never
fails anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slipway.domain.model import Record

from ...domain.secrets import without_secrets
from .errors import ClusterError
from .events import event_time, warnings_about
from .jobs import container_log
from .kinds import ManifestTarget
from .objects import Objects
from .records import Json, ProgressState, RolloutState
from .rollout import evidence_of
from .rules import WITH_PODS, watched

MAX_TEXT = 256 * 1024
_WORKLOADS, _PODS, _CONTAINERS, _EVENTS = 5, 3, 4, 20
_LOG = 16 * 1024
"""Bytes of one container's log."""
_MOST_LINES = 3
_MOST_CHARACTERS = 400
"""Characters of the last lines that the reason quotes."""


class Diagnosis(Record):
    """The evidence that was read."""

    text: str
    """The whole text, for people who look into it."""
    last_lines: str
    """The last lines of the first program that does not run and has written any; empty if there are none."""


def diagnose(objects: Objects, targets: Sequence[ManifestTarget], state: RolloutState) -> Diagnosis:
    """Look at the first workloads that are not done."""
    open_ones = {(o.kind, o.name) for o in state.objects if o.state is not ProgressState.DONE}
    parts, lines = [f"{state.reason}\n"], ""
    for target in [t for t in targets if (t.kind.kind, t.name) in open_ones][:_WORKLOADS]:
        try:
            for title, text in _evidence_about(objects, target):
                parts.append(f"\n== {title}\n{text}")
                lines = lines or (last_lines(text) if title.startswith("log") else "")
        except ClusterError as error:
            parts.append(f"\n== {target.label}\n[it could not be read: {error}]\n")
    return Diagnosis(text=without_secrets("".join(parts))[-MAX_TEXT:], last_lines=without_secrets(lines))


def last_lines(log: str) -> str:
    """The last lines of a log joined into one line, without the lines in brackets that Slipway itself has written."""
    lines = [line.strip() for line in log.splitlines() if line.strip() and not line.startswith("[")]
    return " / ".join(lines[-_MOST_LINES:])[-_MOST_CHARACTERS:]


def _evidence_about(objects: Objects, target: ManifestTarget) -> Iterator[tuple[str, str]]:
    """Titles and texts of the evidence about one workload."""
    live = objects.get(target.kind, target.name, target.namespace)
    if live is None or target.namespace is None:
        return
    kind = watched(target.kind.api_version, target.kind.kind)
    evidence = evidence_of(objects, target, live) if kind in WITH_PODS else None
    pods = evidence.pods if evidence else ()
    subjects = [live, *pods, *([evidence.replica_set] if evidence and evidence.replica_set else [])]
    if events := warnings_about(objects, target.namespace, subjects):
        yield f"events of {target.label}", "".join(map(_line, events[:_EVENTS]))
    for pod in [pod for pod in pods if any(_troubled(pod))][:_PODS]:
        for container, restarted in list(_troubled(pod))[:_CONTAINERS]:
            yield from _logs(objects, target.namespace, str(pod["metadata"]["name"]), container, restarted=restarted)


def _logs(objects: Objects, namespace: str, pod: str, container: str, *, restarted: bool) -> Iterator[tuple[str, str]]:
    """The log of the previous run comes first: that run has ended, and its log says why."""
    for previous in (True, False) if restarted else (False,):
        title = f"log of {pod}/{container}" + (", the run before" if previous else "")
        try:
            text = container_log(objects.connection, namespace, pod, container, _LOG, previous=previous)
        except ClusterError as error:
            text = f"[it could not be read: {error}]\n"
        yield title, text or "[it said nothing]\n"


def _troubled(pod: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """The containers that neither run nor have succeeded, and whether they ran before."""
    status = pod.get("status") or {}
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(field) or ():
            ended = (container.get("state") or {}).get("terminated") or {}
            if not container.get("ready") and ended.get("exitCode") != 0:
                yield str(container.get("name")), int(container.get("restartCount") or 0) > 0


def _line(event: Json) -> str:
    subject, count = event.get("involvedObject") or {}, event.get("count") or 1
    times = f" ({count} times)" if count != 1 else ""
    what = f"{subject.get('kind')}/{subject.get('name')}: {event.get('reason')}: {event.get('message')}"
    return f"{event_time(event)} {what}{times}\n"
