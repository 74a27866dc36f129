"""A kustomization, rendered by the real Kustomize into a bundle; nothing is fetched for it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle import BuildOptions, BuiltBundle, ContentPart, Reference, build, read_environments, unpack_bundle
from slipway.bundle.rendering import Program
from slipway.cli.programs import Programs
from slipway.cli.schemas import Schemas
from slipway.manifests.problems import ConfigError
from tests.contract.rendering.programs import folder_of, missing
from tests.unit.bundle.samples import CI, DEPLOYMENT, JOB, PROD, SERVICE, SHOP, resolve, targets, write

KUSTOMIZE = folder_of(Program.KUSTOMIZE)
pytestmark = pytest.mark.skipif(KUSTOMIZE is None, reason=missing(Program.KUSTOMIZE))

IN_STAGING = "environments/staging/kustomization.yaml"
IN_PRODUCTION = "environments/production/kustomization.yaml"
FILES = {
    "base/kustomization.yaml": "resources: [deployment.yaml, service.yaml]\n",
    "base/deployment.yaml": DEPLOYMENT,
    "base/service.yaml": SERVICE,
    IN_STAGING: "resources: [../../base]\nconfigMapGenerator: [{ name: shop, literals: [LEVEL=debug] }]\n",
    "environments/staging/verification/acceptance.yaml": JOB,
    IN_PRODUCTION: "resources: [../../base]\npatches: [{ path: patches/replicas.yaml }]\n",
    "environments/production/patches/replicas.yaml": (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: shop }\nspec: { replicas: 5 }\n"
    ),
}


def rendered(folder: Path, more: dict[str, str] | None = None, **options: Any) -> BuiltBundle:
    base = BuildOptions(folder=write(folder, FILES | (more or {})), targets=targets(), version="1.4.0", registry=CI)
    return build(replace(base, **options), resolve, Programs({"PATH": KUSTOMIZE or ""}), Schemas())


def refused(folder: Path, more: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        rendered(folder, more)
    return [str(problem) for problem in caught.value.problems]


def test_a_kustomization_is_rendered_for_each_environment(tmp_path: Path) -> None:
    built = rendered(tmp_path)
    environments = read_environments(*unpack_bundle(built.packed))
    staging, production = (
        {member.value["kind"]: member.value for member in environments[name].part(ContentPart.MANIFESTS)}
        for name in ("staging", "production")
    )
    assert set(staging) == {"ConfigMap", "Deployment", "Service"}
    assert staging["ConfigMap"]["data"] == {"LEVEL": "debug"}
    assert production["Deployment"]["spec"]["replicas"] == 5
    for manifests, registry, namespace in ((staging, CI, "shop-staging"), (production, PROD, "shop")):
        assert manifests["Service"]["metadata"]["namespace"] == namespace
        (container,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
        assert container["image"] == f"{registry}/team/shop@{SHOP}"
    (acceptance,) = environments["staging"].part(ContentPart.VERIFICATION)
    assert acceptance.file == "acceptance.yaml"
    assert built.config.tools.kustomize.startswith("5.")


def test_two_builds_of_a_kustomization_are_the_same_bytes(tmp_path: Path) -> None:
    assert rendered(tmp_path / "a").packed.digest == rendered(tmp_path / "b").packed.digest


def test_the_tag_of_the_pipeline_wins_over_that_of_a_base_and_a_digest_over_both(tmp_path: Path) -> None:
    references = {"team/shop": Reference(host="", repository="team/shop", tag="1.4.0", digest="")}
    old = {"base/deployment.yaml": DEPLOYMENT.replace("1.4.0", "0.0.1")}
    assert rendered(tmp_path / "a", old, references=references).config.images[0].digest == SHOP
    references = {"team/shop": Reference(host="", repository="team/shop", tag="9.9.9", digest="")}
    pinned = {path: text.replace("shop:1.4.0", f"shop@{SHOP}") for path, text in FILES.items()}
    assert rendered(tmp_path / "b", pinned, references=references).config.images[0].digest == SHOP


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {IN_STAGING: "resources:\n  - ../../base\n  - https://git.example/base?ref=v1\n"},
            f"{IN_STAGING}:3: resources[1]: expected a file or folder of this repository, got "
            "'https://git.example/base?ref=v1'; copy it into the repository: nothing is fetched while a bundle is",
        ),
        (
            {"base/kustomization.yaml": "resources: [deployment.yaml, 'github.com/contoso/base']\n"},
            "base/kustomization.yaml:1: resources[1]: expected a file or folder of this repository",
        ),
        (
            {IN_STAGING: "helmCharts: [{ name: db, repo: https://charts.example }]\n"},
            f"{IN_STAGING}:1: helmCharts: expected no chart in a kustomization, got a list of 1; let Helm render",
        ),
        (
            {IN_STAGING: "resources: [../../base]\nbuildMetadata: [originAnnotations]\n"},
            f"{IN_STAGING}:2: buildMetadata[0]: expected managedByLabel or none",
        ),
        ({IN_STAGING: "resources: [../../base/service.yaml]\n"}, f"{IN_STAGING}:1: kustomize refuses it: "),
        (
            {IN_STAGING: "resources: [../../base]\nsecretGenerator: [{ name: s, literals: [a=hunter2] }]\n"},
            "data: expected a Secret without values, got a mapping of 1",
        ),
        (
            {IN_STAGING: "resources: [../../base, verification/acceptance.yaml]\n"},
            "the same Job 'acceptance' is in environments/staging/",
        ),
        ({IN_STAGING: "resources: []\n"}, f"{IN_STAGING}:1: "),
    ],
)
def test_a_reference_out_of_the_repository_or_the_bundle_is_refused(
    tmp_path: Path, files: dict[str, str], expected: str
) -> None:
    problems = refused(tmp_path, files)
    assert any(expected in line for line in problems), problems
    assert "hunter2" not in "".join(problems)


def test_a_generator_that_runs_a_program_is_refused(tmp_path: Path) -> None:
    generator = (
        "apiVersion: v1\nkind: Steal\nmetadata:\n  name: it\n  annotations:\n"
        "    config.kubernetes.io/function: |\n      exec: { path: ./steal }\n"
    )
    files = {IN_STAGING: "generators: [generator.yaml]\n", "environments/staging/generator.yaml": generator}
    assert any("kustomize refuses it" in line for line in refused(tmp_path, files))
