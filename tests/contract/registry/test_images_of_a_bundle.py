"""Two images of two repositories, one with rules of its own, on real registries: checked, copied, verified as a set."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from slipway.cli.root import root
from slipway.domain.events import ImagePushed
from slipway.domain.release import Phase, Release
from slipway.effects.registry import Registry
from slipway.testing import Installation, write_application
from slipway.testing.artifacts import ArtifactDouble, image, index, push_artifact
from slipway.testing.installation import SETTINGS
from tests.contract.registry.cosign import COSIGN, MISSING, Cosign, image_reference
from tests.contract.registry.places import DOCKER_REGISTRY, Place, docker_registry
from tests.unit.bundle.samples import FILES, write
from tests.unit.effects.supply_chain.signing import BUILDER, SPDX_DOCUMENT

pytestmark = pytest.mark.skipif(DOCKER_REGISTRY is None, reason="docker-registry is not installed")

SHOP, TOOLS, BUNDLE = "team/shop", "team/tools", "team/shop-bundle"
APPLICATION: Final = """\
application: {name}
project: team
source: bundle
bundle: {{ registry: nonprod, repository: team/{name}-bundle }}
start: {start}
{pipeline}
notify: [inbox]
environments:
  - name: staging
    clusters: [staging]
    namespace: shop-staging
    verification: {{ job: acceptance.yaml }}
  - name: production
    clusters: [production]
    namespace: shop
    gate: {{ kind: approval, approvers: [ada@example.com] }}
"""
RULES: Final = f"""\
    require:
      cosign: {{{{ key: keys/shop.pub }}}}
      each:
        - of: {TOOLS}
          cosign: {{{{ key: keys/tools.pub }}}}
          sbom: true
          provenance: {{{{ builders: ["{BUILDER}"], key: keys/tools.pub }}}}
      within: 0s
"""
PROVENANCE: Final = {
    "builder": {"id": BUILDER},
    "buildType": "https://contoso.com/build",
    "invocation": {},
    "materials": [],
}
WITH_TOOLS: Final = {
    path: text.replace(
        "      containers:", "      initContainers: [{ name: wait, image: team/tools:1.4.0 }]\n      containers:"
    )
    if path.endswith("/deployment.yaml")
    else text
    for path, text in FILES.items()
}


@dataclass(frozen=True)
class StoredRegistry:
    """A real registry, and where its files are."""

    place: Place
    folder: Path

    def purge(self, repository: str, digest: str) -> None:
        """Delete a manifest, as a clean-up does that knows nothing of bundles."""
        shutil.rmtree(
            self.folder / "data/docker/registry/v2/repositories" / repository / "_manifests/revisions/sha256"
            / digest.removeprefix("sha256:")
        )  # fmt: skip


@pytest.fixture
def registries(tmp_path: Path) -> Iterator[dict[str, StoredRegistry]]:
    folders = {name: tmp_path / name for name in ("nonprod", "prod")}
    for folder in folders.values():
        folder.mkdir()
    with docker_registry(folders["nonprod"]) as nonprod, docker_registry(folders["prod"]) as prod:
        yield {"nonprod": StoredRegistry(nonprod, folders["nonprod"]), "prod": StoredRegistry(prod, folders["prod"])}


@dataclass(frozen=True, kw_only=True)
class Team:
    """A team with a bundle of two images in the registry, and an installation that delivers it."""

    home: Installation
    registries: Mapping[str, StoredRegistry]
    images: Mapping[str, ArtifactDouble]
    """The images, by repository."""
    bundle: str
    """The digest."""

    def image(self, repository: str, *, of: str = "nonprod") -> str:
        digest = self.bundle if repository == BUNDLE else self.images[repository].digest
        return image_reference(self.registries[of].place, repository, digest)

    def push(self, *, until: str = "") -> Release:
        """Report the push to the app, and let the release go as far as it can, or to an environment."""
        now = self.home.now
        self.home.app.door.take(
            ImagePushed(
                received_at=now, registry="nonprod", repository=BUNDLE, digest=self.bundle, tag="1.4.0", pushed_at=now
            )
        )
        self.home.settle(until=lambda: bool(until) and self.home.release(1).environment == until)
        return self.home.release(1)


type Build = Callable[..., Team]


@pytest.fixture
def build(registries: dict[str, StoredRegistry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Push both images, then the bundle with the command; the files in `keys` belong to the application."""
    monkeypatch.chdir(tmp_path)

    def built(rules: str = "", **keys: bytes) -> Team:
        clients: dict[str, Registry] = {name: stored.place.client() for name, stored in registries.items()}
        images = {
            repository: index(
                image(f"{repository} for amd64".encode()), image(repository.encode(), architecture="arm64")
            )
            for repository in (SHOP, TOOLS)
        }
        for repository, artifact in images.items():
            push_artifact(clients["nonprod"], repository, artifact, "1.4.0")
        digest = _pushed_bundle(tmp_path, registries)
        folder = write_application(tmp_path / "deliveries", text=APPLICATION + rules)
        (folder / "keys").mkdir()
        for name, key in keys.items():
            (folder / "keys" / f"{name}.pub").write_bytes(key)
        places = {
            name: {"login_server": stored.place.login_server, "credential": "anonymous"}
            for name, stored in registries.items()
        }
        home = Installation(tmp_path / "deliveries", settings={"registries": {**SETTINGS["registries"], **places}})
        home.registries.update(clients)
        home.restart()
        return Team(home=home, registries=registries, images=images, bundle=digest)

    return built


def _pushed_bundle(folder: Path, registries: Mapping[str, StoredRegistry]) -> str:
    write(folder / "deploy", WITH_TOOLS)
    environments = {
        name: {"registry": registries[registry].place.login_server, "namespace": namespace, "kubernetes": "1.34"}
        for name, registry, namespace in (("staging", "nonprod", "shop-staging"), ("production", "prod", "shop"))
    }
    targets = {"v": 1, "application": "shop", "environments": environments}
    (folder / "deploy/targets.json").write_text(json.dumps(targets))
    nonprod = registries["nonprod"].place.login_server
    for command in (
        ("build", "deploy", "--version", "1.4.0", "--registry", nonprod),
        ("push", "bundle", f"{nonprod}/{BUNDLE}", "--record", "pushed.json"),
    ):
        result = CliRunner().invoke(root, ["bundle", *command], env={"DOCKER_CONFIG": "none"})
        assert result.exit_code == 0, result.output
    return str(json.loads((folder / "pushed.json").read_text())["digest"])


# ---- rules


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cosign]:
    """The signer of the application, and that of another team, whose image it includes."""
    if COSIGN is None:
        pytest.skip(MISSING)
    return {name: Cosign(tmp_path_factory.mktemp(name)) for name in ("shop", "tools")}


def attest(team: Team, signer: Cosign) -> None:
    signer.attest(team.image(TOOLS), "spdxjson", SPDX_DOCUMENT)
    signer.attest(team.image(TOOLS), "slsaprovenance", PROVENANCE)


def test_each_image_that_passes_its_own_rules_reaches_production_with_signatures_sbom_and_provenance(
    build: Build, signers: dict[str, Cosign]
) -> None:
    shop, tools = signers["shop"], signers["tools"]
    team = build(RULES, shop=shop.public_key, tools=tools.public_key)
    shop.sign(team.image(BUNDLE))
    shop.sign(team.image(SHOP))
    tools.sign(team.image(TOOLS))
    attest(team, tools)
    release = team.push()
    assert release.phase is Phase.AWAITING_APPROVAL, release.reason
    plan = team.home.app.reader.plan(release.plan_hash or "")
    assert {rule.name: rule.passed for rule in plan.supply_chain} == {
        "signed-by-cosign": True,
        "has-sbom": True,
        "built-by": True,
    }

    team.home.vote(1)
    team.home.settle()
    assert team.home.phase(1) is Phase.COMPLETED, team.home.release(1).reason
    for repository, signer in ((BUNDLE, shop), (SHOP, shop), (TOOLS, tools)):
        copied_image = team.image(repository, of="prod")
        assert copied_image.partition("@")[2] in signer.verify(copied_image)
    for kind in ("spdxjson", "slsaprovenance"):
        assert tools.verify_attestation(team.image(TOOLS, of="prod"), kind)
    prod = team.registries["prod"].place.client()
    assert {child.digest: prod.resolve(TOOLS, child.digest) for child in team.images[TOOLS].children} == {
        child.digest: child.digest for child in team.images[TOOLS].children
    }


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [
        ("the signature", "signed-by-cosign: image tools: "),
        ("the other team's key", "signed-by-cosign: image tools: "),
        ("the SBOM and the provenance", "has-sbom: image tools: "),
    ],
)
def test_an_image_that_fails_its_own_rules_is_found_when_planning(
    build: Build, signers: dict[str, Cosign], left_out: str, expected: str
) -> None:
    shop, tools = signers["shop"], signers["tools"]
    team = build(RULES, shop=shop.public_key, tools=tools.public_key)
    shop.sign(team.image(BUNDLE))
    shop.sign(team.image(SHOP))
    if left_out != "the signature":
        (shop if left_out == "the other team's key" else tools).sign(team.image(TOOLS))
    if left_out != "the SBOM and the provenance":
        attest(team, tools)
    release = team.push()
    assert (release.phase, release.environment) == (Phase.FAILED, "production")
    assert expected in release.reason
    prod = team.registries["prod"].place.client()
    assert [prod.resolve(repository, team.images[repository].digest) for repository in (SHOP, TOOLS)] == [None, None]


# ---- purged images


@pytest.mark.parametrize("part", ["image", "platform"])
@pytest.mark.parametrize("repository", [SHOP, TOOLS])
def test_an_image_that_was_purged_whole_or_for_one_platform_is_found_before_anything_is_applied(
    build: Build, repository: str, part: str
) -> None:
    team = build()
    purged = team.images[repository] if part == "image" else team.images[repository].children[1]
    team.registries["nonprod"].purge(repository, purged.digest)
    release = team.push()
    assert (release.phase, release.environment) == (Phase.FAILED, "staging")
    assert f"{repository}@" in release.reason
    assert purged.digest in release.reason
    assert "rollout.requested" not in team.home.actions()


def test_an_image_that_is_purged_after_staging_is_found_before_anybody_is_asked(build: Build) -> None:
    team = build()
    team.push(until="production")
    team.registries["nonprod"].purge(TOOLS, team.images[TOOLS].digest)
    team.home.settle()
    release = team.home.release(1)
    assert (release.phase, release.environment) == (Phase.FAILED, "production")
    assert f"{TOOLS}@{team.images[TOOLS].digest}" in release.reason
