"""One container of a pod: pulled, started, probed, restarted with growing pauses, and ended."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.guardian import Guardian

from ..podstatus import container_status
from ..resources import Json
from ..settings import Pace
from .environment import ContainerConfigError, Launch, StartError
from .images import Image
from .probes import KINDS, Probe
from .process import LogBuffer, Process
from .reference import InvalidImageNameError
from .registry import PullError

_CREATING: Json = {"waiting": {"reason": "ContainerCreating"}}
_STABLE = 600.0
"""Seconds without a crash after which the pauses start over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a container needs from its pod and from the kubelet."""

    pull: Callable[[str, str], Image]
    prepare: Callable[[Image], Launch]
    """Raises ContainerConfigError or StartError."""
    local_port: Callable[[int | str], int | None]
    guardian: Guardian
    pace: Pace
    clock: Callable[[], float]
    timestamp: Callable[[], str]
    event: Callable[[str, str, str], None]
    """Records (type, reason, message) as an Event of the pod."""


class Container:
    """Call step() at every tick; `status()` is what the pod reports."""

    def __init__(self, spec: Json, policy: str, context: Context, *, restarts: int = 0) -> None:
        """`restarts` is not 0 for a container that ran before the node was restarted."""
        self.spec = spec
        self._policy = policy
        self._context = context
        self._state: Json = _CREATING
        self._last_state: Json = {}
        self._image: Image | None = None
        self._process: Process | None = None
        self._probes: Mapping[str, Probe] = {}
        self._started = 0.0
        self._retry_at = 0.0
        self._pauses = 0
        self._restarts = restarts
        self._ready = False
        self._before_pause: Json | None = None
        self.log: LogBuffer | None = None
        self.previous_log: LogBuffer | None = None

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def exit_code(self) -> int | None:
        """The exit code, if the container has ended for good."""
        ended = self._state.get("terminated")
        return int(ended["exitCode"]) if ended and self._process is None and not self._restarting() else None

    def status(self) -> Json:
        image_id = self._image.id if self._image else ""
        return container_status(
            self.spec,
            self._state,
            ready=self._ready,
            restarts=self._restarts,
            last_state=self._last_state,
            image_id=image_id,
        )

    def step(self) -> None:
        if self._process is not None:
            self._look_after(self._process)
        elif self.exit_code is None:
            self._try_start()

    def terminate(self) -> None:
        self._ready = False
        if self._process is not None:
            self._process.terminate()

    def ended(self) -> bool:
        """Whether no process is left."""
        if self._process is not None and (code := self._process.poll()) is not None:
            self._note_end(code)
        return self._process is None

    def kill(self) -> None:
        self._ready = False
        if self._process is not None:
            self._note_end(self._process.kill())

    # ---- starting

    def _try_start(self) -> None:
        now = self._context.clock()
        if now < self._retry_at:
            if self._before_pause is not None:  # show the reason of the failure once, then the pause
                self._state, self._before_pause = self._before_pause, None
            return
        try:
            if self._image is None:
                self._image = self._context.pull(self.spec["image"], self.spec.get("imagePullPolicy", "IfNotPresent"))
            launch = self._context.prepare(self._image)
            self._start(launch)
        except InvalidImageNameError as error:
            self._wait("InvalidImageName", f"Failed to apply default image tag: {error}")
        except PullError as error:
            image = self.spec["image"]
            self._wait("ErrImagePull", f'failed to pull and unpack image "{image}": {error}')
            message = f'Back-off pulling image "{image}": ErrImagePull: {error}'
            self._before_pause = {"waiting": {"reason": "ImagePullBackOff", "message": message}}
        except ContainerConfigError as error:
            self._wait("CreateContainerConfigError", str(error))
        except StartError as error:
            self._wait("CreateContainerError", str(error))
        except OSError as error:
            self._wait("CreateContainerError", f"{error.filename or 'file system'}: {error.strerror}")

    def _start(self, launch: Launch) -> None:
        self.previous_log, self.log = self.log, LogBuffer()
        try:
            self._process = Process(
                launch.argv,
                environment=launch.environment,
                folder=launch.folder,
                log=self.log,
                guardian=self._context.guardian,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise StartError(f'exec: "{launch.argv[0]}": {reason}') from error
        self._started = self._context.clock()
        self._state = {"running": {"startedAt": self._context.timestamp()}}
        self._probes = {
            kind: Probe(kind, self.spec[kind], self._context.local_port, self._context.pace.first_ready_every)
            for kind in KINDS
            if self.spec.get(kind)
        }
        self._ready = not ({"readinessProbe", "startupProbe"} & set(self._probes))
        self._context.event("Normal", "Started", f"Started container {self.name}")

    def _wait(self, reason: str, message: str) -> None:
        """Report why nothing is running, and retry later, after a longer pause each time."""
        self._state = {"waiting": {"reason": reason, "message": message}}
        self._before_pause = None
        self._retry_at = self._context.clock() + self._pause()
        self._context.event("Warning", "Failed", f"Error: {reason}: {message}")

    def _pause(self) -> float:
        pace = self._context.pace
        seconds = min(pace.backoff_first * 2**self._pauses, pace.backoff_most)
        self._pauses = min(self._pauses + 1, 20)
        return float(seconds)

    # ---- running

    def _look_after(self, process: Process) -> None:
        if (code := process.poll()) is not None:
            self._note_end(code)
            if self._restarting():
                self._plan_restart()
            return
        try:
            self._probe()
        except ContainerConfigError as error:
            self.kill()
            self._wait("CreateContainerConfigError", str(error))

    def _probe(self) -> None:
        startup = self._probes.get("startupProbe")
        for kind, probe in self._probes.items():
            waits = startup is not None and not startup.passed and kind != "startupProbe"
            if waits or (kind == "startupProbe" and probe.passed):
                continue
            now = self._context.clock()
            if probe.due(now, self._started):
                had_passed = probe.passed
                probe.run(now)
                if (
                    kind != "startupProbe"
                    and (had_passed or kind == "livenessProbe")
                    and probe.message
                    and not probe.passed
                ):
                    self._context.event("Warning", "Unhealthy", f"{kind.removesuffix('Probe')} probe: {probe.message}")
            if probe.failed(now, self._started):
                self._context.event(
                    "Normal", "Killing", f"Container {self.name} failed {kind.removesuffix('Probe')} probe"
                )
                self._restart_unhealthy()
                return
        readiness = self._probes.get("readinessProbe")
        started = startup is None or startup.passed
        self._ready = started and (readiness is None or readiness.passed)

    def _restart_unhealthy(self) -> None:
        self.kill()
        if self._restarting():
            self._plan_restart()

    # ---- ending

    def _note_end(self, code: int) -> None:
        started = self._state.get("running", {}).get("startedAt", self._context.timestamp())
        self._process = None
        self._ready = False
        ended: Json = {
            "exitCode": code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": started,
            "finishedAt": self._context.timestamp(),
        }
        self._state = {"terminated": ended}

    def _restarting(self) -> bool:
        ended = self._state.get("terminated")
        if ended is None or self._policy == "Never":
            return False
        return self._policy == "Always" or ended["exitCode"] != 0

    def _plan_restart(self) -> None:
        """The first restart is immediate; then the pauses grow, until the program has run well for a long time."""
        now = self._context.clock()
        if now - self._started > _STABLE:
            self._pauses = 0
        first = self._restarts == 0
        self._last_state = self._state
        self._restarts += 1
        pause = 0.0 if first else self._pause()
        self._retry_at = now + pause
        message = f"back-off {pause:g}s restarting failed container={self.name}"
        self._state = _CREATING if first else {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        if not first:
            self._context.event("Warning", "BackOff", f"Back-off restarting failed container {self.name}")


def make_home(root: Path, name: str) -> Path:
    """A container's own folder: HOME and TMPDIR."""
    home = root / name
    with contextlib.suppress(FileExistsError):
        home.mkdir(parents=True)
    return home
