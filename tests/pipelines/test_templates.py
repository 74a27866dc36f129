"""The templates, as the service compiles them for the example: structure, references, and what must not be in them."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError as SchemaError
from pydantic import ValidationError

from .conftest import EXAMPLE, EXAMPLES, ROOT, TEMPLATES, compiled
from .expander import PipelineError, instantiate, parameters_of, read
from .model import AzureKeyVault, Bash, Checkout, Job, Notation, Pipeline, PublishToAzureServiceBus, Stage

CI = ROOT / "pipelines" / "ci.yml"
OUTPUT = re.compile(
    r"(stageDependencies\.(?P<stage>\w+)|dependencies)\.(?P<job>\w+)\.(result|outputs\['(?P<output>.+)'\])"
)
MACRO = re.compile(r"\$\(([^)]*)\)")
PREDEFINED = ("Build.", "System.", "Pipeline.", "Agent.", "Rev:")
SMALLEST: dict[str, Any] = {
    "lint": "make lint",
    "unitTests": "make test",
    "registry": "contosononprod.azurecr.io",
    "registryConnection": "shop-ci",
    "repository": "team/shop",
}
"""The parameters of ci.yml that have no default."""
EVERYTHING: dict[str, Any] = {
    **SMALLEST,
    "build": "make build",
    "testResults": "**/test-results.xml",
    "integrationTests": "make integration",
    "integrationSecrets": [{"name": "A", "secret": "a-key"}, {"name": "B", "secret": "b-key"}],
    "keyVault": "contoso-shop",
    "keyVaultConnection": "shop-ci",
    "signingKey": "https://contoso-shop.vault.azure.net/keys/shop/0123456789abcdef",
    "signingConnection": "shop-signing",
    "signingSelfSigned": True,
    "serviceBusConnection": "shop-ci",
    "serviceBusNamespace": "contoso-slipway",
    "bundle": "team/shop-bundle",
    "bundleImages": ["team/proxy:2.0"],
    "moreImages": [
        {"name": "prices", "repository": "team/prices", "context": "prices", "dockerfile": "prices/Dockerfile"},
        {"name": "jobs", "repository": "team/jobs", "context": "jobs", "dockerfile": "jobs/Dockerfile"},
    ],
}
FRAME: dict[str, Any] = {
    "trigger": "none",
    "pr": "none",
    "resources": {
        "repositories": [
            {"repository": "slipway", "type": "git", "name": "platform/slipway", "ref": "refs/tags/v0.1.0"}
        ]
    },
}
PIPELINES: dict[str, dict[str, Any]] = {
    "the example's CI": compiled("ci"),
    "the example's pull requests": compiled("pr"),
    "CI with the least": {**FRAME, **instantiate(CI, SMALLEST)},
    "CI with everything": {**FRAME, **instantiate(CI, EVERYTHING)},
}
each_pipeline = pytest.mark.parametrize("name", PIPELINES)


def model(name: str) -> Pipeline:
    return Pipeline.model_validate(PIPELINES[name])


def jobs_of(pipeline: Pipeline) -> Iterator[tuple[Stage, Job]]:
    for stage in pipeline.stages:
        for job in stage.jobs:
            yield stage, job


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from texts(item)


@each_pipeline
def test_each_pipeline_has_a_known_structure_and_no_unresolved_expression(name: str) -> None:
    model(name)
    assert not [text for text in texts(PIPELINES[name]) if "${{" in text]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_declares_the_parameters_that_it_uses_and_no_others(path: Path) -> None:
    declared, mentioned = parameters_of(path)
    assert declared == mentioned


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_parameter_has_a_type(path: Path) -> None:
    assert all({"name", "type"} <= item.keys() for item in read(path)["parameters"])


def test_only_parameters_that_cannot_be_guessed_have_no_default() -> None:
    assert {item["name"] for item in read(CI)["parameters"] if "default" not in item} == SMALLEST.keys()


@each_pipeline
def test_every_dependency_of_a_stage_or_job_exists(name: str) -> None:
    earlier: list[str] = []
    for stage in model(name).stages:
        assert set(stage.dependsOn or []) <= set(earlier)
        jobs = [job.job for job in stage.jobs]
        assert len(set(jobs)) == len(jobs)
        assert all(set(waits_for(job)) <= set(jobs) - {job.job} for job in stage.jobs)
        earlier.append(stage.stage)
    assert len(set(earlier)) == len(earlier)


def waits_for(job: Job) -> list[str]:
    return [job.dependsOn] if isinstance(job.dependsOn, str) else job.dependsOn


@each_pipeline
def test_every_output_that_a_job_reads_exists_and_its_job_is_waited_for(name: str) -> None:
    """For a reference that leads nowhere the service substitutes an empty text, without a warning."""
    pipeline = model(name)
    steps_of_job = {(stage.stage, job.job): {step.name for step in job.steps} for stage, job in jobs_of(pipeline)}
    stages = {stage.stage for stage in pipeline.stages}
    for stage, job in jobs_of(pipeline):
        for value in job.variables.values():
            reference = OUTPUT.search(value)
            assert reference, value
            place = (reference["stage"] or stage.stage, reference["job"])
            if place[0] not in stages:  # left out where there are no such tests, or no bundle
                assert place[0] in ("integration", "bundle")
                continue
            waited = (stage.dependsOn or []) if reference["stage"] else waits_for(job)
            assert (place[0] if reference["stage"] else place[1]) in waited
            assert reference["output"] is None or reference["output"].split(".")[0] in steps_of_job[place]


@each_pipeline
def test_every_macro_names_something_that_the_job_has(name: str) -> None:
    """`$(typo)` is no error to the service: the text stays as it is."""
    for _, job in jobs_of(model(name)):
        names = set(job.variables)
        for step in job.steps:
            for macro in MACRO.findall(json.dumps(step.model_dump())):
                assert macro in names or macro.startswith(PREDEFINED) or macro.split(".")[0] in names, macro
            if isinstance(step, AzureKeyVault):
                names |= set(step.inputs.SecretsFilter.split(","))
            names |= {step.name} if step.name else set()


@each_pipeline
def test_scripts_get_what_comes_from_outside_by_environment_only(name: str) -> None:
    """A macro in a script is pasted into it: a branch with a quote in its name would be a program."""
    for _, job in jobs_of(model(name)):
        for step in job.steps:
            script = (
                step.bash if isinstance(step, Bash) else getattr(step.model_dump().get("inputs"), "inlineScript", "")
            )
            assert "$(" not in script
            assert "set -x" not in script


@each_pipeline
def test_secrets_are_fetched_by_name_and_reach_one_step(name: str) -> None:
    for _, job in jobs_of(model(name)):
        secrets = {
            s for step in job.steps if isinstance(step, AzureKeyVault) for s in step.inputs.SecretsFilter.split(",")
        }
        readers = [step for step in job.steps if secrets & set(MACRO.findall(json.dumps(step.model_dump())))]
        assert len(readers) == (1 if secrets else 0)
        assert all(secrets.isdisjoint(MACRO.findall(step.bash)) for step in readers if isinstance(step, Bash))


def test_a_pull_request_uses_no_service_connection() -> None:
    text = json.dumps(PIPELINES["the example's pull requests"])
    assert not re.search(r"azureSubscription|Connection|\$\((?!Pipeline\.Workspace\))", text)


@each_pipeline
def test_the_message_is_sent_without_an_agent_and_nothing_else_is(name: str) -> None:
    for _, job in jobs_of(model(name)):
        sends = [isinstance(step, PublishToAzureServiceBus) for step in job.steps]
        assert all(sends) if job.pool == "server" else not any(sends)


@each_pipeline
def test_every_folder_that_a_step_works_in_was_checked_out(name: str) -> None:
    for _, job in jobs_of(model(name)):
        paths = {step.path for step in job.steps if isinstance(step, Checkout)}
        used = set(
            re.findall(r"\$\(Pipeline\.Workspace\)/(\w+)", json.dumps([step.model_dump() for step in job.steps]))
        )
        assert used <= paths


def test_the_stages_that_push_and_read_secrets_never_run_for_a_pull_request() -> None:
    guarded = {stage.stage for stage in model("CI with everything").stages if "PullRequest" in (stage.condition or "")}
    assert guarded == {"integration", "image", "bundle", "report"}


def test_a_signature_is_made_of_the_digest_that_was_pushed() -> None:
    image = next(job for _, job in jobs_of(model("CI with everything")) if job.job == "image")
    signs = [step.inputs for step in image.steps if isinstance(step, Notation)]
    assert [step.command for step in signs] == ["install", "sign"]
    assert signs[1].artifactRefs == "contosononprod.azurecr.io/team/shop@$(push.digest)"
    assert signs[1].selfSigned is True
    assert "Notation" not in json.dumps(PIPELINES["CI with the least"])


def test_the_example_asks_for_the_tag_that_its_delivery_expects() -> None:
    delivery = yaml.safe_load((ROOT / "examples" / "hello-aks" / "application.yaml").read_text(encoding="utf-8"))
    image = next(job for _, job in jobs_of(model("the example's CI")) if job.job == "image")
    push = next(step for step in image.steps if step.name == "push")
    assert delivery["pipeline"]["tag"] == "{run_number}"
    assert push.env["TAG"] == "$(Build.BuildNumber)"
    assert push.env["REPOSITORY"] == delivery["image"]["repository"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lnt": "make lint"}, "no parameter is called lnt"),
        ({"platforms": "linux/amd64"}, "platforms: expected a object"),
        ({"signingSelfSigned": "yes"}, "signingSelfSigned: expected a boolean"),
    ],
)
def test_the_check_notices_a_wrong_parameter(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        instantiate(CI, {**SMALLEST, **changes})


def test_the_check_notices_a_missing_parameter() -> None:
    with pytest.raises(PipelineError, match="expected a value for the parameter lint"):
        instantiate(CI, {key: value for key, value in SMALLEST.items() if key != "lint"})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("useDataContractSerializer", "useDataContractSerialiser"),
        ("KeyVaultName", "keyVault"),
        ("AzureCLI@2", "AzureCLI@9"),
        ('"bash":', '"bahs":'),
        ('"displayName"', '"displayname"'),
        ('"vmImage": "ubuntu-24.04"', '"vmImage": "ubuntu-latest"'),
    ],
)
def test_the_check_notices_a_misspelt_name(before: str, after: str) -> None:
    text = json.dumps(PIPELINES["the example's CI"])
    assert before in text
    with pytest.raises(ValidationError):
        Pipeline.model_validate(json.loads(text.replace(before, after)))


@each_pipeline
@pytest.mark.skipif("AZURE_PIPELINES_SCHEMA" not in os.environ, reason="AZURE_PIPELINES_SCHEMA names no schema")
def test_each_pipeline_is_valid_by_the_services_own_schema(name: str) -> None:
    """With `service-schema.json` of the Azure Pipelines extension, or an organization's own (`…/yamlschema`)."""
    schema = json.loads(Path(os.environ["AZURE_PIPELINES_SCHEMA"]).read_text(encoding="utf-8"))
    errors = [leaf for error in Draft7Validator(schema).iter_errors(PIPELINES[name]) for leaf in leaves(error)]
    deepest = max((len(error.absolute_path) for error in errors), default=0)
    assert not {f"{error.json_path}: {error.message}" for error in errors if len(error.absolute_path) == deepest}


def leaves(error: SchemaError) -> Iterator[SchemaError]:
    """The top of the schema is one large `anyOf`; the real error is in its deepest branches."""
    if not error.context:
        yield error
    for inner in error.context or ():
        yield from leaves(inner)


def test_the_examples_are_the_two_that_the_guide_names() -> None:
    assert {path.name for path in EXAMPLE.glob("*.yml")} == {path.name for path in EXAMPLES.values()}
