"""What pipelines and people say by Service Bus: a run that names its image, and votes; a newer push takes over."""

import json
import struct
from urllib.parse import urlsplit

import pytest

from local.person import Approver, PageRefused
from tests.integration.system import System, until
from tests.unit.inbound.test_pipeline import WRAPPER

pytestmark = pytest.mark.stack


def token_of(link: str) -> str:
    return urlsplit(link).path.rpartition("/")[2]


@pytest.mark.parametrize(("version", "wrapped"), [("1.0.0", False), ("1.0.1", True)])
def test_the_message_of_a_pipeline_starts_a_release(system: System, version: str, wrapped: bool) -> None:
    application = system.application("messages")
    digest = application.push(version)
    body = json.dumps(application.run_message(version, digest)).encode()
    if wrapped:
        body = WRAPPER + b"\x9b" + struct.pack("<H", len(body)) + body
    system.send("runs", body)
    made = application.reached("plan.made", tag=version)
    release = application.release(made["release"])
    run = application.runs[version]
    assert (release["digest"], release["run"]["number"], release["run"]["commit"]) == (digest, run.number, run.commit)
    assert {release["run"][fact]["trust"] for fact in ("proof", "built", "behind")} == {"proved"}


def test_a_vote_by_message_approves(system: System) -> None:
    application = system.application("messages")
    release = application.waiting("1.1.0")
    token = token_of(system.approval_link(release))
    vote = {"token": token, "decision": "approve", "reason": "by a flow", "channel": "chatops"}
    for _ in range(2):
        system.send("approvals", vote, message_id="a-flow-that-repeats-itself")
    application.reached("release.completed", tag="1.1.0")
    mine = [record for record in application.records() if record["release"] == release]
    votes = [record for record in mine if record["action"].startswith("vote.")]
    assert [(v["action"], v["actor"], v["details"]["channel"]) for v in votes] == [
        ("vote.approved", "ada@example.com", "chatops")
    ]


def test_a_newer_push_takes_the_place_of_one_that_waits_and_its_page_says_so(system: System) -> None:
    application = system.application("votes")
    first = application.waiting("1.0.0")
    link = system.approval_link(first)
    second = application.waiting("1.1.0")
    until(lambda: application.release(first)["phase"] == "superseded", f"{first} is superseded")
    assert application.release(first)["superseded_by"] == application.release(second)["number"]
    page = Approver().read(link)
    assert second in page
    with pytest.raises(PageRefused, match="no form"):
        Approver().decide(link, "approve")


def test_a_rejection_by_message_ends_the_release_and_touches_nothing(system: System) -> None:
    application = system.application("votes")
    release = application.waiting("1.2.0")
    token = token_of(system.approval_link(release))
    system.send("approvals", {"token": token, "decision": "reject", "reason": "not before Monday ☂ \u0000"})
    until(lambda: application.release(release)["phase"] == "rejected", f"{release} is rejected")
    in_production = [r["action"] for r in application.records() if r["environment"] == "production"]
    assert not any(action.startswith(("promotion.", "rollout.")) for action in in_production)
    assert "not before Monday ☂" in application.release(release)["reason"]
