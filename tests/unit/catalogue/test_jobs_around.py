"""Jobs around a rollout of an application whose manifests come with the catalogue."""

from pathlib import Path

import pytest

from slipway.catalogue import ConfigError, render_jobs_around
from slipway.domain.around import Side
from slipway.manifests.around import own_name
from tests.unit.catalogue.samples import APPLICATION, DEPLOYMENT, IMAGE, VALUES, Write, load, load_one

WITH_JOBS = APPLICATION + "    before: [jobs/backup.yaml, jobs/migrate.yaml]\n    after: [jobs/warm.yaml]\n"


def job(name: str, *, spec: str = "") -> str:
    return f"""\
apiVersion: batch/v1
kind: Job
metadata: {{ name: {name} }}
spec:
  {spec}
  template: {{ spec: {{ restartPolicy: Never, containers: [{{ name: main, image: team/shop }}] }} }}
"""


FILES = {"manifests/shop.yaml": DEPLOYMENT} | {f"jobs/{name}.yaml": job(name) for name in ("backup", "migrate", "warm")}


def test_the_jobs_of_each_side_are_rendered_in_their_order_with_the_image_by_digest(write: Write) -> None:
    definition = load_one(write(WITH_JOBS, files=FILES))
    [environment] = definition.application.environments
    jobs_by_side = {
        side: render_jobs_around(definition, environment, side, image=IMAGE, values=VALUES) for side in Side
    }
    assert {side: [own_name(manifest) for manifest in jobs] for side, jobs in jobs_by_side.items()} == {
        Side.BEFORE: ["backup", "migrate"],
        Side.AFTER: ["warm"],
    }
    [container] = jobs_by_side[Side.BEFORE][1]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    assert jobs_by_side[Side.BEFORE][1]["metadata"]["name"].startswith("migrate-482-")
    assert jobs_by_side[Side.BEFORE][1]["metadata"]["namespace"] == "shop-staging"


def test_the_name_of_a_job_differs_between_releases_environments_sides_and_contents(write: Write) -> None:
    definition = load_one(write(WITH_JOBS.replace("migrate.yaml]", "migrate.yaml, jobs/warm.yaml]"), files=FILES))
    [environment] = definition.application.environments

    def name(side: Side = Side.AFTER, *, environment_name: str = "staging", image: str = IMAGE, **values: str) -> str:
        place = environment.evolve(name=environment_name)
        manifest = render_jobs_around(definition, place, side, image=image, values=VALUES | values)[-1]
        assert own_name(manifest) == "warm"
        return str(manifest["metadata"]["name"])

    assert name() == name()
    others = {
        name(environment_name="other"),
        name(SLIPWAY_RELEASE="shop-483"),
        name(SLIPWAY_RELEASE="till-482"),
        name(Side.BEFORE),
        name(image=IMAGE[:-1] + "b"),
    }
    assert len({name(), *others}) == 6


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {"jobs/warm.yaml": None},
            "environments[0].after[0]: expected a file with a Job, got team/shop/jobs/warm.yaml",
        ),
        ({"jobs/warm.yaml": DEPLOYMENT}, "kind: expected a Job of batch/v1, got Deployment of apps/v1"),
        ({"jobs/warm.yaml": job("warm", spec="suspend: true")}, "spec.suspend: expected a Job that runs"),
    ],
)
def test_a_job_that_could_not_run_is_named_before_anything_is_applied(
    write: Write, folder: Path, files: dict[str, str | None], says: str
) -> None:
    write(WITH_JOBS, files={path: text for path, text in (FILES | files).items() if text is not None})
    with pytest.raises(ConfigError) as raised:
        load(folder)
    assert says in str(raised.value)


def test_a_job_among_the_manifests_would_be_deployed_with_them(write: Write, folder: Path) -> None:
    text = APPLICATION + "    before: [manifests/migrate.yaml]\n"
    write(text, files={"manifests/shop.yaml": DEPLOYMENT, "manifests/migrate.yaml": job("migrate")})
    with pytest.raises(ConfigError, match="it would be deployed with the manifests"):
        load(folder)


def test_an_application_of_bundles_names_no_files_of_jobs(write: Write, folder: Path) -> None:
    text = APPLICATION.replace("image: {", "source: bundle\nbundle: {") + "    before: [jobs/migrate.yaml]\n"
    write(text, files={})
    with pytest.raises(ConfigError, match="is for source image; a bundle brings rendered manifests"):
        load(folder)


def test_a_long_name_of_a_job_around_a_rollout_is_accepted_and_shortened(write: Write) -> None:
    long = "migrate-" + "x" * 100
    text = WITH_JOBS + "    verification: { job: jobs/acceptance.yaml, within: 5m }\n"
    files = FILES | {"jobs/migrate.yaml": job(long), "jobs/acceptance.yaml": job(long)}
    definition = load_one(write(text, files=files))
    [environment] = definition.application.environments
    _, manifest = render_jobs_around(definition, environment, Side.BEFORE, image=IMAGE, values=VALUES)
    assert own_name(manifest) == long
    assert len(manifest["metadata"]["name"]) <= 63


def test_a_job_among_the_manifests_with_a_name_of_over_63_characters_is_refused(write: Write) -> None:
    with pytest.raises(ConfigError, match="at most 63"):
        load_one(write(WITH_JOBS, files=FILES | {"manifests/job.yaml": job("x" * 64)}))
