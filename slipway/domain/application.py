"""What is delivered, and where to: an application as its team writes it, and as the rest of the code sees it.

`WrittenApplication` is the document that `slipway apply` takes. `Application` is the same inside its project
(`project.py`): what the project says of each environment, its class and its registry, is part of it, and of the hash
that people vote on. Registries and clusters are named here and given addresses by the installation's settings, so that
one document serves the laptop and Azure alike.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from .errors import present
from .gate import AutoGate, Gate, WrittenApprovalGate, WrittenGate
from .model import Duration, Name, Namespace, Record, Repository, canonical, sha256
from .people import Circle, People
from .project import EnvironmentClass, ProvenanceLevel
from .promotion import PromotionRule
from .requirements import Requirements
from .runs import Run
from .sources import PROJECTS
from .windows import Windows


class Start(StrEnum):
    """Which facts a release needs before it starts."""

    PUSH = "push"
    """The image was pushed."""
    RUN = "run"
    """The CI run succeeded; its image is found by digest, or by the tag that `pipeline.tag` names."""
    BOTH = "both"
    """Both, in whichever order they arrive; they are joined on digest or tag."""


_Pattern = Annotated[str, Field(min_length=1, max_length=128)]


class TagRule(Record):
    """A pattern for tags. Exactly one of the two is given."""

    regex: _Pattern | None = Field(
        default=None, description="A regular expression that matches the whole tag.", examples=[r"v\d+\.\d+"]
    )
    glob: _Pattern | None = Field(default=None, description="A pattern with *, ? and [...].", examples=["main-*"])

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        kinds = [name for name in ("regex", "glob") if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError(f"expected exactly one of regex, glob, got {', '.join(kinds) or 'none'}")
        return self


class VersionOrder(StrEnum):
    """Which of two releases is the newer one."""

    SEMVER = "semver"
    """The one with the higher version: a lower one that is pushed later starts no release."""
    TIME = "time"
    """The one that was pushed later."""


class Versions(Record):
    """Which tags start a release: every one, those of a range of semantic versions, or those that match a pattern."""

    range: _Pattern | None = Field(
        default=None,
        description="A range of semantic versions, in npm's notation; a leading v in the tag is accepted.",
        examples=[">=1.0.0 <2.0.0", "^1.4"],
    )
    tags: TagRule | None = Field(default=None, description="A pattern, for tags that are no semantic versions.")
    order: VersionOrder | None = Field(
        default=None,
        description="Whether a lower version that is pushed later starts a release: not with `semver`, the default "
        "where there is a range; with `time`, the default elsewhere.",
    )
    lines: tuple[_Pattern, ...] = Field(
        default=(),
        max_length=20,
        description="Ranges of versions that are maintained beside each other, with `order: semver`: a version is "
        "compared with those of its own line alone.",
        examples=[["1.4.x", "2.x"]],
    )

    @property
    def by_semver(self) -> bool:
        return self.range is not None and self.order is not VersionOrder.TIME

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if self.range is not None and self.tags is not None:
            raise ValueError("tags: expected either range or tags, got both")
        if self.range is None and self.order is VersionOrder.SEMVER:
            raise ValueError("order: expected a range of versions beside semver, got none")
        if self.lines and not self.by_semver:
            raise ValueError("lines: expected a range of versions and the order semver beside them")
        return self


class SourceKind(StrEnum):
    """What CI pushes, and where the manifests come from."""

    IMAGE = "image"
    """One image is pushed; the manifests are applied together with the application."""
    BUNDLE = "bundle"
    """A bundle is pushed, which holds the rendered manifests and names every image by digest."""


class RegistryRepository(Record):
    """A repository in a registry: where CI pushes to."""

    registry: Name = Field(
        description="Name of the registry that CI pushes to, as the installation's settings list it."
    )
    repository: Repository = Field(description="Repository within the registry, such as team/shop.")

    @model_validator(mode="after")
    def _names_no_host(self) -> Self:
        host, slash, rest = self.repository.partition("/")
        if slash and ("." in host or host == "localhost"):
            raise ValueError(
                f"repository: expected it without the registry's host, such as {rest}, got {self.repository!r}"
            )
        return self


class RunResult(StrEnum):
    """How a CI run may end whose image is delivered."""

    SUCCEEDED = "succeeded"
    """Every job succeeded."""
    PARTIALLY_SUCCEEDED = "partiallySucceeded"
    """It ran to its end, and a step that may fail did."""


JOIN_WITHIN: Final = timedelta(hours=24)


class Pipeline(Record):
    """The CI pipeline whose completed runs count for this application. Where ids are given, they decide: a name can be
    given to another project or pipeline, an id cannot."""

    organization: str | None = Field(
        default=None, max_length=64, description="Organization; by default any that the installation takes runs from."
    )
    project: str = Field(min_length=1, max_length=256, description=f"{PROJECTS}.")
    project_id: str | None = Field(
        default=None,
        max_length=64,
        description="The project's id; needed for run-state-changed hooks, which name the project by id only.",
    )
    name: str = Field(
        min_length=1,
        max_length=256,
        description="Pipeline (definition) name, with its folder in front unless that is the root.",
        examples=["shop-ci", "team\\shop-ci"],
    )
    definition: int | None = Field(
        default=None, ge=0, description="The pipeline's id (definitionId in its address), which no rename changes."
    )
    branches: tuple[str, ...] = Field(default=("main",), max_length=20, description="Branches whose runs count; globs.")
    results: tuple[RunResult, ...] = Field(
        default=(RunResult.SUCCEEDED,),
        min_length=1,
        max_length=2,
        description="Results of a run that count. Where `partiallySucceeded` is among them, what such a run has built "
        "is delivered, and people who are asked see it on the page.",
    )
    within: Duration = Field(
        default=JOIN_WITHIN, description="How long a release waits for the second fact, where start is both."
    )
    tag: str = Field(
        default="{run_number}",
        max_length=128,
        description="How the run names the image's tag: {run_number}, {run_id} and {commit} are filled in. "
        "Used where the run's message does not name the image itself.",
    )

    def takes(self, run: Run) -> bool:
        """Whether the run ended in a way that counts."""
        return run.result in self.results

    def made(self, run: Run) -> bool:
        """Whether a run is one of this pipeline, as far as the run tells: what its source proved tells everything."""
        if self.organization is not None and self.organization.casefold() != run.organization.casefold():
            return False
        return self._is_in(run) and self._is_of(run)

    def _is_in(self, run: Run) -> bool:
        if self.project_id is not None and run.project_id:
            return self.project_id.casefold() == run.project_id.casefold()
        theirs = {run.project.casefold(), run.project_id.casefold()}
        return not theirs.isdisjoint({self.project.casefold(), (self.project_id or self.project).casefold()})

    def _is_of(self, run: Run) -> bool:
        if self.definition is not None and run.definition is not None:
            return self.definition == run.definition
        *folders, name = self.name.replace("/", "\\").casefold().strip("\\").split("\\")
        same_folder = not run.folder or run.folder.casefold().strip("\\") == "\\".join(folders)
        return name == run.pipeline.casefold() and same_folder


class HttpProbe(Record):
    """One HTTP question, asked through the cluster's API server, so that no network route to the pods is needed."""

    service: Name = Field(description="Service in the environment's namespace.")
    port: int = Field(default=80, ge=1, le=65535, description="Port of the service.")
    path: str = Field(default="/", pattern=r"^/[^\s]*$", max_length=1024, description="Path, with the query if any.")
    status: int = Field(default=200, ge=100, le=599, description="The status that is expected.")
    contains: str | None = Field(default=None, max_length=1024, description="Text that the body must contain.")


class Verification(Record):
    """The acceptance tests after a rollout: a Kubernetes Job, HTTP probes, or both (probes first)."""

    job: str | None = Field(
        default=None, max_length=256, description="File with a Job manifest, relative to the folder."
    )
    http: tuple[HttpProbe, ...] = Field(default=(), max_length=20, description="Probes, asked in this order.")
    within: Duration = Field(default=timedelta(minutes=10), description="Time for all of it.")

    @property
    def given(self) -> bool:
        return bool(self.job or self.http)


class _OrNone:
    """Lets a document write `none` for a record without anything in it.

    A tagged union, since a function that looks at the value first would end pydantic's strict reading of JSON.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        nothing = core_schema.no_info_after_validator_function(lambda _: source(), core_schema.literal_schema(["none"]))
        return core_schema.tagged_union_schema(
            {"none": nothing, "given": handler(source)}, lambda value: "none" if value == "none" else "given"
        )


Tests = Annotated[Verification, _OrNone()]
"""Acceptance tests, or `none`."""
TESTS_NONE: Final = "tests: none: nothing is tested here after a rollout"
"""What is said wherever an environment has no acceptance tests."""


class OnFailure(StrEnum):
    """What happens to an environment after a failed rollout or verification."""

    ROLL_BACK = "roll-back"
    """Apply the plan that was live before."""
    STOP = "stop"
    """Leave the cluster as it is, for a person to look at."""


class Soak(Record):
    """How long a release must have been live in an earlier environment."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    environment: Name | None = Field(
        default=None, alias="in", description="The environment that it soaks in; by default the one before this."
    )
    time: Duration = Field(alias="for", description="How long it has been live there.")


class WrittenEnvironment(Record):
    """One target of the chain: a cluster and a namespace, with its gate and verification."""

    name: Name = Field(description="Name of the environment, such as staging; used once in an application.")
    clusters: tuple[Name, ...] = Field(
        min_length=1,
        max_length=1,
        description="Name of the cluster, as the installation's settings list it; one, for now.",
        examples=[["staging"]],
    )
    namespace: Namespace = Field(description="Namespace in the cluster; every namespaced object is put there.")
    manifests: str = Field(
        default="manifests",
        max_length=256,
        description="Folder with Kubernetes YAML, beside this document. For source image only.",
    )
    substitutions: dict[
        Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")], Annotated[str, Field(max_length=1024)]
    ] = Field(
        default={},
        max_length=50,
        description="Values for ${NAME} in the manifests. Only these names are replaced. For source image only.",
    )
    require: Requirements = Field(
        default=Requirements(), description="What must be attached to the image before a rollout, and hold."
    )
    gate: WrittenGate = Field(default=AutoGate(), description="What must be answered before a rollout.")
    soak: Soak | None = Field(
        default=None,
        description="Rule soaked: how long the release must have been live in an earlier environment before it is "
        "let through here, or people are asked.",
        examples=[{"in": "staging", "for": "2h"}],
    )
    windows: Windows = Field(
        default=Windows(),
        description="When rollouts may begin. No part of what people vote on: it says when, and not what.",
    )
    promotion: PromotionRule = Field(
        default=PromotionRule(), description="How the artifact gets into this environment's registry."
    )
    rollout_within: Duration = Field(default=timedelta(minutes=10), description="Time for a rollout to become ready.")
    verification: Tests = Field(
        default=Verification(), description="The acceptance tests after a rollout, or none, which is the default."
    )
    on_failure: OnFailure = Field(
        default=OnFailure.ROLL_BACK, description="What follows a failed rollout or verification."
    )

    @property
    def cluster(self) -> str:
        return self.clusters[0]


class Environment(WrittenEnvironment):
    """A target of the chain, with what the project says of it."""

    gate: Gate = AutoGate()
    environment_class: EnvironmentClass
    registry: Name | None = None
    """Registry that the environment pulls from; None for the one that CI pushes to."""
    provenance: ProvenanceLevel = ProvenanceLevel.NONE
    """What must be known of where an artifact was built."""
    waive: tuple[str, ...] = Field(default=(), max_length=50)
    """Who may waive a rule about proof, for one release: roles, as the project names them."""


class _Delivered[E: WrittenEnvironment](Record):
    """What a written application and one inside its project have in common."""

    application: Name = Field(description="Name of the application, once in an installation.")
    project: Name = Field(description="Name of the project that it belongs to.")
    source: SourceKind = Field(
        default=SourceKind.IMAGE, description="What CI pushes: an image, or a bundle of rendered manifests."
    )
    image: RegistryRepository | None = Field(
        default=None, description="The image that is delivered, for source image; it belongs to this application alone."
    )
    bundle: RegistryRepository | None = Field(
        default=None, description="The bundle that is delivered, for source bundle; it belongs to this one alone."
    )
    versions: Versions = Field(default=Versions(), description="Which tags start a release; every one by default.")
    start: Start = Field(default=Start.PUSH, description="Which facts a release needs before it starts.")
    pipeline: Pipeline | None = Field(default=None, description="Needed where start is run or both.")
    people: People = Field(
        default={},
        description="Who is who, by object id in Entra: where messages for them go, and other addresses of theirs.",
    )
    notify: tuple[Name, ...] = Field(
        default=(), max_length=10, description="Channels that are told of gates and ends, as the settings list them."
    )
    environments: tuple[E, ...] = Field(
        min_length=1, max_length=20, description="The chain: a release passes through them in this order."
    )

    @model_validator(mode="after")
    def _says_what_is_pushed(self) -> Self:
        for source in SourceKind:
            given, needed = getattr(self, source) is not None, source is self.source
            if given is not needed:
                why = "is missing" if needed else "expected nothing"
                raise ValueError(f"{source}: {why}, because source is {self.source.value!r}")
        return self

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        names = [e.name for e in self.environments]
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise ValueError(f"environments: the name {sorted(twice)[0]!r} is used twice")
        if self.start is not Start.PUSH and self.pipeline is None:
            raise ValueError(f"pipeline: needed because start is {self.start.value!r}")
        return self

    @model_validator(mode="after")
    def _gates_can_be_met(self) -> Self:
        circle = Circle(self.people)
        for index, environment in enumerate(self.environments):
            if isinstance(environment.gate, WrittenApprovalGate):
                for problem in environment.gate.unmet(circle):
                    raise ValueError(f"environments[{index}].gate.{problem}")
        return self

    @model_validator(mode="after")
    def _conditions_look_back(self) -> Self:
        """Conditions may only refer to earlier environments that can fulfil them."""
        earlier: dict[str, WrittenEnvironment] = {}
        for index, environment in enumerate(self.environments):
            for problem in _unmet_conditions(environment, earlier):
                raise ValueError(f"environments[{index}].{problem}")
            earlier[environment.name] = environment
        return self

    def environment(self, name: str) -> E | None:
        return next((e for e in self.environments if e.name == name), None)

    def after(self, name: str) -> E | None:
        """The environment that follows the named one; None after the last, or when there is no such name."""
        names = [e.name for e in self.environments]
        following = names.index(name) + 1 if name in names else len(names)
        return self.environments[following] if following < len(names) else None

    def before(self, name: str) -> E | None:
        """The environment that the named one follows; None before the first, or when there is no such name."""
        names = [e.name for e in self.environments]
        position = names.index(name) if name in names else 0
        return self.environments[position - 1] if position else None

    @property
    def join_within(self) -> timedelta:
        """How long a release waits for the facts that it lacks."""
        return self.pipeline.within if self.pipeline is not None else JOIN_WITHIN

    def succeeded(self, run: Run) -> bool:
        """Whether a CI run ended in a way that counts here."""
        return self.pipeline.takes(run) if self.pipeline is not None else run.succeeded

    @property
    def pushed(self) -> RegistryRepository:
        """Where CI pushes what is delivered."""
        repository = self.image if self.source is SourceKind.IMAGE else self.bundle
        return present(repository, f"the {self.source} of {self.application}")


class WrittenApplication(_Delivered[WrittenEnvironment]):
    """An application: what CI pushes, what starts a release, and its environments in order."""


class Application(_Delivered[Environment]):
    """An application inside its project."""

    repositories: tuple[str, ...] = ()
    """Patterns of the repositories whose images its bundles may bring along, as its project says."""
    image_paths: Mapping[str, tuple[str, ...]] = Field(default={})
    """By kind, the fields that name images beside the containers, as its project says."""

    def may_bring(self, repository: str) -> bool:
        return any(fnmatchcase(repository, pattern) for pattern in self.repositories)

    def registry_of(self, environment: Environment) -> str:
        return environment.registry or self.pushed.registry


def _unmet_conditions(environment: WrittenEnvironment, earlier: Mapping[str, WrittenEnvironment]) -> Iterator[str]:
    """Why its conditions can never hold; each begins with the field."""
    known = f"earlier environments are {', '.join(earlier) or 'none'}"
    for name in environment.gate.tests_passed if isinstance(environment.gate, AutoGate) else ():
        if name not in earlier:
            yield f"gate.tests_passed: {name!r} does not come before it; {known}"
        elif not earlier[name].verification.given:
            yield f"gate.tests_passed: {name!r} has no acceptance tests: give it verification"
    if environment.soak is not None and not earlier:
        yield "soak: there is no environment before it to soak in"
    elif environment.soak is not None and environment.soak.environment not in (None, *earlier):
        yield f"soak.in: {environment.soak.environment!r} does not come before it; {known}"


def policy_hash(environment: Environment) -> str:
    """Hash of what application and project demand there; part of every plan, so that a changed policy voids votes.

    Time windows say when and not what, so they are left out (docs/decisions/0007-freezes-and-verbs.md).
    """
    return sha256(canonical(environment.model_dump(mode="json", exclude={"windows"})))
