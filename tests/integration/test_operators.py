"""Operators at work on the whole system, from a terminal: approve ahead in a freeze, roll back, hold, resume."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from local.person import Approver, Signer, run_confirmed
from slipway.domain.commands import OPENS
from tests.integration.system import ApplicationUnderTest, System, until

pytestmark = pytest.mark.stack


@pytest.fixture
def application(system: System) -> ApplicationUnderTest:
    return system.application("operators")


def slipway(system: System, *words: str) -> dict[str, Any]:
    """Type a command as Olu, who then confirms in a browser what lets something through."""
    environment = system.stack.command_environment()
    if words[0] in OPENS:
        return run_confirmed(Signer(system.stack.identity.settings.person("Olu").oid), words, environment)
    command = [sys.executable, "-m", "slipway.cli", *words, "--json"]
    typed = subprocess.run(
        command, env={**os.environ, **environment}, text=True, capture_output=True, check=False, timeout=60
    )
    assert typed.returncode == 0, (typed.stderr, typed.stdout)
    output: dict[str, Any] = json.loads(typed.stdout)
    return output


def phase(application: ApplicationUnderTest, release: str) -> str:
    return str(application.release(release)["phase"])


def test_a_release_is_approved_ahead_rolled_back_and_followed_by_one_that_waits(
    system: System, application: ApplicationUnderTest
) -> None:
    slipway(system, "freeze", "operators", "production", "--reason", "the sale")
    first = application.waiting("1.0.0")
    Approver().decide(system.approval_link(first), "approve", "ahead of time")
    application.reached("release.held-back", tag="1.0.0")
    assert phase(application, first) == "held_back"
    (freeze,) = [f for f in slipway(system, "freezes")["freezes"] if f["application"] == "operators"]
    assert (freeze["kind"], freeze["reason"]) == ("freeze", "the sale")
    slipway(system, "unfreeze", "operators", "production")
    application.reached("release.completed", tag="1.0.0")

    second = application.waiting("1.1.0")
    Approver().decide(system.approval_link(second), "approve", "looks good")
    application.reached("release.completed", tag="1.1.0")
    back = slipway(system, "rollback", first, "production", "--reason", "1.1.0 loses orders")["release"]
    until(lambda: phase(application, back) == "completed", f"{back} has brought {first} back")

    third = application.waiting("1.2.0")
    Approver().decide(system.approval_link(third), "approve", "the fix")
    application.reached("release.held-back", tag="1.2.0")
    assert application.release(third)["blocked_by"] == ["hold"]
    slipway(system, "resume", "operators", "production", "--reason", "1.2.0 is the fix")
    application.reached("release.completed", tag="1.2.0")


def test_a_cancel_that_is_read_before_the_first_object_ends_the_release_there(
    system: System, application: ApplicationUnderTest
) -> None:
    """The API server of production does not respond while the release waits for it."""
    release = application.waiting("1.3.0")
    (server,) = (part for part in system.stack.parts if part.name == "cluster-production")
    deployment = "/apis/apps/v1/namespaces/operators-production/deployments"
    before = system.kubernetes(deployment, cluster="production")["items"]
    os.kill(server.pid, signal.SIGSTOP)
    try:
        Approver().decide(system.approval_link(release), "approve", "looks good")
        application.reached("rollout.requested", tag="1.3.0")
        until(lambda: phase(application, release) == "deploying", f"{release} is before its first object")
        slipway(system, "cancel", release, "--reason", "the wrong branch")
        application.reached("rollout.called-off", tag="1.3.0")
        assert "ends before its first object" in slipway(system, "explain", release)["headline"]
    finally:
        os.kill(server.pid, signal.SIGCONT)
    until(lambda: phase(application, release) == "cancelled", f"{release} ended before its first object")
    assert "rollout.applied" not in application.actions(release)[-3:]
    after = system.kubernetes(deployment, cluster="production")["items"]
    assert [item["spec"] for item in after] == [item["spec"] for item in before]
