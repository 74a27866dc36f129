"""A bundle on the whole system: built and pushed by the command, voted on, and live as it was built."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from local.ci import Pipeline
from local.person import Approver
from local.stack import Stack, StackOptions, azurite
from slipway.bundle.rendering import Program
from slipway.cli.root import root
from slipway.testing.applications import write_project
from tests.contract.rendering.programs import folder_of, missing
from tests.integration.system import ROOT, System, until

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("bundle")]

EXAMPLE = ROOT / "examples" / "hello-aks"
APPLICATION = """\
application: hello
project: team
source: bundle
bundle: { registry: nonprod, repository: team/hello-bundle }
start: both
pipeline: { project: shop, name: hello-ci, branches: [main] }
notify: [inbox]
environments:
  - name: staging
    clusters: [staging]
    namespace: hello-staging
    verification: { job: acceptance.yaml, within: 5m }
  - name: production
    clusters: [production]
    namespace: hello-production
    gate: { kind: approval, approvers: [ada@example.com] }
    verification: { http: [{ service: hello, path: /healthz, contains: ok }] }
"""
INIT_CONTAINER = """\
initContainers:
  - name: check-prices
    image: hello-tools
    command: [python3, /app/pricing.py]
"""
"""A second image, which the example's chart takes by a value."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A folder of the example to build from."""

    folder: str
    version: str
    program: Program | None = None
    more_values: str = ""
    tools: bool = False


VARIANTS = (
    Variant(folder="bundle", version="2.0.0"),
    Variant(folder="kustomize", version="2.1.0", program=Program.KUSTOMIZE),
    Variant(folder="helm", version="2.2.0", program=Program.HELM, more_values=INIT_CONTAINER, tools=True),
)


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of its own, whose only application is delivered by bundles."""
    if not azurite.MAIN.exists():
        pytest.skip("Azurite is not installed: run `make install`")
    folder = tmp_path_factory.mktemp("bundled")
    (folder / "team" / "hello").mkdir(parents=True)
    (folder / "team" / "hello" / "application.yaml").write_text(APPLICATION)
    write_project(folder / "team")
    project = folder / "team" / "project.yaml"
    project.write_text(project.read_text().replace('["team/*"]', '["team/*", hello, hello-tools]'))
    with Stack(StackOptions(folder=folder / "stack", apply=folder / "team")) as stack:
        system = System(stack)
        yield system
        system.close()


def slipway(stack: Stack, folder: Path, *arguments: str) -> dict[str, Any]:
    """The command as CI runs it, signed in to the registry by environment variables."""
    environment = {
        "PATH": ":".join(["/usr/bin:/bin", *filter(None, (folder_of(program) for program in Program))]),
        "PYTHONPATH": str(ROOT),
        "SLIPWAY_REGISTRY_USER": "ci",
        "SLIPWAY_REGISTRY_PASSWORD": stack.secrets.ci_password,
    }
    command = [sys.executable, "-m", "slipway.cli", "bundle", *arguments, "--json"]
    process = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
    output: dict[str, Any] = json.loads(process.stdout)
    return output


def contains(live: Any, expected: Any) -> bool:
    """Whether everything expected is live; the server and Slipway may have added more."""
    if isinstance(expected, dict):
        return isinstance(live, dict) and all(key in live and contains(live[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(live) == len(expected) and all(contains(a, b) for a, b in zip(live, expected, strict=True))
    return bool(live == expected)


def live(stack: Stack, cluster: str, expected: dict[str, Any]) -> Any:
    """The object as the cluster has it."""
    kind, metadata = expected["kind"], expected["metadata"]
    group = f"apis/{expected['apiVersion']}" if "/" in expected["apiVersion"] else f"api/{expected['apiVersion']}"
    path = f"{group}/namespaces/{metadata['namespace']}/{kind.lower()}s/{metadata['name']}"
    access = stack.clusters[cluster]
    headers = {"Authorization": f"Bearer {access['token']}"}
    return stack.http.request("GET", f"{access['server']}/{path}", headers=headers).json()


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: str(variant.folder))
def test_a_bundle_is_built_pushed_voted_on_and_live_as_it_was_built(
    bundled: System, tmp_path: Path, variant: Variant
) -> None:
    if variant.program and folder_of(variant.program) is None:
        pytest.skip(missing(variant.program))
    stack, version = bundled.stack, variant.version
    nonprod, prod = stack.registries["nonprod"], stack.registries["prod"]
    ci = Pipeline(
        app_url=stack.url,
        hook_secret=stack.secrets.hook_secret,
        registry=nonprod,
        ci_password=stack.secrets.ci_password,
        azure_devops=stack.azure_devops["url"],
        repository="hello",
    )
    run = ci.begin(f"Release {version}")
    images = {"hello": ci.push(ci.build(version), version)}
    if variant.tools:
        tools = replace(ci, repository="hello-tools")
        images["hello-tools"] = tools.push(tools.build(f"{version}-tools"), version)
    words = ["export", "hello", "--targets", "1.34", "-o", str(tmp_path), "--url", stack.url]
    exported = CliRunner().invoke(root, words, env={"SLIPWAY_KEY": stack.secrets.function_key})
    assert exported.exit_code == 0, exported.output
    environments = json.loads((tmp_path / "targets.json").read_text())["environments"]
    assert {name: (target["registry"], target["namespace"]) for name, target in environments.items()} == {
        "staging": (nonprod, "hello-staging"),
        "production": (prod, "hello-production"),
    }
    source = Path(shutil.copytree(EXAMPLE / variant.folder, tmp_path / "source"))
    if variant.more_values:
        (source / "values.yaml").write_text(variant.more_values)
    image_options = [argument for repository in images for argument in ("--image", f"{repository}:{version}")]
    arguments = ("--targets", "targets.json", "--version", version, "--registry", nonprod, *image_options)
    built = [slipway(stack, tmp_path, "build", str(source), *arguments) for _ in range(2)]
    assert set(built[0]["tools"]) - {"slipway"} == ({variant.program.command} if variant.program else set())
    digests = {build["digest"] for build in built}
    pushed = slipway(stack, tmp_path, "push", "bundle", f"{nonprod}/team/hello-bundle", "--record", "slipway.json")
    assert digests == {pushed["digest"]}
    ci.end(run, None, published=json.loads((tmp_path / "slipway.json").read_text()))
    ci.report(run)

    hello = bundled.application("hello")
    release = str(hello.reached("gate.opened", tag=version)["release"])
    proved = hello.release(release)["run"]
    assert [proved[fact]["trust"] for fact in ("proof", "built", "behind")] == ["proved"] * 3
    Approver().decide(bundled.approval_link(release), "approve", "seen in staging")
    hello.reached("release.completed", tag=version)
    assert {
        record["digest"]
        for record in hello.records()
        if record["action"] == "release.live" and record["release"] == release
    } == {pushed["digest"]}
    copied = hello.reached("copy.done", tag=version)["details"]
    assert {item["digest"] for item in copied["images"]} == set(images.values())

    slipway(stack, tmp_path, "pull", "bundle", "--output", "files")
    for name in environments:
        for file in sorted((tmp_path / "files" / "environments" / name).glob("*.yaml")):
            for manifest in yaml.safe_load_all(file.read_text()):
                assert contains(live(stack, name, manifest), manifest), (name, file.name)
    deployed_images = {
        container["image"]
        for file in (tmp_path / "files/environments/production").glob("*.yaml")
        for container in containers(yaml.safe_load(file.read_text()))
    }
    assert deployed_images == {f"{prod}/{repository}@{digest}" for repository, digest in images.items()}


def containers(manifest: Any) -> Iterator[dict[str, Any]]:
    """The containers of an object that runs pods from a template."""
    pod = manifest["spec"]["template"]["spec"] if manifest["kind"] == "Deployment" else {}
    yield from (*pod.get("initContainers", ()), *pod.get("containers", ()))


def test_the_pushes_of_the_images_themselves_started_nothing(bundled: System) -> None:
    until(lambda: bundled.application("hello").releases, "the release of the bundle")
    pushed = [variant.version for variant in VARIANTS if variant.program is None or folder_of(variant.program)]
    assert sorted(release["tag"] for release in bundled.application("hello").releases) == pushed
    assert bundled.get("/api/v1/parked")["parked"] == []


def test_targets_of_an_unknown_application_or_a_wrong_version_are_refused(bundled: System) -> None:
    def export(*arguments: str) -> Result:
        key = {"SLIPWAY_KEY": bundled.stack.secrets.function_key}
        return CliRunner().invoke(root, ["export", *arguments, "--url", bundled.stack.url], env=key)

    wrong = export("hello", "--targets", "newest")
    assert wrong.exit_code == 2
    assert "environments.staging.kubernetes" in wrong.stderr
    nobodys = export("nobodys", "--targets", "1.34")
    assert nobodys.exit_code == 3
    assert "there is no application 'nobodys'" in nobodys.stderr
