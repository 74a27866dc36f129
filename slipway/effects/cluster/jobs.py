"""Jobs of one attempt, such as acceptance tests: start a Job, read its state, read its log."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from http import HTTPStatus
from secrets import token_hex

from slipway.domain.images import InjectedContainer
from slipway.domain.steps import StartedJob

from .as_planned import other_than_planned
from .connection import Connection, Query
from .errors import from_answer
from .fencing import FencedObjects
from .kinds import ManifestTarget
from .names import VERIFICATION_LABEL
from .objects import Objects, built_in
from .pods import owned_by
from .records import JobState, Json, Manifest, ProgressState
from .rollout import look_at

MAX_LOG = 256 * 1024
MAX_PODS = 10
MAX_LINES = 10_000
MAX_READ = 32 * 1024 * 1024
"""The most bytes read of one container's log, even if its end is not reached; lines can be of any length."""

_RANDOM_BYTES = 4
"""The number of random bytes in a name that cannot be predicted."""
_JOB = built_in("batch/v1", "Job")
_POD = built_in("v1", "Pod")


def with_random_name(manifest: Manifest) -> Json:
    """A Job of acceptance tests under a name that nobody can take before us; `once` has Jobs with a predictable
    name."""
    metadata = manifest["metadata"]
    labels = {**(metadata.get("labels") or {}), VERIFICATION_LABEL: "true"}
    job_metadata = {**metadata, "labels": labels, "name": f"{metadata['name']}-{token_hex(_RANDOM_BYTES)}"}
    return {**manifest, "metadata": job_metadata}


def start_job(objects: FencedObjects, target: ManifestTarget) -> StartedJob:
    """Create the Job. The server's answer identifies it; nothing that is found later does."""
    metadata = objects.create(target).body["metadata"]
    return StartedJob(name=metadata["name"], uid=metadata["uid"])


def state(
    objects: Objects,
    started: StartedJob,
    manifest: Manifest,
    namespace: str,
    injected: Sequence[InjectedContainer] = (),
) -> JobState:
    target = ManifestTarget(manifest={}, kind=_JOB, name=started.name, namespace=namespace)
    live = objects.get(_JOB, started.name, namespace)
    uid = str(live["metadata"].get("uid")) if live is not None else started.uid
    if uid != started.uid:
        reason = f"Job {started.name} was replaced: Slipway created {started.uid}, but the Job there now is {uid[:64]}"
        return JobState(state=ProgressState.FAILED, reason=reason, foreign=True)
    verdict = look_at(objects, target, live)
    is_done = verdict.state is ProgressState.DONE
    why = other_than_planned(manifest, _pods(objects, started, namespace), injected) if is_done else ""
    if why:
        return JobState(state=ProgressState.FAILED, reason=why, foreign=True)
    began = datetime.fromisoformat(live["metadata"]["creationTimestamp"]) if live is not None else None
    return JobState(state=verdict.state, reason=verdict.reason, began=began)


def _pods(objects: Objects, started: StartedJob, namespace: str) -> list[Json]:
    """The pods that claim to be the Job's. The cluster counts them all, whoever made them."""
    labelled = objects.list(_POD, namespace, selector=f"batch.kubernetes.io/controller-uid={started.uid}")
    return owned_by({"metadata": {"uid": started.uid}}, labelled)


def log(objects: Objects, started: StartedJob, namespace: str, limit: int) -> str:
    """The end of the output of the Job's newest pods' containers; lines in brackets are Slipway's own."""
    name, pods = started.name, _pods(objects, started, namespace)
    pods.sort(key=lambda pod: (str(pod["metadata"].get("creationTimestamp", "")), pod["metadata"]["name"]))
    containers = list(_containers(pods[-MAX_PODS:]))
    if not containers:
        return f"[no pod of Job {name} is in namespace {namespace}]\n"
    share = max(limit // len(containers), 1)
    parts = []
    for pod, container in containers:
        text = container_log(objects.connection, namespace, pod, container, share)
        parts.append(f"[{pod}/{container}]\n{text}" if len(containers) > 1 else text)
    return "".join(parts)


def _containers(pods: Iterable[Json]) -> Iterator[tuple[str, str]]:
    for pod in pods:
        spec = pod.get("spec") or {}
        for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
            yield pod["metadata"]["name"], container["name"]


def container_log(
    connection: Connection, namespace: str, pod: str, container: str, limit: int, *, previous: bool = False
) -> str:
    """The end of one container's output; with `previous`, of the run before. Raises `ClusterError`."""
    before: Query = (("previous", "true"),) if previous else ()
    query: Query = (("container", container), ("tailLines", str(MAX_LINES)), *before)
    what = f"read the log of {pod}/{container}"
    path, headers = _POD.path(namespace, pod, "log"), {"Accept": "*/*"}
    with connection.stream("GET", path, what=what, query=query, headers=headers) as stream:
        if stream.refused:
            refusal, _ = stream.head(limit)
            error = from_answer(stream.status, refusal, what=what)
            if stream.status in (
                HTTPStatus.BAD_REQUEST,
                HTTPStatus.NOT_FOUND,
            ):  # the container has not started, or the pod is gone by now
                return f"[{error}]\n"
            raise error
        tail, cut = last_bytes(stream.pieces(), limit)
    text = tail.decode(errors="replace")
    mark = f"[cut: only the last {len(tail)} bytes are kept]\n" if cut else ""
    return mark + text + ("" if text.endswith("\n") or not text else "\n")


def last_bytes(pieces: Iterable[bytes], limit: int) -> tuple[bytes, bool]:
    """The last `limit` bytes, from the start of a line if possible, and whether anything before them was cut."""
    buffer, read, lines = bytearray(), 0, 0
    for piece in pieces:
        buffer += piece
        read += len(piece)
        lines += piece.count(b"\n")
        if len(buffer) > 2 * limit:
            del buffer[: len(buffer) - limit]
        if read > MAX_READ:
            break
    if read > limit:
        tail = bytes(buffer[-limit:])
        return tail[tail.find(b"\n", 0, -1) + 1 :], True
    return bytes(buffer), lines >= MAX_LINES
