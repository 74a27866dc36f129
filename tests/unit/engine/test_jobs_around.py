"""Jobs before and after a rollout, from a bundle's folders to the trail: they run in order and once, and a failed one
has consequences."""

from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.commands import Verb
from slipway.domain.plan import HAS_RUN, Preview
from slipway.domain.release import Phase
from slipway.effects.cluster import JobState, ProgressState
from slipway.testing import Installation, write_application
from slipway.web.release import show_release
from tests.unit.bundle.samples import FILES, SERVICE
from tests.unit.engine.bundle_ci import APPLICATION, Ci
from tests.unit.web.visitors import DORA

FAILED = JobState(state=ProgressState.FAILED, reason="BackoffLimitExceeded: Job has reached the specified limit")
WAITING = JobState(state=ProgressState.WAITING, reason="1 pods active")
HOPELESS = JobState(state=ProgressState.HOPELESS, reason="pod migrate-1: the registry has no such image")


def job(name: str, *, spec: str = "", annotations: str = "") -> str:
    return f"""\
apiVersion: batch/v1
kind: Job
metadata: {{ name: {name}, annotations: {{ {annotations} }} }}
spec:
  {spec}
  template:
    spec:
      restartPolicy: Never
      containers: [{{ name: {name}, image: "team/shop:1.4.0", command: [/app/{name}] }}]
"""


WITH_JOBS = FILES | {
    "environments/staging/before/02-migrate.yaml": job("migrate"),
    "environments/staging/before/01-backup.yaml": job("backup"),
    "environments/staging/after/warm.yaml": job("warm"),
}


@pytest.fixture
def ci(tmp_path: Path) -> Ci:
    write_application(tmp_path / "deliveries", text=APPLICATION)
    team = Ci(Installation(tmp_path / "deliveries"), tmp_path / "source")
    team.image("1.4.0")
    return team


def deliver(ci: Ci, version: str = "1.4.0", files: dict[str, str] | None = None) -> None:
    ci.push(ci.bundle(version, files=WITH_JOBS if files is None else files), version)


def names_of_started_jobs(ci: Ci) -> list[str]:
    """The Jobs that were started in staging, by their names in the manifests."""
    return [name.partition("-")[0] for name in ci.installation.staging.jobs_started]


def actions(ci: Ci) -> list[str]:
    return [record.action for record in ci.installation.trail() if record.environment == "staging"]


def planned_jobs(ci: Ci) -> dict[str, str]:
    """What staging's plan says about each Job."""
    rollout = ci.installation.release(1).rollout_in("staging")
    document = ci.installation.app.clients.blobs.get(rollout.preview or "") if rollout else None
    changes = Preview.model_validate_json(document or b"{}").changes
    return {change.name.partition("-")[0]: change.change for change in changes if change.kind == "Job"}


def in_order(expected: list[str], actions: list[str]) -> bool:
    remaining = iter(actions)
    return all(any(action == name for action in remaining) for name in expected)


def test_jobs_run_around_the_rollout_in_the_order_of_their_files(ci: Ci) -> None:
    deliver(ci)
    assert ci.installation.phase(1) is Phase.AWAITING_APPROVAL, ci.installation.release(1).reason
    assert names_of_started_jobs(ci)[:3] == ["backup", "migrate", "warm"]
    around = ["before.requested", "before.done", "rollout.requested", "rollout.done", "after.requested", "after.done"]
    assert in_order([*around, "verification.requested", "release.live"], actions(ci))


def test_a_plan_shows_its_jobs_before_anybody_votes_and_its_hash_depends_on_them(ci: Ci) -> None:
    deliver(ci)
    rollout = ci.installation.release(1).rollout_in("staging")
    assert rollout is not None
    plan = ci.installation.app.reader.plan(rollout.plan_hash or "")
    assert plan is not None
    assert [job["spec"]["template"]["spec"]["containers"][0]["name"] for job in plan.before] == ["backup", "migrate"]
    assert plan.evolve(before=()).hash != plan.hash != plan.evolve(after=()).hash
    assert planned_jobs(ci) == {"backup": "runs before", "migrate": "runs before", "warm": "runs after"}


def test_the_record_names_each_job_with_its_uid_and_keeps_its_log(ci: Ci) -> None:
    ci.installation.staging.log = "12 tables moved\n"
    deliver(ci)
    jobs_record = next(record for record in ci.installation.trail() if record.action == "before.done")
    jobs = jobs_record.details["jobs"]
    assert [(run["passed"], run["summary"]) for run in jobs] == [(True, "12 tables moved")] * 2
    created = ci.installation.staging.made
    assert [run["uid"] for run in jobs] == [created[run["name"]].uid for run in jobs]
    assert all(ci.installation.app.clients.blobs.get(run["log"]) == b"12 tables moved\n" for run in jobs)


def test_the_page_of_the_release_shows_each_job_with_the_end_of_its_log(ci: Ci) -> None:
    ci.installation.staging.log = "12 tables moved\n"
    deliver(ci)
    page = show_release(ci.installation.app.reader, "shop-1", visitor=DORA).body.decode()
    assert "before: backup-1-" in page
    assert "12 tables moved" in page


def test_a_job_that_fails_before_the_rollout_ends_the_release_and_nothing_else_was_applied(ci: Ci) -> None:
    ci.installation.staging.ends["migrate"] = FAILED
    ci.installation.staging.log = "column is there already\n"
    deliver(ci)
    release = ci.installation.release(1)
    assert release.phase is Phase.FAILED
    assert "which runs before the rollout: BackoffLimitExceeded" in release.reason
    assert release.reason.endswith("it said: column is there already")
    assert ci.installation.staging.applied == 0
    assert "rollback.requested" not in actions(ci)
    [failure] = release.failures
    assert failure.log is not None


def test_the_live_release_stays_live_when_a_job_before_the_next_rollout_fails(ci: Ci) -> None:
    deliver(ci)
    ci.installation.staging.ends["migrate"] = FAILED
    ci.installation.wait(timedelta(minutes=1))
    deliver(
        ci, "1.5.0", WITH_JOBS | {"environments/staging/before/02-migrate.yaml": job("migrate", annotations="a: b")}
    )
    lane = ci.installation.lane("staging")
    assert (ci.installation.phase(2), lane.live and lane.live.release) == (Phase.FAILED, 1)
    assert ci.installation.staging.applied == 1


def test_a_job_that_fails_after_the_rollout_brings_back_what_was_live(ci: Ci) -> None:
    deliver(ci)
    ci.installation.staging.ends["warm"] = FAILED
    ci.installation.wait(timedelta(minutes=1))
    deliver(ci, "1.5.0")
    assert ci.installation.phase(2) is Phase.ROLLED_BACK
    assert "which runs after the rollout" in ci.installation.release(2).reason
    assert "verification.requested" not in actions(ci)[actions(ci).index("after.failed") :]


def test_a_rollback_runs_no_job_again(ci: Ci) -> None:
    deliver(ci)
    ci.installation.staging.ends["warm"] = FAILED
    ci.installation.wait(timedelta(minutes=1))
    deliver(ci, "1.5.0")
    assert [name for name in names_of_started_jobs(ci) if name != "shop"] == ["backup", "migrate", "warm"] * 2


def test_a_second_attempt_runs_only_what_has_not_ended_well(ci: Ci) -> None:
    ci.installation.staging.ends["migrate"] = FAILED
    deliver(ci)
    del ci.installation.staging.ends["migrate"]
    ci.installation.command(Verb.RETRY, 1)
    ci.installation.settle()
    assert ci.installation.phase(1) is Phase.AWAITING_APPROVAL, ci.installation.release(1).reason
    assert [name for name in names_of_started_jobs(ci) if name != "shop"] == ["backup", "migrate", "migrate", "warm"]
    assert planned_jobs(ci) == {"backup": HAS_RUN, "migrate": "runs before", "warm": "runs after"}


def test_a_job_that_looks_hopeless_is_deleted_once_that_has_lasted(ci: Ci) -> None:
    ci.installation.staging.ends["migrate"] = HOPELESS
    deliver(ci)
    release = ci.installation.release(1)
    assert release.phase is Phase.FAILED
    assert "has no such image; the Job was deleted" in release.reason
    assert not [name for name in ci.installation.staging.made if name.startswith("migrate")]


def test_a_job_is_waited_for_as_long_as_it_says(ci: Ci) -> None:
    ci.installation.staging.ends["migrate"] = WAITING
    began = ci.installation.now
    migrate = job("migrate", spec="activeDeadlineSeconds: 900")
    deliver(ci, files=WITH_JOBS | {"environments/staging/before/02-migrate.yaml": migrate})
    assert ci.installation.phase(1) is Phase.FAILED
    assert "it did not end within 0:17:00" in ci.installation.release(1).reason
    assert timedelta(minutes=17) <= ci.installation.now - began < timedelta(minutes=19)
    assert "step.resent" not in actions(ci)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (job("migrate", spec="suspend: true"), "spec.suspend: expected a Job that runs, got true"),
        (job("migrate", spec="activeDeadlineSeconds: 90000"), "expected 1 to 21600 seconds, got 90000"),
        (job("migrate", annotations="slipway.dev/on-rollback: always"), "expected run, or nothing"),
    ],
)
def test_a_job_that_could_not_be_waited_for_is_refused_when_the_bundle_is_built(ci: Ci, text: str, says: str) -> None:
    with pytest.raises(Exception, match=says):
        ci.bundle("1.4.0", files=FILES | {"environments/staging/before/migrate.yaml": text})


def roll_back_manually(ci: Ci, *, annotations: str) -> None:
    """shop-1 with a migration and then shop-2 go live in staging, and somebody rolls back to shop-1."""
    migrate = {"environments/staging/before/migrate.yaml": job("migrate", annotations=annotations)}
    deliver(ci, files=FILES | migrate)
    ci.installation.wait(timedelta(minutes=1))
    deliver(ci, "1.5.0", FILES | {"environments/staging/service.yaml": SERVICE.replace("port: 80", "port: 81")})
    assert ci.installation.lane("staging").live.release == 2  # type: ignore[union-attr]
    ci.installation.command(Verb.ROLLBACK, 1, "staging")
    ci.installation.settle()
    assert ci.installation.phase(3) is Phase.COMPLETED, ci.installation.release(3).reason


def test_a_manual_rollback_names_the_migration_that_it_does_not_run_again(ci: Ci) -> None:
    roll_back_manually(ci, annotations="a: b")
    assert names_of_started_jobs(ci).count("migrate") == 1
    plan_record = [record for record in ci.installation.trail() if record.action == "plan.made"][-1]
    assert plan_record.details["warnings"] == ["these Jobs of it ran, and do not run again: migrate"]


def test_a_manual_rollback_runs_a_job_again_that_says_so(ci: Ci) -> None:
    roll_back_manually(ci, annotations="slipway.dev/on-rollback: run")
    assert names_of_started_jobs(ci).count("migrate") == 2
    names = [name for name in ci.installation.staging.jobs_started if name.startswith("migrate")]
    assert names[0].startswith("migrate-1-")
    assert names[1].startswith("migrate-3-")


def test_an_application_of_images_names_its_jobs_itself(tmp_path: Path) -> None:
    home = write_application(tmp_path)
    text = (home / "application.yaml").read_text()
    (home / "application.yaml").write_text(
        text.replace("- name: staging\n", "- name: staging\n    before: [jobs/migrate.yaml]\n")
    )
    (home / "jobs").mkdir()
    (home / "jobs" / "migrate.yaml").write_text(job("migrate").replace("team/shop:1.4.0", "team/shop"))
    installation = Installation(tmp_path)
    installation.push("1.0")
    installation.settle()
    assert installation.release(1).rollout_in("staging").outcome == "live"  # type: ignore[union-attr]
    assert [name.partition("-")[0] for name in installation.staging.jobs_started][:1] == ["migrate"]
