"""Rolling back restores the objects of the live release and removes those that only the failed one brought."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.commands import Verb
from slipway.domain.release import Phase
from slipway.effects.cluster import ObjectRefused, UnappliedObject
from slipway.ledger.table import gathered
from slipway.testing import Installation, write_application
from tests.unit.bundle.samples import DEPLOYMENT, FILES
from tests.unit.engine.bundle_ci import APPLICATION, Ci
from tests.unit.engine.test_jobs_around import job

FOLDER = "environments/staging"
NEW = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: new }\ndata: { a: b }\n"
CLAIM = (
    "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: data }\n"
    "spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }\n"
)


@pytest.fixture
def ci(tmp_path: Path) -> Ci:
    write_application(tmp_path / "deliveries", text=APPLICATION)
    team = Ci(Installation(tmp_path / "deliveries"), tmp_path / "source")
    team.image("1.4.0")
    return team


def deliver(ci: Ci, version: str, *, tag: str = "1.4.0", **files: str) -> None:
    """Deliver a bundle with the usual files of staging and these, and with the image of `tag`."""
    more = {f"{FOLDER}/{name}.yaml": text for name, text in files.items()}
    ci.push(ci.bundle(version, files=FILES | more, tag=tag), version)
    ci.installation.wait(timedelta(minutes=1))


def deliver_failing(ci: Ci, version: str, **files: str) -> None:
    """Deliver a release whose image never comes up."""
    ci.image(version)
    digest = ci.installation.nonprod.resolve("team/shop", version)
    assert digest is not None
    ci.installation.staging.broken.add(digest)
    deliver(ci, version, tag=version, **files)


def live(ci: Ci) -> set[str]:
    return {
        f"{kind}/{name}" for namespace, kind, name in ci.installation.staging.objects if namespace == "shop-staging"
    }


def rollback_details(ci: Ci, action: str = "rollback.done") -> dict[str, Any]:
    return next(record for record in reversed(ci.installation.trail()) if record.action == action).details


def test_objects_that_the_failed_release_made_are_gone_after_its_rollback(ci: Ci) -> None:
    deliver(ci, "1.4.0")
    objects_before = live(ci)
    deliver_failing(ci, "1.5.0", new=NEW)
    assert ci.installation.phase(2) is Phase.ROLLED_BACK
    assert live(ci) == objects_before
    assert rollback_details(ci)["removed"] == ["ConfigMap/new: deleted"]


def test_an_object_from_before_the_failed_release_stays(ci: Ci) -> None:
    deliver(ci, "1.4.0")
    somebodys = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "data": {"a": "c"}}
    ci.installation.staging.apply([somebodys], "shop-staging")
    deliver_failing(ci, "1.5.0", new=NEW)
    assert "ConfigMap/new" in live(ci)
    assert "removed" not in rollback_details(ci)


def test_objects_made_before_the_cluster_refused_another_are_removed_too(ci: Ci) -> None:
    deliver(ci, "1.4.0")
    ci.installation.staging.refuses["Deployment/shop"] = ObjectRefused("quota exceeded")
    ci.image("1.5.0")
    deliver(ci, "1.5.0", aa_new=NEW, deployment=DEPLOYMENT.replace("info", "debug"))
    assert ci.installation.phase(2) is Phase.ROLLED_BACK
    assert "quota exceeded" in ci.installation.release(2).reason
    assert rollback_details(ci)["removed"] == ["ConfigMap/new: deleted"]


def test_an_object_of_the_failed_release_that_stays_is_reported_with_the_reason(ci: Ci) -> None:
    deliver(ci, "1.4.0")
    ci.installation.staging.undeletable["data"] = "data goes with it"
    deliver_failing(ci, "1.5.0", claim=CLAIM)
    release = ci.installation.release(2)
    assert release.phase is Phase.ROLLED_BACK
    left_text = "still there of its objects: PersistentVolumeClaim/data: left as it is, data goes with it"
    assert release.reason.endswith(left_text)
    assert left_text in ci.installation.explain(2).headline
    assert rollback_details(ci)["left"] == left_text


def test_an_object_that_resists_is_named_and_everything_else_is_back(ci: Ci) -> None:
    deliver(ci, "1.4.0")
    reason = "apply Service/shop: spec.clusterIPs[0]: may not change once set"
    ci.installation.staging.resists["Service/shop"] = UnappliedObject(
        kind="Service", name="shop", why=reason, passing=False
    )
    deliver_failing(ci, "1.5.0", new=NEW)
    release = ci.installation.release(2)
    assert release.phase is Phase.FAILED
    assert f"could not be brought back: {reason}; everything else is back" in release.reason
    assert reason in ci.installation.explain(2).headline
    assert rollback_details(ci, "rollback.failed")["unapplied"] == [reason]
    assert "ConfigMap/new" not in live(ci)
    assert ci.installation.staging.digest("shop-staging") == ci.installation.nonprod.resolve("team/shop", "1.4.0")


def test_a_rollback_stays_open_while_an_object_resists_that_may_yet_go_back(ci: Ci) -> None:
    deliver(ci, "1.4.0")
    busy = UnappliedObject(kind="Service", name="shop", why="the object has been modified", passing=True)
    ci.installation.staging.resists["Service/shop"] = busy
    deliver_failing(ci, "1.5.0")
    assert ci.installation.phase(2) is Phase.ROLLED_BACK
    assert not ci.installation.staging.resists


def test_a_job_among_the_manifests_does_not_run_again_in_a_rollback(ci: Ci) -> None:
    deliver(ci, "1.4.0", migrate=job("migrate"))
    job_before = ci.installation.staging.objects["shop-staging", "Job", "migrate"]
    deliver_failing(ci, "1.5.0", migrate=job("migrate", annotations="a: b"))
    assert ci.installation.phase(2) is Phase.ROLLED_BACK
    assert ci.installation.staging.objects["shop-staging", "Job", "migrate"] != job_before


def test_a_job_of_the_failed_release_that_is_at_work_is_not_cut_off(ci: Ci) -> None:
    deliver(ci, "1.4.0")
    ci.installation.staging.running.add("Job/reindex")
    deliver_failing(ci, "1.5.0", reindex=job("reindex"))
    assert "Job/reindex" in live(ci)
    assert "Job/reindex: left as it is, it has not ended" in ci.installation.release(2).reason


def test_a_manual_rollback_leaves_the_jobs_of_its_release_out(ci: Ci) -> None:
    deliver(ci, "1.4.0", migrate=job("migrate"))
    deliver(ci, "1.5.0")
    ci.installation.command(Verb.ROLLBACK, 1, "staging")
    ci.installation.settle()
    assert ci.installation.phase(3) is Phase.COMPLETED, ci.installation.release(3).reason
    assert "Job/migrate" not in live(ci)
    plan_record = [record for record in ci.installation.trail() if record.action == "plan.made"][-1]
    assert plan_record.details["warnings"] == ["these Jobs of it ran, and do not run again: migrate"]


def test_the_live_release_names_who_brought_it_back_only_if_a_rollback_did(ci: Ci) -> None:
    deliver(ci, "1.4.0")
    deliver(ci, "1.5.0")
    [forward] = gathered(ci.installation.app.provenance.live("staging")).read
    assert (forward.release, forward.brought_back) == ("shop-2", None)
    ci.installation.command(Verb.ROLLBACK, 1, "staging")
    ci.installation.settle()
    [live] = gathered(ci.installation.app.provenance.live("staging")).read
    assert live.brought_back is not None
    order = next(record for record in ci.installation.trail() if record.sequence == live.brought_back.sequence)
    assert (live.release, order.action, order.actor) == (
        "shop-3",
        "rollback.ordered",
        live.brought_back.actor,
    )
