"""Cold start of each role, until its first result, compared with the smallest app with its SDKs.

The front: a service hook, whose message is in the queue when the response arrives. The worker: a message that waited
for it, until what it wrote can be read. The message is a push of a lower version: one decision, and nothing follows.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import urllib3

from local.functions.launch import HostProcess
from local.stack import StackOptions
from local.watch import Watcher
from slipway.bootstrap.roles import AppRole
from slipway.domain.actions import Action

from .child import ROOT
from .events import hook_body, hook_headers, send_push
from .example import APPLICATION, write_example
from .latency import WITHIN, Story, until
from .rows import Row, compared_row
from .setting import PEER, BenchStack, Peer

ROUNDS: Final = 7
AIM: Final = 1.3
ACCEPTED: Final = 202


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        example = write_example(Path(name) / "example")
        with BenchStack(StackOptions(apply=example)) as stack, Peer(stack) as peer:
            rounds = _Rounds(stack, peer, Path(name))
            return [_row(AppRole.FRONT, *rounds.fronts()), _row(AppRole.WORKER, *rounds.workers())]


def _row(role: AppRole, ours: list[float], peer: list[float]) -> Row:
    """Leaves out the first round, which wrote the compiled modules and filled the page cache."""
    return compared_row(f"start.{role}", ours[1:], peer[1:], peer_name="one function with its SDKs", aim=AIM)


class _Rounds:
    """Starts our app and the peer in turn."""

    def __init__(self, stack: BenchStack, peer: Peer, folder: Path) -> None:
        self._stack, self._peer, self._folder = stack, peer, folder
        self._http = urllib3.PoolManager(retries=False, timeout=60)
        self._watcher = Watcher(stack.url, stack.secrets.function_key, APPLICATION)

    def fronts(self) -> tuple[list[float], list[float]]:
        """Seconds of each round, for our app and for the peer."""
        our_options, peer_options = self._settings(AppRole.FRONT)
        hook, smallest = hook_headers(self._stack.secrets.hook_secret), {"Authorization": Peer.SECRET}
        measured = [
            (
                self._seconds(ROOT, our_options, partial(self._hook, "/api/hooks/azure-devops", hook, n)),
                self._seconds(PEER, peer_options, partial(self._hook, "/hook", smallest, n)),
            )
            for n in range(ROUNDS + 1)
        ]
        return [our_seconds for our_seconds, _ in measured], [peer_seconds for _, peer_seconds in measured]

    def workers(self) -> tuple[list[float], list[float]]:
        """Seconds of each round, for our app and for the peer."""
        our_options, peer_options = self._settings(AppRole.WORKER)
        story = Story(self._stack)
        self._push(story, "1.0.0")
        self._wait_for_record(Action.GATE_OPENED)
        self._stack.stop_role(AppRole.WORKER)
        measured = []
        for n in range(ROUNDS + 1):
            self._push(story, f"0.0.{n}")
            our_seconds = self._seconds(ROOT, our_options, partial(self._wait_for_record, Action.IMAGE_IGNORED))
            self._peer.send(str(n))
            measured.append((our_seconds, self._seconds(PEER, peer_options, partial(self._wait_for_row, str(n)))))
        return [ours for ours, _ in measured], [peer for _, peer in measured]

    def _settings(self, role: AppRole) -> tuple[list[str], list[str]]:
        """The options of our host, and of the peer's."""
        settings, keys = (str(self._stack.folder / f"{role}-0.{kind}.json") for kind in ("settings", "keys"))
        return ["--settings", settings, "--keys", keys], ["--settings", str(self._peer.settings(role))]

    def _seconds(self, app: Path, options: list[str], first: Callable[[str], object]) -> float:
        """Seconds from the start of an instance to its first result. `first` waits for that, given its address."""
        with tempfile.TemporaryDirectory(dir=self._folder) as state:
            begin = time.monotonic()
            with HostProcess.start(app, Path(state), *options) as host:
                first(host.url)
                return time.monotonic() - begin

    def _hook(self, path: str, headers: Mapping[str, str], number: int, url: str) -> None:
        status = self._http.request("POST", url + path, body=hook_body(number), headers=headers).status
        if status != ACCEPTED:
            raise RuntimeError(f"{path} got the status {status}, expected {ACCEPTED}")

    def _push(self, story: Story, version: str) -> None:
        send_push(self._stack, repository=APPLICATION, tag=version, digest=story.build(version))

    def _wait_for_record(self, action: Action, _: str = "") -> None:
        for _record in self._watcher.follow(lambda record: bool(record["action"] == action.value), within=WITHIN):
            pass

    def _wait_for_row(self, text: str, _: str) -> None:
        until(lambda: self._peer.row()["Body"] == text or None, "the peer's row")
