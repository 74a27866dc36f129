"""Latency: from a push to the first patch sent to staging, and from a vote to the first patch sent to production.

It is compared with the sum of the round trips that the design cannot avoid, each timed alone in the same run. Each
decision reads the state and commits; each step reads its release, takes its lease, and begins in the process that
made the decision.

- push → staging: the event accepted, and its message; two decisions; two steps; the manifest read from the registry;
  the preview (each object read, and dry-run); the plan stored, and read again.
- vote → production: the page fetched and the vote accepted; the hint; two decisions; two steps; the copy, between the
  same two registries; the plan read.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from local.ci import Pipeline
from local.person import Approver
from local.stack import StackOptions
from slipway.bootstrap.roles import AppRole

from .alone import TripTimer
from .events import send_push
from .example import APPLICATION, write_example
from .proxy import ProxiedRequest
from .rows import Row
from .setting import BenchStack, Peer

WARM_UP: Final = 2
RELEASES: Final = 7
AIM: Final = 1.5
WITHIN: Final = 60.0
_LOOK: Final = 0.02
_QUIET: Final = 0.5


def rows() -> list[Row]:
    with TemporaryDirectory() as name:
        example = write_example(Path(name) / "example")
        options = StackOptions(apply=example)
        with BenchStack(options, watch_clusters=True) as stack:
            story = Story(stack)
            for number in range(WARM_UP):
                story.deliver(f"1.0.{number}")
            measured = [story.deliver(f"1.1.{number}") for number in range(RELEASES)]
            with Peer(stack) as peer, peer.start(AppRole.FRONT, Path(name) / "peer") as front:
                trips = TripTimer(stack, peer, trivial_url=front.url).medians(story.last)
    return [
        _row("latency.push-to-staging-patch", [push for push, _ in measured], trips, _PUSH),
        _row("latency.vote-to-production-patch", [vote for _, vote in measured], trips, _VOTE),
    ]


_STEPS_AND_DECISIONS: Final = {"read": 4, "write": 2, "commit": 2}
_PUSH: Final = {"accept": 1, "hop": 1, **_STEPS_AND_DECISIONS, "manifest": 1, "preview": 1, "keep": 1, "fetch": 1}
_VOTE: Final = {"accept": 2, "hop": 1, **_STEPS_AND_DECISIONS, "copy": 1, "fetch": 1}


def _row(name: str, seconds: list[float], trips: dict[str, float], times: dict[str, int]) -> Row:
    our_ms = [duration * 1000 for duration in seconds]
    floor = sum(trips[trip] * count for trip, count in times.items()) * 1000
    parts = ", ".join(f"{count} × {trip} {trips[trip] * 1000:.1f} ms" for trip, count in times.items())
    return Row(
        name=name,
        ours=median(our_ms),
        peer=floor,
        peer_name="sum of unavoidable trips",
        unit="ms",
        ratio=median(our_ms) / floor,
        aim=AIM,
        spread=(min(our_ms), max(our_ms)),
        note=f"the trips: {parts}",
        more={"runs": len(our_ms), "trips_ms": {trip: round(trips[trip] * 1000, 2) for trip in times}},
    )


class Story:
    """Delivers releases, and notes when the first patch of each environment passed through the proxy."""

    def __init__(self, stack: BenchStack) -> None:
        self._stack = stack
        self._ci = Pipeline(
            app_url=stack.url,
            hook_secret=stack.secrets.hook_secret,
            registry=stack.registries["nonprod"],
            ci_password=stack.secrets.ci_password,
            azure_devops=stack.azure_devops["url"],
        )
        self.last = self.release = ""
        """Digest and id of the last release."""

    def deliver(self, version: str) -> tuple[float, float]:
        """Deliver one release to its end; seconds from push to staging's patch, and from vote to production's."""
        self.last = self.build(version)
        for proxy in self._stack.proxies.values():
            proxy.forget()
        pushed = send_push(self._stack, repository=APPLICATION, tag=version, digest=self.last)
        notice = self.notice("gate-opened", version)
        staging = self._first_patch("staging")
        voted = time.monotonic()
        Approver().decide(notice["approval_url"], "approve")
        self.release = str(self.notice("ended", version)["release"])
        return staging - pushed, self._first_patch("production") - voted

    def build(self, version: str) -> str:
        """Push an image to the registry, as CI does; returns its digest."""
        return self._ci.push(self._ci.build(version), version)

    def notice(self, kind: str, version: str) -> dict[str, Any]:
        """The notice of this kind that the inbox receives about a version."""
        return until(
            lambda: next(
                (n for n in self._stack.notices() if n["notice"] == kind and version in n["headline"]),
                None,
            ),
            f"the notice {kind} about {version}",
        )

    def settle(self) -> None:
        """Wait until no more requests go to storage, so that the last step has finished."""
        table = self._stack.proxies["table"]
        before = -1
        while (now := len(table.requests())) != before:
            before = now
            time.sleep(_QUIET)

    def _first_patch(self, environment: str) -> float:
        passed = self._stack.proxies[f"cluster-{environment}"].requests()
        return next(request.at for request in passed if is_patch(request))


def is_patch(request: ProxiedRequest) -> bool:
    """A patch that changes something: those of the preview are dry runs."""
    return request.method == "PATCH" and "dryRun" not in request.path


def until[T](look: Callable[[], T | None], what: str) -> T:
    end = time.monotonic() + WITHIN
    while time.monotonic() < end:
        value = look()
        if value is not None:
            return value
        time.sleep(_LOOK)
    raise RuntimeError(f"{what} did not arrive within {WITHIN:.0f} s")
