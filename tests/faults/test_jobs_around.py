"""The process dies, or a service is away, at each single point of a delivery with Jobs around its rollout: each Job is
run once all the same, and in its turn."""

from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import pytest

from slipway.bundle.model import MANIFEST_TYPE
from slipway.domain.events import ImagePushed
from slipway.domain.model import sha256
from slipway.domain.release import Phase
from slipway.testing import write_application
from tests.faults.harness import Faults, Run
from tests.faults.mortal import is_service
from tests.unit.bundle.samples import DEPLOYMENT
from tests.unit.engine.bundle_ci import Ci
from tests.unit.engine.test_jobs_around import job

APPLICATION = """\
application: {name}
project: team
source: bundle
bundle: {{ registry: nonprod, repository: team/{name}-bundle }}
start: {start}
{pipeline}
notify: [inbox]
environments:
  - {{ name: staging, clusters: [staging], namespace: shop-staging }}
"""
FILES = {
    "environments/staging/deployment.yaml": DEPLOYMENT,
    "environments/staging/before/01-backup.yaml": job("backup"),
    "environments/staging/before/02-migrate.yaml": job("migrate"),
    "environments/staging/after/warm.yaml": job("warm"),
}
SHARES = 24
NO_FAULTS = Faults()


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jobs")
    write_application(folder / "deliveries", text=APPLICATION)
    return folder


def play(folder: Path, faults: Faults = NO_FAULTS) -> Run:
    """Deliver a bundle with Jobs under these faults, until everything is quiet and even late messages have arrived."""
    run = Run.new(folder / "deliveries", faults)
    ci = Ci(run.installation, folder / "source")
    ci.image("1.4.0")
    packed = ci.bundle("1.4.0", files=FILES)
    registry, repository = run.installation.nonprod, "team/shop-bundle"
    for blob in (packed.layer, packed.config):
        registry.put_blob(repository, sha256(blob), len(blob), partial(iter, [blob]))
    registry.put_manifest(repository, "1.4.0", packed.manifest, MANIFEST_TYPE)
    run.enqueue_push(
        ImagePushed(
            received_at=run.installation.now,
            registry="nonprod",
            repository=repository,
            digest=packed.digest,
            tag="1.4.0",
            pushed_at=run.installation.now,
        )
    )
    run.until_quiet()
    run.late_messages()
    return run


@cache
def points(folder: Path) -> tuple[str, ...]:
    return tuple(play(folder).life.points)


def faults_of(folder: Path) -> Iterator[tuple[str, Faults]]:
    """A point right after a write equals the one before the next write and is left out, except those of the cluster."""
    for number, point in enumerate(points(folder)):
        if " after " not in point or point.startswith("cluster"):
            yield f"died at {number}, {point}", Faults(crash_at=frozenset({number}))
        if is_service(point):
            yield f"away at {number}, {point}", Faults(fail_at=frozenset({number}))


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("share", range(SHARES))
def test_each_job_runs_once_and_in_its_turn_whatever_fails(delivered: Path, share: int) -> None:
    for name, faults in list(faults_of(delivered))[share::SHARES]:
        run = play(delivered, faults)
        staging, release = run.installation.staging, run.installation.release(1)
        assert release.phase is Phase.COMPLETED, f"{name}: {release.reason}"
        assert [started.partition("-")[0] for started in staging.jobs_started] == ["backup", "migrate", "warm"], name
        trail = [record.action for record in run.installation.trail()]
        order = ("before.done", "rollout.applied", "rollout.done", "after.done", "release.live")
        assert [action for action in trail if action in order] == list(order), name


def test_the_points_cover_every_write_about_a_job(delivered: Path) -> None:
    assert {"cluster before run_once", "cluster after run_once"} <= set(points(delivered))
    assert play(delivered, Faults(crash_at=frozenset({60}))).crashes == 1
