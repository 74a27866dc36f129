"""A worker is stopped in the middle of a rollout, its lock lapses, a newer release is delivered, and it goes on."""

import signal
import time
from collections import Counter
from typing import Any

import pytest

from local.process import Part
from local.stack.stack import host_name
from slipway.bootstrap.roles import AppRole
from tests.integration.system import SETTINGS, WITHIN, ApplicationUnderTest, System, until

pytestmark = pytest.mark.stack

NAMESPACE = "paused-staging"
OLD, PAUSED, NEWER = "1.0.0", "1.1.0", "1.2.0"


def settings(system: System) -> list[dict[str, Any]]:
    """The ConfigMaps of the application, as the cluster holds them."""
    place = system.stack.clusters["staging"]
    url = f"{place['server']}/api/v1/namespaces/{NAMESPACE}/configmaps"
    response = system.stack.http.request("GET", url, headers={"Authorization": f"Bearer {place['token']}"})
    return [item for item in response.json()["items"] if "VERSION" in item.get("data", {})]


def versions(system: System) -> Counter[str]:
    return Counter(item["data"]["VERSION"] for item in settings(system))


def workers(system: System) -> list[Part]:
    names = {host_name(AppRole.WORKER, index) for index in range(2)}
    return [host for host in system.stack.hosts if host.name in names]


def at_work_on(system: System, step: str) -> Part:
    """The instance that began the step."""
    (host,) = (host for host in workers(system) if f"{step}: begun" in host.log.read_text(errors="replace"))
    return host


def stopped_at_work(system: System, application: ApplicationUnderTest) -> tuple[str, Part]:
    """Deliver a release, and stop the instance that applies it when it is at some object in the middle."""
    application.push(PAUSED)
    release = str(application.reached("plan.made", tag=PAUSED)["release"])
    deadline = time.monotonic() + WITHIN
    while not versions(system)[PAUSED] >= 3:
        assert time.monotonic() < deadline, f"nothing of {release} was applied"
        time.sleep(0.01)
    host = at_work_on(system, f"{release}/staging/1/deploy")
    send(host, signal.SIGSTOP)
    return release, host


def send(host: Part, number: signal.Signals) -> None:
    """Signal the host and the worker process that it started, so that neither renews a lock."""
    family = host.family
    assert len(family) > 1, "the worker is a process of its own"
    host.send(number, to=family)


def has_ended(host: Part, step: str) -> bool:
    """Whether the instance has finished the work that it began for the step."""
    return f"{step}: left" in host.log.read_text(errors="replace")


def test_nothing_of_the_older_release_arrives_when_its_worker_wakes_up(system: System) -> None:
    application = system.application("paused")
    application.push(OLD)
    application.reached("gate.opened", tag=OLD)
    release, host = stopped_at_work(system, application)
    try:
        applied = versions(system)[PAUSED]
        assert applied < SETTINGS, "it was stopped too late to have anything left to write"
        until(lambda: "release.live" in application.actions(release), f"the other instance finishes {release}")
        application.push(NEWER)
        newer = str(application.reached("gate.opened", tag=NEWER)["release"])
        before = settings(system)
        assert versions(system) == {NEWER: SETTINGS + 1}
    finally:
        send(host, signal.SIGCONT)
    until(lambda: has_ended(host, f"{release}/staging/1/deploy"), "the instance goes on to the end of its step")
    after = {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in settings(system)}
    assert after == {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in before}
    assert "rollout.failed" not in application.actions(newer)
    assert "rollout.failed" not in application.actions(release)
