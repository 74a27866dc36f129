"""An object that left the manifests is deleted once the new release has succeeded, and comes back with the objects that
used it."""

from dataclasses import replace
from pathlib import Path

import pytest

from slipway.catalogue import check_path
from slipway.catalogue.entries import Catalogue
from slipway.domain.pruning import Deleted, Ending, pruned_phrase
from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from slipway.effects.cluster import JobState, ProgressState
from slipway.testing import Installation, write_application

REPORT = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: report}
data: {to: ada@example.com}
"""
KEY = ("shop", "ConfigMap", "report")


@pytest.fixture
def delivered(tmp_path: Path) -> Installation:
    """The first release brought a ConfigMap that is no longer in the manifests."""
    folder = write_application(tmp_path)
    extra = folder / "manifests" / "report.yaml"
    extra.write_text(REPORT)
    installation = Installation(tmp_path)
    installation.push("1.0")
    installation.settle()
    assert KEY in installation.staging.objects
    extra.unlink()
    catalogue = Catalogue(check_path(tmp_path).definitions)
    installation.restart(wrap=lambda ports: replace(ports, catalogue=lambda: catalogue))
    return installation


def test_an_object_that_left_the_manifests_is_deleted_after_the_rollout_and_before_the_tests(
    delivered: Installation,
) -> None:
    delivered.push("2.0")
    step = delivered.settle_at(StepKind.CHECK, "staging")
    assert KEY in delivered.staging.objects
    delivered.run_step(step)
    delivered.settle_at(StepKind.VERIFY, "staging")
    assert KEY not in delivered.staging.objects


def test_deletions_are_recorded_object_by_object_and_explained(delivered: Installation) -> None:
    delivered.push("2.0")
    delivered.settle()
    (record,) = [record for record in delivered.trail() if record.action == "objects.deleted"]
    assert record.details["objects"] == ["ConfigMap/report: deleted"]
    assert record.environment == "staging"
    assert "1 object that left the manifests deleted" in str(delivered.explain(2).model_dump())


def test_an_object_that_cannot_be_deleted_is_reported_and_the_release_stays_live(delivered: Installation) -> None:
    delivered.staging.undeletable["report"] = "an admission policy protects it"
    delivered.push("2.0")
    delivered.settle()
    live = delivered.lane("staging").live
    assert live is not None
    assert live.release == 2
    assert "not deleted (ConfigMap/report: left as it is, an admission policy protects it)" in str(
        delivered.explain(2).model_dump()
    )


def test_an_object_still_there_after_its_deletion_is_reported_with_the_reason() -> None:
    still_there = Deleted(
        object="Service/web", ending=Ending.DELETED, why="it goes once its finalizer has been taken away"
    )
    assert pruned_phrase((still_there, Deleted(object="ConfigMap/a", ending=Ending.DELETED))) == (
        "2 objects that left the manifests deleted, of which 1 still there "
        "(Service/web: deleted, it goes once its finalizer has been taken away)"
    )


def test_a_rollback_after_failed_tests_brings_the_deleted_object_back(delivered: Installation) -> None:
    delivered.staging.job_ends = JobState(state=ProgressState.FAILED, reason="1 of 1 pods failed")
    delivered.push("2.0")
    step = delivered.settle_at(StepKind.VERIFY, "staging")
    assert KEY not in delivered.staging.objects
    delivered.run_step(step)
    delivered.settle()
    assert delivered.phase(2) is Phase.ROLLED_BACK
    assert KEY in delivered.staging.objects


def test_a_rollout_that_fails_deletes_nothing(delivered: Installation) -> None:
    delivered.staging.broken.add(delivered.build("2.0"))
    delivered.push("2.0")
    delivered.settle()
    assert delivered.phase(2) is Phase.ROLLED_BACK
    assert "objects.deleted" not in delivered.actions()
    assert KEY in delivered.staging.objects


def test_deletions_are_made_up_for_once_a_cluster_that_was_away_is_back(delivered: Installation) -> None:
    delivered.push("2.0")
    delivered.run_step(delivered.settle_at(StepKind.CHECK, "staging"))
    step = delivered.settle_at(StepKind.CHECK, "staging")
    delivered.staging.away_before_pruning = True
    delivered.run_step(step)
    assert KEY in delivered.staging.objects
    delivered.staging.away_before_pruning = False
    delivered.settle()
    assert KEY not in delivered.staging.objects
    live = delivered.lane("staging").live
    assert live is not None
    assert live.release == 2


JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: team/shop}]
"""


@pytest.fixture
def migrated(tmp_path: Path) -> Installation:
    """The first release brought a Job that is no longer in the manifests."""
    folder = write_application(tmp_path)
    job = folder / "manifests" / "migrate.yaml"
    job.write_text(JOB)
    installation = Installation(tmp_path)
    installation.push("1.0")
    installation.settle()
    job.unlink()
    catalogue = Catalogue(check_path(tmp_path).definitions)
    installation.restart(wrap=lambda ports: replace(ports, catalogue=lambda: catalogue))
    return installation


def test_a_job_that_left_the_manifests_goes_and_no_rollback_runs_it_again(migrated: Installation) -> None:
    migrated.staging.broken.add(migrated.build("2.0"))
    migrated.push("2.0")
    migrated.settle()
    assert migrated.phase(2) is Phase.ROLLED_BACK
    migrated.push("3.0")
    migrated.settle()
    assert ("shop", "Job", "migrate") not in migrated.staging.objects
