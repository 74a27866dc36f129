"""Each half of the fence, on the whole system: a worker stops right before a request of a rollout, what is newer is
delivered, and it goes on. With the whole fence nothing changes; without the half that this request needs, it does.

To show that the order on the objects holds, the newer change is a rollback that changes nothing of the object: the
other instance is refused before it comes to that object, so that only the rollback writes it, as it was. A newer
release cannot show it: an instance that takes over a rollout whose order is in the Lease finishes it, and so writes
every object before any newer release.
"""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from local.process import Part
from local.stack import Stack
from tests.integration.halves import FIRST, Half, Staged, folder_that_stops, stage
from tests.integration.system import ApplicationUnderTest, System, options, until
from tests.integration.test_paused_worker import has_ended, send, workers

pytestmark = pytest.mark.thorough

NAMESPACE = "fenced-staging"
STOPS = {
    Half.VERSION: ("PATCH", "setting-1"),
    Half.AGAIN: ("PATCH", "only-{version}"),
    Half.LEASE: ("GET", "setting-1"),
    Half.ORDER: ("PATCH", "setting-1"),
}
"""For each half, the request before which a worker has to be stopped so that this half is the one that stops it."""


@dataclass(frozen=True)
class Fenced:
    """A stack of one application, whose workers stop where it is staged."""

    system: System
    folder: Path
    minors: Iterator[int]

    @property
    def application(self) -> ApplicationUnderTest:
        return self.system.application("fenced")

    def deliver(self, version: str) -> None:
        """Deliver a version up to the gate of production, so that it is live in staging."""
        self.application.push(version)
        self.application.reached("gate.opened", tag=version)

    def roll_back(self, version: str) -> None:
        """Have the rollout that another instance takes over fail at its first object, so that it rolls back, as far
        as that object allows."""
        self._give_to("somebody-elses")
        failure = self.application.reached("release.failed", tag=version)
        assert "everything else is back" in failure["details"]["reason"]
        self._give_to("fenced")

    def _give_to(self, application: str) -> None:
        labels = {"slipway.dev/application": application}
        path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{FIRST}"
        self.system.kubernetes(path, method="PATCH", body={"metadata": {"labels": labels}}, manager="kubectl-label")

    def versions(self) -> dict[str, str]:
        """The ConfigMaps of the application, and the version of each."""
        items = self.system.kubernetes(f"/api/v1/namespaces/{NAMESPACE}/configmaps")["items"]
        return {
            item["metadata"]["name"]: item["data"]["VERSION"] for item in items if "VERSION" in item.get("data", {})
        }

    def stopped(self, version: str) -> Part:
        """The host whose worker has stopped itself. It is stopped too, so that nobody renews the message's lock."""
        mark = self.folder / version
        until(lambda: mark.exists() and mark.read_text(), "a worker stops itself")
        (host,) = (host for host in workers(self.system) if int(mark.read_text()) in host.family)
        send(host, signal.SIGSTOP)
        return host


@pytest.fixture(scope="module")
def fenced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fenced]:
    folder = tmp_path_factory.mktemp("fenced")
    staged = folder / "staged"
    staged.mkdir()
    with Stack(options(folder, {"fenced": "push"}, app=folder_that_stops(staged))) as stack:
        system = System(stack)
        yield Fenced(system, staged, count(1, 10))
        system.close()


def undoes(fenced: Fenced, half: Half, *, left_out: bool) -> bool:
    """Whether a worker that was stopped at this half undoes something newer once it continues."""
    minor = next(fenced.minors)
    before, at_work, newer = (f"1.{minor + step}.0" for step in range(3))
    method, name = STOPS[half]
    staged = Staged(version=at_work, method=method, name=name.format(version=at_work))
    stage(fenced.folder, staged.evolve(left_out=half if left_out else None))
    fenced.deliver(before)
    fenced.application.push(at_work)
    host = fenced.stopped(at_work)
    try:
        if half is Half.ORDER:
            fenced.roll_back(at_work)
        else:
            fenced.application.reached("gate.opened", tag=at_work)  # the other instance has finished it
            fenced.deliver(newer)
        versions = fenced.versions()
    finally:
        send(host, signal.SIGCONT)
    release = str(fenced.application.reached("plan.made", tag=at_work)["release"])
    until(lambda: has_ended(host, f"{release}/staging/1/deploy"), "the instance goes on to the end of its step")
    return fenced.versions() != versions


@pytest.mark.parametrize("half", Half)
def test_a_worker_that_resumes_undoes_a_newer_rollout_only_if_a_half_of_the_fence_is_left_out(
    fenced: Fenced, half: Half
) -> None:
    assert not undoes(fenced, half, left_out=False)
    assert undoes(fenced, half, left_out=True)
