"""The example's pipelines, executed: real lint, unit and integration tests, and the message that they produce."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.events import RunReported
from slipway.domain.runs import Involvement
from slipway.inbound import parse_run_message
from slipway.inbound.published import ATTACHMENT_TYPE, PUBLISHING_TASK, PublishedDocument, read_document

from .conftest import EXAMPLE, ROOT, compiled
from .machine import Machine
from .programs import DIGEST, Programs, install_programs

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = "s3cret-of-the-partners"
VARIABLES = {
    "Build.BuildId": "4711",
    "Build.BuildNumber": "1.0.17",
    "Build.DefinitionName": "hello-ci",
    "Build.Reason": "IndividualCI",
    "Build.Repository.Uri": "https://dev.azure.com/contoso/shop/_git/hello",
    "Build.RequestedForEmail": "grace@example.com",
    "Build.SourceBranch": "refs/heads/main",
    "Build.SourceVersion": "600a5ed7c9c0bd5fb3a2f60a8ab86e9f3a2b1c4d",
    "System.CollectionUri": "https://dev.azure.com/contoso/",
    "System.TeamProject": "shop",
}
TESTS = frozenset({"check", "integration"})
"""The stages before the image."""
type NewMachine = Callable[..., Machine]


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return install_programs(tmp_path / "programs")


@pytest.fixture
def machine(tmp_path: Path, programs: Programs) -> NewMachine:
    def new(application: Path = EXAMPLE, **variables: str) -> Machine:
        changed = {name.replace("_", "."): value for name, value in variables.items()}
        return machine_in(tmp_path, programs, application=application, variables={**VARIABLES, **changed})

    return new


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine on which the CI of a merge has run."""
    folder = tmp_path_factory.mktemp("merged")
    run = machine_in(folder, install_programs(folder / "programs"))
    stages = dict.fromkeys(("check", "integration", "image", "report"), "Succeeded")
    assert run.run(compiled("ci")) == stages, "\n".join(run.log)
    return run


def machine_in(
    folder: Path, programs: Programs, *, application: Path = EXAMPLE, variables: dict[str, str] = VARIABLES
) -> Machine:
    templates = folder / "templates"
    if not templates.exists():
        templates.mkdir()
        (templates / "pipelines").symlink_to(ROOT / "pipelines")
    return Machine(
        workspace=folder / "work",
        sources={"self": application, "slipway": templates},
        variables=variables,
        vault={"hello-partner-key": SECRET},
        skipped_steps=frozenset({"Install the linter"}),
        environment=programs.environment,
    )


def broken(tmp_path: Path, file: str, before: str, after: str) -> Path:
    """The example with one mistake in it."""
    copy = tmp_path / "broken"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    text = (copy / file).read_text(encoding="utf-8")
    assert before in text
    (copy / file).write_text(text.replace(before, after), encoding="utf-8")
    return copy


def message_of(run: Machine) -> RunReported:
    (body,) = run.messages
    return parse_run_message(body.encode(), now=NOW)


def test_a_merge_is_tested_built_and_reported(merged: Machine) -> None:
    event = message_of(merged)
    assert (event.repository, event.tag, event.digest) == ("hello", "1.0.17", DIGEST)
    assert event.claims.succeeded
    assert (event.claims.organization, event.claims.project, event.claims.pipeline) == ("contoso", "shop", "hello-ci")
    assert (event.claims.id, event.claims.number, event.claims.branch) == (4711, "1.0.17", "refs/heads/main")
    assert event.claims.commit == VARIABLES["Build.SourceVersion"]
    assert [(person.part, person.mail) for person in event.claims.people] == [
        (Involvement.REQUESTER, "grace@example.com")
    ]
    assert event.claims.url == "https://dev.azure.com/contoso/shop/_build/results?buildId=4711"
    assert merged.build_tags == ["image-1.0.17", DIGEST.replace(":", "-")]


def test_the_run_attaches_what_it_published_by_the_step_that_slipway_trusts(merged: Machine) -> None:
    ((step, kind, name, content),) = merged.attachments
    assert (step, kind, name) == (PUBLISHING_TASK, ATTACHMENT_TYPE, "slipway.json")
    document = read_document(content)
    assert isinstance(document, PublishedDocument)
    assert (document.content.repository, document.content.digest) == ("hello", DIGEST)


def test_the_real_tests_of_the_example_ran(merged: Machine) -> None:
    assert "All checks passed!" in merged.log
    assert merged.log.count("OK") == 2
    assert SECRET not in "\n".join(merged.log)


def test_a_pull_request_runs_the_checks_and_pushes_nothing(
    pr: dict[str, Any], machine: NewMachine, programs: Programs
) -> None:
    run = machine()
    assert run.run(pr) == {"check": "Succeeded"}, "\n".join(run.log)
    assert programs.calls() == [["docker", "buildx", "build", "--file", "Dockerfile", "."]]
    assert run.messages == []


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (("app/pricing.py", "UNIT_CENTS = 250", "import os\nUNIT_CENTS = 250"), "Lint"),
        (("app/pricing.py", ">= DISCOUNT_FROM", "> DISCOUNT_FROM"), "Unit tests"),
    ],
)
def test_a_mistake_fails_the_checks_of_a_pull_request(
    pr: dict[str, Any], machine: NewMachine, tmp_path: Path, change: tuple[str, str, str], step: str
) -> None:
    run = machine(broken(tmp_path, *change))
    assert run.run(pr) == {"check": "Failed"}
    assert run.failed_steps == [step]


def test_an_image_that_cannot_be_built_fails_the_checks_of_a_pull_request(
    pr: dict[str, Any], machine: NewMachine, programs: Programs
) -> None:
    programs.answer_with(status={"docker buildx build": 1})
    assert machine().run(pr) == {"check": "Failed"}


def test_a_failed_integration_test_stops_the_image_and_is_reported(
    ci: dict[str, Any], machine: NewMachine, programs: Programs, tmp_path: Path
) -> None:
    run = machine(broken(tmp_path, "app/server.py", '"X-Partner-Key"', '"X-Other-Key"'))
    stages = run.run(ci)
    assert (stages["check"], stages["integration"], stages["image"]) == ("Succeeded", "Failed", "Skipped")
    assert programs.calls() == []
    event = message_of(run)
    assert (event.claims.result, event.repository, event.digest, event.tag) == ("failed", "hello", None, None)


def test_an_image_that_was_pushed_before_the_run_failed_is_named_in_the_report(
    ci: dict[str, Any], machine: NewMachine, programs: Programs
) -> None:
    programs.answer_with(sbom={"linux/amd64": {"SPDX": {"name": "hello"}}})
    run = machine()
    run.passed_stages = TESTS
    assert run.run(ci)["image"] == "Failed"
    assert any("expected one for each platform, got none for linux/arm64" in line for line in run.log)
    event = message_of(run)
    assert (event.claims.result, event.digest, event.tag) == ("failed", DIGEST, "1.0.17")


def test_a_pull_request_that_is_queued_on_ci_gets_no_secret_and_pushes_nothing(
    ci: dict[str, Any], machine: NewMachine, programs: Programs
) -> None:
    run = machine(Build_Reason="PullRequest")
    stages = run.run(ci)
    assert stages == {"check": "Succeeded", "integration": "Skipped", "image": "Skipped", "report": "Skipped"}
    assert programs.calls() == []


@pytest.mark.sweep(keep=2)
@pytest.mark.parametrize(
    "branch",
    [
        "refs/heads/100%0A##vso[task.setvariable variable=PATH]x",
        "refs/heads/$(Build.BuildId)$(hello-partner-key)`id`$(id)",
        'refs/heads/feature/it\'s "quoted"',
        "refs/heads/grüße/日本語/🚢",
        "refs/heads/${{variables.x}};$[x];back\\slash",
    ],
)
def test_the_name_of_a_branch_arrives_unchanged_whatever_it_contains(
    ci: dict[str, Any], machine: NewMachine, branch: str
) -> None:
    image, report = ci["stages"][-2:]
    run = machine(Build_SourceBranch=branch)
    assert run.run({"stages": [image, {**report, "dependsOn": ["image"]}]}) == {
        "image": "Succeeded",
        "report": "Succeeded",
    }
    assert message_of(run).claims.branch == branch
    assert all(character not in run.messages[0] for character in "$%#;'`[]()<>")
    assert run.build_tags == ["image-1.0.17", DIGEST.replace(":", "-")]


def test_the_sbom_of_every_platform_is_kept(merged: Machine) -> None:
    sbom = json.loads((merged.workspace / "image" / "a" / "sbom.json").read_text(encoding="utf-8"))
    assert sbom == {"linux/amd64": {"name": "linux/amd64"}, "linux/arm64": {"name": "linux/arm64"}}
