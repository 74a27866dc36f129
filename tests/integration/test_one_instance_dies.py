"""An instance of the worker dies in the middle of a delivery: the other one finishes it."""

import re

import pytest

from local.person import Approver
from local.process import Part
from local.stack.stack import host_name
from slipway.bootstrap.roles import AppRole
from tests.integration.system import ENDS, ApplicationUnderTest, System, until

pytestmark = pytest.mark.stack

DYING = 1
VERSIONS = tuple(f"1.{minor}.0" for minor in range(8))


def test_the_other_instance_finishes_a_release_that_a_killed_one_began(system: System) -> None:
    application = system.application("survivor")
    (dying,) = (host for host in system.stack.hosts if host.name == host_name(AppRole.WORKER, DYING))
    try:
        release = killed_at_work(application, dying)
        link = until(lambda: application.actions(release).count("gate.opened"), f"the gate of {release}")
        assert link == 1
        Approver().decide(system.approval_link(release), "approve", "one is enough")
        until(lambda: "release.completed" in application.actions(release), f"{release} completes")
    finally:
        if dying.alive:
            dying.kill()
        system.stack.stop_host(DYING)
        system.stack.start_host(DYING)
    once = ("plan.made", "rollout.applied", "release.live", "copy.done")
    actions = application.actions(release)
    assert [actions.count(action) for action in once] == [2, 2, 2, 1]


def killed_at_work(application: ApplicationUnderTest, dying: Part) -> str:
    """Kill the instance after it has worked on a release whose plan was made; returns that release's id.

    Which instance gets a message is chance, so several deliveries may be needed.
    """
    for version in VERSIONS:
        application.push(version)
        release = str(application.reached("plan.made", tag=version)["release"])
        began = re.compile(rf"{release}/\S+: begun")

        def at_work_or_over(release: str = release, began: re.Pattern[str] = began) -> str:
            if began.search(dying.log.read_text(errors="replace")):
                return "at work"
            actions = application.actions(release)
            return "over" if any(end in actions for end in (*ENDS, "gate.opened")) else ""

        if until(at_work_or_over, f"{release} goes on") == "at work":
            dying.kill()
            return release
    raise AssertionError(f"the instance had no part in {len(VERSIONS)} deliveries")
