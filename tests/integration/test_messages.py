"""What pipelines and people send over Service Bus: a run that names its image, and votes; a newer push takes over."""

import json
import struct
from typing import Any

import pytest

from local.identity import laptop
from local.person import Approver, PageRefused
from slipway.bootstrap.roles import AppRole
from tests.integration.system import System, until
from tests.unit.inbound.test_pipeline import WRAPPER

pytestmark = pytest.mark.stack


ADA_OID = laptop().person("Ada").oid


def approvals_message(system: System, release: str, **more: Any) -> dict[str, Any]:
    """A message to `approvals`, sent on Ada's behalf, about a release at the gate of production."""
    application, _, number = release.rpartition("-")
    about = {"application": application, "release": int(number), "environment": "production"}
    who = {"tid": laptop().tenant, "oid": ADA_OID}
    return {"v": 1, "id": f"a-bot-{release}", **about, "on_behalf_of": who, **more}


def opening_of(system: System, release: str) -> dict[str, Any]:
    """The opening and the plan that the notice names, for people who answer by message."""
    system.approval_link(release)
    (vote,) = [n["vote"] for n in system.stack.notices() if n["release"] == release and n["notice"] == "gate-opened"]
    assert vote["approves"]
    return {"opening": vote["opening"], "plan": vote["plan"]}


@pytest.mark.parametrize(("version", "wrapped"), [("1.0.0", False), ("1.0.1", True)])
def test_the_message_of_a_pipeline_starts_a_release(system: System, version: str, wrapped: bool) -> None:
    application = system.application("messages")
    digest = application.push(version)
    body = json.dumps(application.run_message(version, digest)).encode()
    if wrapped:
        body = WRAPPER + b"\x9b" + struct.pack("<H", len(body)) + body
    system.send("runs", body)
    record = application.reached("plan.made", tag=version)
    release = application.release(record["release"])
    run = application.runs[version]
    assert (release["digest"], release["run"]["number"], release["run"]["commit"]) == (digest, run.number, run.commit)
    assert {release["run"][fact]["trust"] for fact in ("proof", "built", "behind")} == {"proved"}


def test_a_vote_by_message_approves(system: System) -> None:
    application = system.application("messages")
    release = application.waiting("1.1.0")
    vote = approvals_message(system, release, decision="approve", reason="by a bot", **opening_of(system, release))
    for number in range(3):
        system.send("approvals", vote, message_id=f"a-bot-that-repeats-itself-{number}")
    application.reached("release.completed", tag="1.1.0")
    records = [record for record in application.records() if record["release"] == release]
    votes = [record for record in records if record["action"].startswith("vote.")]
    assert [(v["action"], v["actor"], v["details"]["on_behalf_of"]) for v in votes] == [
        ("vote.approved", "approvals", f"oid:{ADA_OID}")
    ]


def test_a_newer_push_supersedes_a_waiting_release_and_the_older_ones_page_says_so(system: System) -> None:
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


def test_a_rejection_by_message_counts_while_no_front_runs_and_nothing_is_rolled_out(system: System) -> None:
    application = system.application("votes")
    release = application.waiting("1.2.0")
    system.stack.stop_role(AppRole.FRONT)
    try:
        system.send(
            "approvals", approvals_message(system, release, decision="reject", reason="not before Monday ☂ \u0000")
        )
        logs = list((system.stack.folder / "logs").glob("worker-*.log"))
        until(lambda: any(f"a-bot-{release}: counted" in log.read_text() for log in logs), "a worker has taken it")
    finally:
        system.stack.start_role(AppRole.FRONT)
    until(lambda: application.release(release)["phase"] == "rejected", f"{release} is rejected")
    in_production = [r["action"] for r in application.records() if r["environment"] == "production"]
    assert not any(action.startswith(("copy.", "rollout.")) for action in in_production)
    assert "not before Monday ☂" in application.release(release)["reason"]
