# ruff: noqa: N815 - the names are the service's
"""The part of the Azure Pipelines YAML that our templates use, as closed models: everything else is a mistake.

Inputs of the tasks are spelt as the task reference spells them (the service ignores case, we do not), and those that it
calls required are required. The whole schema belongs to the editors' extension and is not copied into this repository;
where AZURE_PIPELINES_SCHEMA names a copy of it, `test_templates.py` validates against that one too.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Text = Annotated[str, Field(min_length=1)]
Minutes = Annotated[int, Field(ge=1, le=360)]
"""Microsoft-hosted machines end a job after six hours at most."""


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Step(Closed):
    name: Name | None = None
    displayName: Text | None = None
    condition: Text | None = None
    env: dict[Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")], str] = {}
    timeoutInMinutes: Minutes | None = None


class Checkout(Step):
    checkout: Text
    path: Text
    fetchDepth: Annotated[int, Field(ge=0)]
    persistCredentials: Literal[False]


class Bash(Step):
    bash: Text
    displayName: Text
    workingDirectory: Text | None = None


class Publish(Step):
    publish: Text
    artifact: Annotated[str, Field(pattern=r"^\w+_\$\(System\.JobAttempt\)$")]
    """A name can be used once in a run: without the attempt in it, a job that is run again would fail here."""


class AzureCliInputs(Closed):
    azureSubscription: Text
    scriptType: Literal["bash", "pscore"]
    scriptLocation: Literal["inlineScript"]
    inlineScript: Text
    workingDirectory: Text | None = None
    visibleAzLogin: bool = True
    addSpnToEnvironment: Literal[False] = False


class AzureCli(Step):
    task: Literal["AzureCLI@2"]
    inputs: AzureCliInputs


class AzureKeyVaultInputs(Closed):
    azureSubscription: Text
    KeyVaultName: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]$")]
    SecretsFilter: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,127}(,[0-9A-Za-z-]{1,127})*$")]
    RunAsPreJob: Literal[False]


class AzureKeyVault(Step):
    task: Literal["AzureKeyVault@2"]
    inputs: AzureKeyVaultInputs


class NotationInputs(Closed):
    command: Literal["install", "sign"]
    artifactRefs: Text | None = None
    plugin: Literal["azureKeyVault"] = "azureKeyVault"
    azurekvServiceConection: Text | None = None
    keyid: Annotated[str, Field(pattern=r"^https://")] | None = None
    selfSigned: bool = False


class Notation(Step):
    task: Literal["Notation@0"]
    inputs: NotationInputs


class PublishTestResultsInputs(Closed):
    testResultsFormat: Literal["JUnit"]
    testResultsFiles: Text
    searchFolder: Text
    failTaskOnFailedTests: bool
    testRunTitle: Text


class PublishTestResults(Step):
    task: Literal["PublishTestResults@2"]
    inputs: PublishTestResultsInputs


class ServiceBusInputs(Closed):
    azureSubscription: Text
    serviceBusNamespace: Text
    serviceBusQueueName: Text
    messageBody: Text
    useDataContractSerializer: Literal[False]
    waitForCompletion: Literal[False] = False


class PublishToAzureServiceBus(Step):
    task: Literal["PublishToAzureServiceBus@2"]
    inputs: ServiceBusInputs


class UsePythonInputs(Closed):
    versionSpec: Text


class UsePython(Step):
    task: Literal["UsePythonVersion@0"]
    inputs: UsePythonInputs


def _kind(step: Any) -> str | None:
    """The kind of a step: the keyword that it begins with, or the name of its task."""
    fields = step if isinstance(step, dict) else step.__dict__
    return fields.get("task") or next((word for word in ("checkout", "bash", "publish") if word in fields), None)


AnyStep = Annotated[
    Annotated[Checkout, Tag("checkout")]
    | Annotated[Bash, Tag("bash")]
    | Annotated[Publish, Tag("publish")]
    | Annotated[AzureCli, Tag("AzureCLI@2")]
    | Annotated[AzureKeyVault, Tag("AzureKeyVault@2")]
    | Annotated[Notation, Tag("Notation@0")]
    | Annotated[PublishTestResults, Tag("PublishTestResults@2")]
    | Annotated[PublishToAzureServiceBus, Tag("PublishToAzureServiceBus@2")]
    | Annotated[UsePython, Tag("UsePythonVersion@0")],
    Discriminator(_kind),
]


class Hosted(Closed):
    vmImage: Annotated[str, Field(pattern=r"^ubuntu-\d\d\.04$")]
    """A Microsoft-hosted machine of a stated version: `ubuntu-latest` changes under a pipeline's feet."""


class Job(Closed):
    job: Name
    displayName: Text
    dependsOn: Name | list[Name] = []
    condition: Text | None = None
    pool: Hosted | Literal["server"]
    timeoutInMinutes: Minutes
    variables: dict[Name, str] = {}
    steps: Annotated[list[AnyStep], Field(min_length=1)]


class Stage(Closed):
    stage: Name
    displayName: Text
    dependsOn: list[Name] | None = None
    condition: Text | None = None
    jobs: Annotated[list[Job], Field(min_length=1)]


class Repository(Closed):
    repository: Name
    type: Literal["git"]
    name: Annotated[str, Field(pattern=r"^[^/]+/[^/]+$")]
    ref: Annotated[str, Field(pattern=r"^refs/tags/v\d+\.\d+\.\d+$")]


class Resources(Closed):
    repositories: list[Repository]


class Branches(Closed):
    include: list[Text]


class Trigger(Closed):
    batch: bool = False
    branches: Branches


class Pipeline(Closed):
    name: Text | None = None
    trigger: Literal["none"] | Trigger
    pr: Literal["none"]
    resources: Resources
    stages: Annotated[list[Stage], Field(min_length=1)]
