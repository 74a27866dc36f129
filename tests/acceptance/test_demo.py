"""`make demo`: the main job from start to end, as a newcomer runs it, and the object that it prints for programs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.cluster import NotBuilt, complete_programs
from local.stack import azurite

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


needs_azurite = pytest.mark.skipif(not azurite.MAIN.exists(), reason="Azurite is not installed")


def demo(*options: str) -> dict[str, Any]:
    process = subprocess.run(
        [sys.executable, "-m", "local.demo", *options, "--json"],
        cwd=ROOT, env=os.environ | {"PYTHONUNBUFFERED": "1"}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    report: dict[str, Any] = json.loads(process.stdout)
    return report


@pytest.fixture(params=["double", pytest.param("real", marks=pytest.mark.cluster)])
def cluster(request: pytest.FixtureRequest) -> str:
    """The option that names the stand-in for the clusters."""
    if request.param == "real":
        try:
            complete_programs()
        except NotBuilt as reason:
            pytest.skip(f"no control plane is built: {reason}")
    return f"--cluster={request.param}"


@needs_azurite
def test_the_demo_delivers_one_release_rolls_the_other_back_and_undoes_an_edit_by_hand(cluster: str) -> None:
    report = demo(cluster)
    assert set(report) == {"releases", "audit", "seconds", "before", "proofs", "drift"}
    jobs = [(job["release"], job["environment"]) for job in report["before"]]
    assert jobs == [("hello-1", "staging"), ("hello-1", "production"), ("hello-2", "staging")]
    assert all(job["summary"].endswith("preflight: the server starts here, and is well") for job in report["before"])
    assert [(proof["release"], proof["environment"], proof["verified"]) for proof in report["proofs"]] == [
        ("hello-1", "production", True), ("hello-3", "production", True),
    ]  # fmt: skip
    assert all(DIGEST.fullmatch(proof["proof"]) for proof in report["proofs"])
    good, bad, back = report["releases"]
    assert (good["id"], good["status"]) == ("hello-1", "completed")
    assert good["environments"] == {"staging": "live", "production": "live"}
    assert (bad["id"], bad["status"]) == ("hello-2", "rolled_back")
    assert bad["environments"] == {"staging": "rolled_back"}
    assert all(DIGEST.fullmatch(release["digest"]) for release in (good, bad))
    assert good["digest"] != bad["digest"]
    drift = report["drift"]
    assert (drift["release"], drift["environment"]) == ("hello-1", "production")
    assert drift["told"].startswith("ConfigMap/hello was changed by kubectl-edit at ")
    assert drift["told"].endswith(" (data.GREETING)")
    assert (back["id"], back["status"], back["environments"]) == ("hello-3", "completed", {"production": "live"})
    assert (drift["brought_back_by"], back["digest"]) == ("hello-3", good["digest"])
    assert report["audit"]["verified"] is True
    assert report["audit"]["records"] > 30
    assert set(report["seconds"]) == {"set_up", "delivery", "total"}


@needs_azurite
def test_a_larger_memory_limit_goes_to_production_with_the_image_that_is_live() -> None:
    report = demo("--manifests-only")
    assert set(report) == {"releases", "audit", "seconds", "before", "proofs", "live"}
    first, second = report["releases"]
    assert [(release["id"], release["status"]) for release in (first, second)] == [
        ("hello-1", "completed"), ("hello-2", "completed"),
    ]  # fmt: skip
    assert first["digest"] != second["digest"]
    assert second["environments"] == {"staging": "live", "production": "live"}
    before, after = report["live"]
    assert (before["release"], before["memory"]) == ("hello-1", "64Mi")
    assert (after["release"], after["memory"]) == ("hello-2", "96Mi")
    assert before["image"] == after["image"]
    assert DIGEST.fullmatch(after["image"].partition("@")[2])
    assert [(proof["release"], proof["verified"]) for proof in report["proofs"]] == [
        ("hello-1", True),
        ("hello-2", True),
    ]
    assert report["audit"]["verified"] is True


@needs_azurite
def test_two_people_must_approve_the_committer_is_refused_and_a_new_push_of_the_tag_voids_the_vote() -> None:
    report = demo("--approvals")
    first, second = report["releases"]
    assert (first["id"], first["status"], second["id"], second["status"]) == (
        "hello-1", "superseded", "hello-2", "completed",
    )  # fmt: skip
    assert second["environments"] == {"staging": "live", "production": "live"}
    votes = report["votes"]
    assert [(v["release"], v["became"], v["voter"].partition("@")[0], v["channel"]) for v in votes] == [
        ("hello-1", "approved", "ada", "link"),
        ("hello-1", "refused", "grace", "cli"),
        ("hello-1", "voided", "ada", None),
        ("hello-2", "approved", "ada", "link"),
        ("hello-2", "refused", "ada", "cli"),
        ("hello-2", "approved", "ben", "cli"),
    ]
    assert votes[1]["rules"] == ["approver-is-not-committer"]
    assert "the tag 1.0.0 was pushed again, as hello-2" in votes[2]["reason"]
    first_hashes, second_hashes = {v["plan_hash"] for v in votes[:3]}, {v["plan_hash"] for v in votes[3:]}
    assert len(first_hashes) == len(second_hashes) == 1
    assert not first_hashes & second_hashes
    assert all(DIGEST.fullmatch(plan_hash) for plan_hash in first_hashes | second_hashes)
    assert [v["digest"] for v in votes] == [first["digest"]] * 3 + [second["digest"]] * 3
    assert report["audit"]["verified"] is True
