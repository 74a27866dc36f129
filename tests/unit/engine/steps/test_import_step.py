"""An environment that imports its artifacts, end to end: on doubles of two registries and of Resource Manager."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle import BuildOptions, Targets, build
from slipway.cli.registries import push_bundle, resolver
from slipway.cli.schemas import Schemas
from slipway.domain.queues import Queue
from slipway.domain.release import Phase
from slipway.domain.steps import COPY_TIME, StepKind
from slipway.effects.registry import EntraCredential, Lock, Registry
from slipway.testing import APPLICATION, Installation, write_application
from slipway.testing.artifacts import ArtifactDouble, image, index, push_artifact, referrer
from slipway.testing.installation import SETTINGS
from tests.contract.registry.importing import SOURCE_ID, TARGET_ID, Azure, azure
from tests.unit.bundle.samples import NO_PROGRAMS, write
from tests.unit.engine.bundle_ci import APPLICATION as BUNDLED

IMPORT = "    promotion: { how: import }\n"
ROOT = index(image(b"base", b"amd"), image(b"base", b"arm", architecture="arm64"))
SIGNATURE = referrer(ROOT, b"signature")
MANY = index(*(image(bytes([number]), architecture=f"a{number}") for number in range(50)))


@pytest.fixture(scope="module")
def cloud() -> Iterator[Azure]:
    with azure() as azure_double:
        yield azure_double


class InCloud(Installation):
    """An installation with the registries of the Azure double; `token` decides whether the app may import."""

    def __init__(
        self, folder: Path, cloud: Azure, application: str, *, token: str = "may", promotion: str = "how: import"
    ) -> None:
        text = APPLICATION.replace("    gate: {{", f"    promotion: {{{{ {promotion} }}}}\n    gate: {{{{")
        write_application(folder, application, text=text)
        ids = {"nonprod": SOURCE_ID, "prod": TARGET_ID}
        super().__init__(
            folder,
            application=application,
            settings={"registries": {name: SETTINGS["registries"][name] | {"resource_id": ids[name]} for name in ids}},
            wrap=lambda ports: replace(ports, importer=lambda: cloud.importer(token)),
        )
        self.registries |= {"nonprod": cloud.source, "prod": cloud.target}
        self.cloud, self.built = cloud, ROOT

    @property
    def repository(self) -> str:
        return f"team/{self.application}"

    def build(self, tag: str, *, app: str = "") -> str:
        return push_artifact(self.cloud.source, self.repository, self.built, tag)

    def deliver(self, main: ArtifactDouble, *other_artifacts: ArtifactDouble) -> None:
        """Push the artifact, wait for production's gate, and approve."""
        self.built = main
        for artifact in (main, *other_artifacts):
            push_artifact(self.cloud.source, self.repository, artifact)
        self.push("1.0")
        self.settle()
        self.vote(1)

    def copied(self) -> dict[str, Any]:
        """The details of the audit record of the finished copy."""
        (record,) = [r for r in self.trail() if r.action == "copy.done"]
        return record.details


def test_the_registry_imports_the_artifact_and_its_signature_follows(tmp_path: Path, cloud: Azure) -> None:
    installation = InCloud(tmp_path, cloud, "imported")
    installation.deliver(ROOT, SIGNATURE)
    installation.settle()

    details = installation.copied()
    assert installation.phase(1) is Phase.COMPLETED
    assert (details["how"], details["lock"], details["blobs_copied"]) == ("import", "locked", 2)
    assert "not_imported" not in details or details["not_imported"] is None
    assert details["referrers"] == [SIGNATURE.digest]
    assert details["comparison"]["resolves_to"] == ROOT.digest
    assert details["comparison"]["read_back"] == details["manifests"]
    assert cloud.target.resolve(installation.repository, "1.0") == ROOT.digest
    assert cloud.arm.imports[-1]["source"]["sourceImage"] == f"{installation.repository}@{ROOT.digest}"


def test_the_import_is_polled_by_later_messages_and_its_progress_is_shown(tmp_path: Path, cloud: Azure) -> None:
    installation = InCloud(tmp_path, cloud, "watched")
    installation.deliver(ROOT)
    step = installation.settle_at(StepKind.COPY, "production")
    installation.run_step(step)

    under_way = installation.app.reader.under_way(installation.release(1))
    (following,) = [
        outgoing
        for outgoing in installation.bus.sent
        if outgoing.queue is Queue.STEPS and outgoing.body["kind"] == "copy"
    ]
    assert under_way is not None
    assert under_way.progress is not None
    assert under_way.progress.text == "the registry imports it"
    assert "operation" not in under_way.progress.model_dump()
    assert following.not_before == installation.now + timedelta(seconds=1)
    request_count = len(cloud.arm.imports)
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED
    assert len(cloud.arm.imports) == request_count


def test_an_artifact_that_is_there_already_is_not_imported(tmp_path: Path, cloud: Azure) -> None:
    installation = InCloud(tmp_path, cloud, "there")
    push_artifact(cloud.target, installation.repository, ROOT)
    installation.deliver(ROOT)
    request_count = len(cloud.arm.imports)
    installation.settle()

    assert installation.phase(1) is Phase.COMPLETED
    assert len(cloud.arm.imports) == request_count


def test_an_artifact_that_cannot_be_imported_is_copied_where_that_is_allowed(tmp_path: Path, cloud: Azure) -> None:
    installation = InCloud(tmp_path, cloud, "copied", token="no import", promotion="how: import, fallback: true")
    installation.deliver(ROOT)
    installation.settle()

    assert installation.phase(1) is Phase.COMPLETED
    assert installation.copied()["how"] == "copy"
    assert "Container Registry Data Importer and Data Reader" in installation.copied()["not_imported"]


@pytest.mark.parametrize(
    ("token", "built", "reason"),
    [
        ("no pull", ROOT, "LinkedAuthorizationFailed"),
        ("may", MANY, "it has over 50 manifests, which registries do not import"),
    ],
    ids=["unreadable", "manyfold"],
)
def test_an_artifact_that_cannot_be_imported_fails_the_release_where_no_copy_is_allowed(
    tmp_path: Path, cloud: Azure, token: str, built: ArtifactDouble, reason: str
) -> None:
    application = f"refused-{token.replace(' ', '-')}"
    installation = InCloud(tmp_path, cloud, application, token=token, promotion="how: import, fallback: false")
    installation.deliver(built)
    installation.settle()

    assert installation.phase(1) is Phase.FAILED
    assert reason in installation.release(1).reason
    assert cloud.target.resolve(installation.repository, built.digest) is None


def test_a_tag_that_is_taken_is_refused_before_anything_is_imported(tmp_path: Path, cloud: Azure) -> None:
    installation = InCloud(tmp_path, cloud, "taken")
    installation.deliver(ROOT)
    step = installation.settle_at(StepKind.COPY, "production")
    push_artifact(cloud.target, installation.repository, image(b"other"), "1.0")
    request_count = len(cloud.arm.imports)
    installation.run_step(step)
    installation.settle()

    assert installation.phase(1) is Phase.FAILED
    assert "or have it moved (promotion.tag: move)" in installation.release(1).reason
    assert len(cloud.arm.imports) == request_count


def test_an_import_that_does_not_end_in_time_fails(tmp_path: Path, cloud: Azure) -> None:
    installation = InCloud(tmp_path, cloud, "slow")
    installation.deliver(ROOT)
    step = installation.settle_at(StepKind.COPY, "production")
    installation.run_step(step)
    installation.now = step.asked_at + COPY_TIME
    installation.settle()

    assert installation.phase(1) is Phase.FAILED
    assert "it was not copied within 1:00:00" in installation.release(1).reason


@pytest.mark.parametrize("how", ["copy", "import"])
def test_a_tag_is_moved_where_the_environment_says_so_and_the_audit_names_its_earlier_digest(
    tmp_path: Path, cloud: Azure, how: str
) -> None:
    installation = InCloud(tmp_path, cloud, f"moved-{how}", promotion=f"how: {how}, tag: move")
    old_digest = push_artifact(cloud.target, installation.repository, image(b"old"), "1.0")
    cloud.target.lock(installation.repository, "1.0", old_digest)
    installation.deliver(ROOT)
    installation.settle()

    assert installation.phase(1) is Phase.COMPLETED
    assert (installation.copied()["tag_was"], installation.copied()["lock"]) == (old_digest, "locked")
    assert cloud.target.resolve(installation.repository, "1.0") == ROOT.digest


class DiesBeforeLock(Registry):
    """The process dies before the tag is locked."""

    def lock(self, repository: str, tag: str, digest: str) -> Lock:
        raise MemoryError(f"{repository}:{tag}, {digest}")


def test_the_earlier_digest_of_a_moved_tag_is_recorded_despite_a_crash_after_the_move(
    tmp_path: Path, cloud: Azure
) -> None:
    installation = InCloud(tmp_path, cloud, "crashed", promotion="tag: move")
    old_digest = push_artifact(cloud.target, installation.repository, image(b"old"), "1.0")
    installation.deliver(ROOT)
    step = installation.settle_at(StepKind.COPY, "production")
    installation.registries["prod"] = DiesBeforeLock(cloud.target.endpoint, EntraCredential(lambda: "entra"))
    installation.restart()
    with pytest.raises(MemoryError):
        installation.run_step(step)
    assert cloud.target.resolve(installation.repository, "1.0") == ROOT.digest
    installation.registries["prod"] = cloud.target
    installation.restart()
    installation.run_step(step)

    assert installation.copied()["tag_was"] == old_digest


def test_the_image_of_a_bundle_is_imported_before_the_bundle(tmp_path: Path, cloud: Azure) -> None:
    installation = InCloud(tmp_path / "deliveries", cloud, "bundled")
    (tmp_path / "deliveries" / "bundled" / "application.yaml").write_text(
        BUNDLED.format(name="bundled", start="push", pipeline="").replace("    gate: {", IMPORT + "    gate: {")
    )
    installation.restart(wrap=lambda ports: replace(ports, importer=lambda: cloud.importer("may")))
    source, target = cloud.source, cloud.target
    push_artifact(source, "team/shop", ROOT, "1.4.0")
    places = {"staging": (source, "shop-staging"), "production": (target, "shop")}
    environments = {
        name: {"registry": registry.endpoint.login_server, "namespace": namespace, "kubernetes": "1.34"}
        for name, (registry, namespace) in places.items()
    }
    targets = Targets.model_validate({"v": 1, "application": "bundled", "environments": environments})
    login_server = source.endpoint.login_server
    options = BuildOptions(folder=write(tmp_path / "source"), targets=targets, version="1.4.0", registry=login_server)
    bundle = build(options, resolver(source), NO_PROGRAMS, Schemas()).packed
    push_bundle(source, "team/bundled-bundle", "1.4.0", bundle)
    installation.take(installation.pushed("1.4.0").evolve(digest=bundle.digest))
    installation.settle()
    installation.vote(1)
    imports_before = len(cloud.arm.imports)
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED, installation.release(1).reason
    assert [request["source"]["sourceImage"] for request in cloud.arm.imports[imports_before:]] == [
        f"team/shop@{ROOT.digest}",
        f"team/bundled-bundle@{bundle.digest}",
    ]
    assert installation.copied()["how"] == "import"
    assert [image["digest"] for image in installation.copied()["images"]] == [ROOT.digest]
    for repository, digest in (("team/shop", ROOT.digest), ("team/bundled-bundle", bundle.digest)):
        assert target.resolve(repository, digest) == digest
