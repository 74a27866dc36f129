"""CI of an application that travels as a bundle: built by the real command, pushed, and published in the run itself."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle import fetch, unpack_bundle
from slipway.inbound import parse_run_message
from slipway.inbound.published import ATTACHMENT_TYPE, PUBLISHING_TASK, PublishedDocument, read_document
from slipway.testing.artifacts import image, index, push_artifact
from tests.contract.registry.places import PASSWORD, Place, acr_double

from .conftest import EXAMPLE, EXAMPLES, ROOT
from .expander import instantiate, read
from .machine import Machine
from .programs import install_programs
from .test_runs import SECRET, TESTS, VARIABLES

PRICES = "hello-prices"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WITHOUT_INTERNET = frozenset({"Install the linter", "Install Slipway's command"})


@dataclass(frozen=True, kw_only=True)
class Merge:
    """A run of the example's CI, and the registry that it pushes to."""

    machine: Machine
    pipeline: dict[str, Any]
    place: Place
    image: str
    """Digest that `docker` says it pushed."""
    prices: str
    """The same for a second image."""
    source: Path

    def run(self) -> dict[str, str]:
        return self.machine.run(self.pipeline)


@pytest.fixture
def place() -> Iterator[Place]:
    with acr_double() as started:
        yield started


@pytest.fixture
def merge(tmp_path: Path, place: Place) -> Callable[..., Merge]:
    """The example's own pipeline with the parameters of a bundle; its tests are run by `test_runs`."""

    def new(folder: str = "bundle", **parameters: object) -> Merge:
        digest = push_artifact(
            place.client(), "hello", index(image(b"a layer"), image(b"another", architecture="arm64")), "1"
        )
        programs = install_programs(tmp_path / "programs")
        prices = push_artifact(
            place.client(), PRICES, index(image(b"prices"), image(b"prices", architecture="arm64")), "1"
        )
        programs.answer_with(digest=digest, digests={PRICES: prices})
        source = Path(shutil.copytree(EXAMPLE, tmp_path / "source", ignore=shutil.ignore_patterns("__pycache__")))
        (source / folder / "targets.json").write_text(json.dumps(targets(place)))
        templates = tmp_path / "templates"
        templates.mkdir()
        (templates / "pipelines").symlink_to(ROOT / "pipelines")
        base = read(EXAMPLES["ci"])["extends"]["parameters"] | {
            "registry": place.login_server,
            "bundle": "hello-bundle",
            "bundleFolder": folder,
        }
        machine = Machine(
            workspace=tmp_path / "work",
            sources={"self": source, "slipway": templates},
            variables=VARIABLES,
            vault={"hello-partner-key": SECRET},
            skipped_steps=WITHOUT_INTERNET,
            passed_stages=TESTS,
            environment={
                **programs.environment,
                "SLIPWAY_REGISTRY_USER": "ada",
                "SLIPWAY_REGISTRY_PASSWORD": PASSWORD,
            },
        )
        pipeline = instantiate(ROOT / "pipelines" / "ci.yml", base | parameters)
        return Merge(machine=machine, pipeline=pipeline, place=place, image=digest, prices=prices, source=source)

    return new


def targets(place: Place) -> dict[str, Any]:
    environments = {
        name: {"registry": registry, "namespace": namespace, "kubernetes": "1.34"}
        for name, registry, namespace in (
            ("staging", place.login_server, "hello-staging"),
            ("production", "prod.example", "hello-production"),
        )
    }
    return {"v": 1, "application": "hello", "environments": environments}


def test_a_merge_pushes_a_bundle_of_its_images_and_publishes_that_once_by_the_trusted_step(
    merge: Callable[..., Merge],
) -> None:
    prices = {"name": "prices", "repository": PRICES, "context": ".", "dockerfile": "Dockerfile"}
    merged = merge(moreImages=[prices])
    file = merged.source / "bundle/environments/production/deployment.yaml"
    container = "      initContainers: [{ name: prices, image: hello-prices:other }]\n      containers:\n"
    file.write_text(file.read_text().replace("      containers:\n", container))
    assert set(merged.run().values()) == {"Succeeded"}, "\n".join(merged.machine.log)
    assert list(merged.machine.results["image"]) == ["image", "image_prices"]
    packed = fetch(merged.place.client(), "hello-bundle", "1.0.17")
    config, files = unpack_bundle(packed)
    pushed = {"hello": merged.image, PRICES: merged.prices}
    assert {image.repository: image.digest for image in config.images} == pushed
    assert (config.source.run, config.source.commit) == ("4711", VARIABLES["Build.SourceVersion"])
    for repository, digest in pushed.items():
        assert f"prod.example/{repository}@{digest}".encode() in files["environments/production/deployment.yaml"]

    ((step, kind, name, content),) = merged.machine.attachments
    assert (step, kind, name) == (PUBLISHING_TASK, ATTACHMENT_TYPE, "slipway.json")
    document = read_document(content)
    assert isinstance(document, PublishedDocument)
    assert (document.content.repository, document.content.digest) == ("hello-bundle", packed.digest)
    assert {image.repository: image.digest for image in document.content.images} == pushed

    (body,) = merged.machine.messages
    report = parse_run_message(body.encode(), now=NOW)
    assert (report.repository, report.tag, report.digest) == ("hello-bundle", "1.0.17", packed.digest)
    assert merged.machine.build_tags[-2:] == ["bundle-1.0.17", packed.digest.replace(":", "-")]


def test_a_failed_image_build_stops_the_bundle(merge: Callable[..., Merge]) -> None:
    merged = merge(moreImages=[{"name": "prices", "repository": "Prices", "context": ".", "dockerfile": "Dockerfile"}])
    stages = merged.run()
    assert (stages["image"], stages["bundle"]) == ("Failed", "Skipped")
    report = parse_run_message(merged.machine.messages[0].encode(), now=NOW)
    assert not report.claims.succeeded


def test_a_bundle_that_is_refused_is_pushed_nowhere_and_the_run_is_reported_as_failed(
    merge: Callable[..., Merge],
) -> None:
    merged = merge()
    secret = "apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { password: hunter2 }\n"
    (merged.source / "bundle/environments/staging/secret.yaml").write_text(secret)
    stages = merged.run()
    assert (stages["image"], stages["bundle"]) == ("Succeeded", "Failed")
    log = "\n".join(merged.machine.log)
    assert "environments/staging/secret.yaml:4: stringData: expected a Secret without values" in log
    assert "hunter2" not in log
    assert merged.machine.attachments == []
    assert merged.place.client().resolve("hello-bundle", "1.0.17") is None
    report = parse_run_message(merged.machine.messages[0].encode(), now=NOW)
    assert not report.claims.succeeded
    assert (report.repository, report.digest) == ("hello-bundle", None)


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("images", [["--targets"], "hello:1", [1]])
def test_further_images_that_are_not_references_stop_the_bundle(merge: Callable[..., Merge], images: object) -> None:
    merged = merge(bundleImages=images if isinstance(images, list) else [{"image": images}])
    assert merged.run()["bundle"] == "Failed"
    assert "IMAGES: expected a list of repository:tag" in "\n".join(merged.machine.log)
