"""What steps have their effects on, in memory: a cluster that keeps objects, and a channel that keeps messages.

The registries are real clients that lead to registries in memory (`tests/unit/effects/registry`); only what they ask
of Azure's metadata API, which has no double without sockets, is answered here.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.domain.application import HttpProbe
from slipway.effects.cluster import (
    AppliedObject,
    Change,
    ClusterError,
    JobState,
    ObjectChange,
    Orphan,
    Preview,
    ProbeResult,
    RolloutState,
    RunningImage,
    State,
)
from slipway.effects.notification import Message, NotificationError
from slipway.effects.registry import Anonymous, Lock, Registry, RegistryEndpoint, RegistryError, TagInfo
from tests.unit.effects.registry.artifacts import Built
from tests.unit.effects.registry.memory_registry import MemoryPool, MemoryRegistry, Reply, Request

type Reach = Callable[[str], None]


def nowhere(_: str) -> None:
    """No crash."""


class Time:
    """A clock that is moved by hand."""

    def __init__(self, now: datetime = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def wait(self, time: timedelta) -> None:
        self.now += time


class RegistryDouble(Registry):
    """A registry in memory, reached by the real client."""

    def __init__(self, name: str, clock: Callable[[], datetime]) -> None:
        self.held = MemoryRegistry()
        self.errors: list[RegistryError] = []
        """Raised by the next requests, one each."""
        self.locked: dict[tuple[str, str], str] = {}
        self.pushed: dict[tuple[str, str], datetime] = {}
        self.lists = 0
        self._clock = clock
        host = f"{name}.test"
        pool = MemoryPool(**{host: self._handle})
        super().__init__(RegistryEndpoint(host), Anonymous(), pool=pool, pause=lambda seconds: None)

    def _handle(self, request: Request) -> Reply:
        if self.errors:
            raise self.errors.pop(0)
        return self.held.handle(request)

    def seed(self, repository: str, built: Built, tag: str) -> str:
        self.pushed[repository, tag] = self._clock()
        return self.held.seed(repository, built, tag)

    def lose(self, repository: str, digest: str) -> None:
        """The image was purged."""
        del self.held.manifests[repository, digest]

    def lock(self, repository: str, tag: str, digest: str) -> Lock:
        assert self.resolve(repository, tag) == digest
        self.locked[repository, tag] = digest
        return Lock.LOCKED

    def recent_tags(self, repository: str, limit: int) -> list[TagInfo]:
        self.lists += 1
        if self.errors:
            raise self.errors.pop(0)
        found = [
            TagInfo(tag=tag, digest=self.held.tags[place, tag], updated_at=at)
            for (place, tag), at in self.pushed.items()
            if place == repository
        ]
        return sorted(found, key=lambda info: info.updated_at or self._clock(), reverse=True)[:limit]


class ClusterDouble:
    """Keeps what is applied; a rollout is seen as done at its second look, unless its image is broken."""

    def __init__(self, reach: Reach = nowhere) -> None:
        self.reach = reach
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.applied = 0
        self.broken: set[str] = set()
        """Digests of images that never come up."""
        self.slow: set[str] = set()
        """Digests of images that take for ever."""
        self.errors: list[ClusterError] = []
        """Raised by the next calls, one each."""
        self.orphans: tuple[Orphan, ...] = ()
        self.jobs: dict[str, JobState] = {}
        self.jobs_started: list[str] = []
        self.job_ends = JobState(state=State.DONE, reason="1 of 1 pods succeeded")
        self.log = "1 test\n1 passed\n"
        self.probes: list[ProbeResult] = []
        """Answers of the next probes; then they pass."""
        self._looks: dict[tuple[str, str, str], int] = {}

    def preview(self, manifests: Sequence[dict[str, Any]], namespace: str) -> Preview:
        self._maybe_fail()
        changes = tuple(
            ObjectChange(
                kind=manifest["kind"], name=manifest["metadata"]["name"], change=self._change(manifest, namespace)
            )
            for manifest in manifests
        )
        return Preview(objects=changes, orphaned=self.orphans)

    def apply(self, manifests: Sequence[dict[str, Any]], namespace: str) -> list[AppliedObject]:
        self._maybe_fail()
        done = []
        for manifest in manifests:
            self.reach("cluster apply")
            change, key = self._change(manifest, namespace), _key(manifest, namespace)
            if change is not Change.UNCHANGED:
                self.objects[key] = manifest
                self._looks[key] = 0
            done.append(AppliedObject(kind=key[1], name=key[2], created=change is Change.CREATED, generation=1))
        self.applied += 1
        self.reach("cluster applied")
        return done

    def rollout(self, manifests: Sequence[dict[str, Any]], namespace: str) -> RolloutState:
        self._maybe_fail()
        key = next(_key(m, namespace) for m in manifests if m["kind"] == "Deployment")
        if key not in self.objects:
            return RolloutState(state=State.FAILED, reason="it is not in the cluster")
        digest = self.digest(namespace)
        self._looks[key] += 1
        if digest in self.broken:
            return RolloutState(state=State.FAILED, reason="the pods crash")
        if digest in self.slow or self._looks[key] == 1:
            return RolloutState(state=State.WAITING, reason="0 of 1 pods are ready")
        return RolloutState(state=State.DONE, reason="1 of 1 pods are ready")

    def running_digests(self, manifests: Sequence[dict[str, Any]], namespace: str) -> tuple[RunningImage, ...]:
        return tuple(
            RunningImage(
                kind=kind,
                name=name,
                container=container["name"],
                image=container["image"],
                digest=container["image"].partition("@")[2] or None,
            )
            for (place, kind, name), held in self.objects.items()
            if place == namespace and kind == "Deployment"
            for container in held["spec"]["template"]["spec"]["containers"]
        )

    def start_job(self, manifest: dict[str, Any], namespace: str) -> bool:
        self._maybe_fail()
        name = manifest["metadata"]["name"]
        if name in self.jobs:
            return False
        self.reach("cluster job")
        self.jobs[name] = self.job_ends
        self.jobs_started.append(name)
        return True

    def job(self, name: str, namespace: str) -> JobState:
        return self.jobs[name]

    def job_log(self, name: str, namespace: str) -> str:
        return self.log

    def probe(self, wanted: HttpProbe, namespace: str) -> ProbeResult:
        self._maybe_fail()
        return self.probes.pop(0) if self.probes else ProbeResult(passed=True, status=200, reason="status 200")

    def digest(self, namespace: str) -> str | None:
        """The digest that the application's own container runs."""
        images = {
            image.container: image.image
            for image in self.running_digests((), namespace)
            if not image.image.startswith("docker.io/")
        }
        return next((image.partition("@")[2] for image in images.values()), None)

    def _change(self, manifest: dict[str, Any], namespace: str) -> Change:
        live = self.objects.get(_key(manifest, namespace))
        if live is None:
            return Change.CREATED
        return Change.UNCHANGED if live == manifest else Change.CHANGED

    def _maybe_fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


def _key(manifest: dict[str, Any], namespace: str) -> tuple[str, str, str]:
    return namespace, manifest["kind"], manifest["metadata"]["name"]


class Inbox:
    """A channel that keeps what it is given."""

    def __init__(self, reach: Reach = nowhere, *, shared: bool = False) -> None:
        self.reach = reach
        self.shared = shared
        self.messages: list[Message] = []
        self.errors: list[NotificationError] = []
        """Raised by the next sends, one each."""
        self.on_message: Callable[[Message], None] = lambda message: None

    def send(self, message: Message) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.reach("channel send")
        self.messages.append(message)
        self.on_message(message)
        self.reach("channel sent")

    def tokens(self) -> list[str]:
        return [m.approval_url.rpartition("/")[2] for m in self.messages if m.approval_url]
