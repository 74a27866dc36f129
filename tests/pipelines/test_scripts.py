"""The scripts of the templates on their own: what they ask of Docker, and how they report wrong settings."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slipway.domain.events import RunReported
from slipway.domain.model import REPOSITORY_PATTERN, TAG_PATTERN
from slipway.inbound import parse_run_message

from .conftest import ROOT
from .programs import DIGEST, Programs, install_programs

SCRIPTS = ROOT / "pipelines" / "scripts"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BUILD = {
    "REGISTRY": "contosononprod.azurecr.io",
    "REPOSITORY": "team/shop",
    "TAG": "1.4.2",
    "PLATFORMS": "linux/amd64,linux/arm64",
    "DOCKERFILE": "docker/Dockerfile",
    "CONTEXT": ".",
    "BUILD_ARGUMENTS": '["APP_VERSION={tag}", "GREETING=Hello there"]',
    "BUILDKIT_IMAGE": "moby/buildkit:buildx-stable-1",
    "SBOM_IMAGE": "docker/buildkit-syft-scanner:stable-1",
    "BUILD_SOURCEVERSION": "600a5ed7c9c0bd5fb3a2f60a8ab86e9f3a2b1c4d",
    "BUILD_REPOSITORY_URI": "https://dev.azure.com/contoso/shop/_git/shop",
}
RUN = {
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/contoso/",
    "SYSTEM_TEAMPROJECT": "shop",
    "BUILD_BUILDID": "4711",
    "BUILD_DEFINITIONNAME": "shop-ci",
    "BUILD_BUILDNUMBER": "1.4.2",
    "BUILD_SOURCEBRANCH": "refs/heads/main",
    "BUILD_SOURCEVERSION": "600a5ed7c9c0bd5fb3a2f60a8ab86e9f3a2b1c4d",
    "BUILD_REQUESTEDFOREMAIL": "grace@example.com",
    "RESULTS": "Succeeded,,Succeeded",
    "IMAGE_REPOSITORY": "team/shop",
    "IMAGE_DIGEST": DIGEST,
    "IMAGE_TAG": "1.4.2",
}
MESSAGE = "##vso[task.setvariable variable=message;isOutput=true]"


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPTS / script)],
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def message(**changes: str) -> RunReported:
    process = run("run_message.py", **{**RUN, **changes})
    assert process.returncode == 0, process.stdout
    assert process.stdout.count("\n") == 1
    return parse_run_message(process.stdout.removeprefix(MESSAGE).encode(), now=NOW)


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return install_programs(tmp_path / "programs")


@pytest.fixture
def build_settings(programs: Programs, tmp_path: Path) -> dict[str, str]:
    """The settings of a build that calls these programs."""
    return {**BUILD, **programs.environment, "SBOM_FILE": str(tmp_path / "sbom.json")}


def test_the_build_asks_for_every_platform_an_sbom_and_a_push(
    programs: Programs, build_settings: dict[str, str]
) -> None:
    process = run("build_image.py", **build_settings)
    assert process.returncode == 0, process.stdout
    login, *_, create, build, inspect = programs.calls()
    assert login == ["az", "acr", "login", "--name", "contosononprod", "--only-show-errors"]
    assert create[-1] == "image=moby/buildkit:buildx-stable-1"
    assert build[:3] == ["docker", "buildx", "build"]
    generator = "type=sbom,generator=docker/buildkit-syft-scanner:stable-1"
    assert {"--push", "--provenance=mode=min"} <= set(build)
    assert build[build.index("--attest") + 1] == generator
    assert build[build.index("--platform") + 1] == "linux/amd64,linux/arm64"
    assert build[build.index("--tag") + 1] == "contosononprod.azurecr.io/team/shop:1.4.2"
    assert [build[i + 1] for i, word in enumerate(build) if word == "--build-arg"] == [
        "APP_VERSION=1.4.2",
        "GREETING=Hello there",
    ]
    assert inspect[4] == f"contosononprod.azurecr.io/team/shop@{DIGEST}"


def test_one_platform_that_is_the_machine_s_own_needs_no_emulation(
    programs: Programs, build_settings: dict[str, str]
) -> None:
    native = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[os.uname().machine]
    programs.answer_with(sbom={"SPDX": {"name": "shop"}})
    process = run("build_image.py", **{**build_settings, "PLATFORMS": native})
    assert process.returncode == 0, process.stdout
    assert not [call for call in programs.calls() if call[0] == "sudo"]
    assert Path(build_settings["SBOM_FILE"]).read_text(encoding="utf-8") == f'{{"{native}": {{"name": "shop"}}}}'


@pytest.mark.parametrize(
    ("number", "tag"),
    [
        ("1.0.17", "1.0.17"),
        ("20261123.4", "20261123.4"),
        ("1.4.2+main 7", "1.4.2-main-7"),
        ("feature/grüße_1", "feature-gr-e_1"),
        (".hidden", "hidden"),
        ("x" * 200, "x" * 128),
    ],
)
def test_a_build_number_becomes_a_tag(build_settings: dict[str, str], number: str, tag: str) -> None:
    process = run("build_image.py", **{**build_settings, "TAG": number})
    assert f"##vso[task.setvariable variable=tag;isOutput=true]{tag}\n" in process.stdout
    assert re.fullmatch(TAG_PATTERN, tag)


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("REGISTRY", "https://contoso.azurecr.io/", "REGISTRY: expected"),
        ("REPOSITORY", "Team/Shop", "REPOSITORY: expected"),
        ("TAG", "+++", "TAG: expected"),
        ("TAG", "$(Build.BuildNumber)", "TAG: expected a value, got none"),
        ("PLATFORMS", "linux/amd64,--push", "PLATFORMS: expected"),
        ("BUILD_ARGUMENTS", '["--secret"]', "BUILD_ARGUMENTS: expected"),
        ("BUILD_ARGUMENTS", "not JSON", "BUILD_ARGUMENTS: expected a list of NAME=value"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_built(
    programs: Programs, build_settings: dict[str, str], setting: str, value: str, complaint: str
) -> None:
    process = run("build_image.py", **{**build_settings, setting: value})
    assert process.returncode == 1
    assert f"##vso[task.logissue type=error]{complaint}" in process.stdout
    assert "Traceback" not in process.stderr
    assert not [call for call in programs.calls() if call[:3] == ["docker", "buildx", "build"]]


def test_a_failed_build_gives_no_digest(programs: Programs, build_settings: dict[str, str]) -> None:
    programs.answer_with(status={"docker buildx build": 17})
    process = run("build_image.py", **build_settings)
    assert process.returncode == 1
    assert "docker buildx build ended with status 17" in process.stdout
    assert "isOutput" not in process.stdout


def test_a_build_that_names_no_digest_is_an_error(programs: Programs, build_settings: dict[str, str]) -> None:
    programs.answer_with(digest="latest")
    process = run("build_image.py", **build_settings)
    assert (process.returncode, "containerimage.digest: expected" in process.stdout) == (1, True)


def test_the_scripts_take_the_names_that_slipway_takes() -> None:
    text = (SCRIPTS / "build_image.py").read_text(encoding="utf-8")
    assert REPOSITORY_PATTERN.removeprefix("^").removesuffix("$") in text


@pytest.mark.parametrize(
    ("results", "result"),
    [
        ("Succeeded,Succeeded,Succeeded", "succeeded"),
        ("Succeeded,,Succeeded", "succeeded"),
        ("SucceededWithIssues,,Succeeded", "partiallySucceeded"),
        ("Succeeded,Failed,Skipped", "failed"),
        ("Failed,Skipped,Skipped", "failed"),
        ("Succeeded,Canceled,Skipped", "canceled"),
        ("Succeeded,$(integrationResult),Succeeded", "succeeded"),
    ],
)
def test_the_result_of_a_run_is_that_of_its_worst_job(results: str, result: str) -> None:
    assert message(RESULTS=results).claims.result == result


def test_a_run_that_pushed_nothing_names_the_repository_alone() -> None:
    event = message(RESULTS="Failed,Skipped,Skipped", IMAGE_DIGEST="$(imageDigest)", IMAGE_TAG="")
    assert (event.repository, event.tag, event.digest) == ("team/shop", None, None)


def test_names_with_spaces_and_old_addresses_are_understood() -> None:
    address = "https://contoso.visualstudio.com/"
    event = message(SYSTEM_COLLECTIONURI=address, SYSTEM_TEAMPROJECT="Web Shop", BUILD_DEFINITIONNAME="Build & 'test'")
    assert (event.claims.organization, event.claims.project) == ("contoso", "Web Shop")
    assert event.claims.pipeline == "Build & 'test'"
    assert event.claims.url == "https://dev.azure.com/contoso/Web%20Shop/_build/results?buildId=4711"


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("RESULTS", "Succeeded,Splendid", "RESULTS: expected names among"),
        ("RESULTS", "", "RESULTS: expected a value, got none"),
        ("IMAGE_DIGEST", "sha256:abc", "IMAGE_DIGEST: expected sha256:<64 hex>"),
        ("IMAGE_DIGEST", "", "IMAGE_DIGEST: expected the digest of the image that a successful run pushed"),
        ("SYSTEM_COLLECTIONURI", "https://example.com/", "SYSTEM_COLLECTIONURI: expected the address"),
        ("BUILD_BUILDID", "x", "BUILD_BUILDID: expected a number"),
        ("BUILD_DEFINITIONNAME", "", "BUILD_DEFINITIONNAME: expected a value, got none"),
    ],
)
def test_a_message_with_an_invalid_setting_is_not_composed(setting: str, value: str, complaint: str) -> None:
    process = run("run_message.py", **{**RUN, setting: value})
    assert process.returncode == 1
    assert f"##vso[task.logissue type=error]{complaint}" in process.stdout
    assert MESSAGE not in process.stdout
    assert "Traceback" not in process.stderr
