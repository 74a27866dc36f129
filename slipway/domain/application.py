"""An application: its artifact and its environments, as its team writes it and as the rest of the code sees it.

`WrittenApplication` is the document that `slipway apply` takes. `Application` is the same inside its project
(`project.py`): it includes the class and the registry that the project gives to each environment, and so does the hash
that people vote on. Registries and clusters are named here and get their addresses from the installation's settings, so
that one document serves the laptop and Azure alike.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from .environment import Environment, WrittenEnvironment, unmet_conditions
from .errors import present
from .gate import WrittenApprovalGate
from .images import NO_IMAGE_RULES, ImageRules, InjectedContainer
from .model import Name, Record, Repository
from .patterns import matches_any
from .people import IdentityMap, People
from .pipeline import JOIN_WITHIN, Pipeline
from .project import AllowedKinds
from .runs import Run


class Start(StrEnum):
    """The triggers that a release needs before it starts."""

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
        default=None,
        description="An RE2 regular expression that has to match the whole tag.",
        examples=[r"v\d+\.\d+"],
    )
    glob: _Pattern | None = Field(default=None, description="A pattern with *, ? and [...].", examples=["main-*"])

    @model_validator(mode="after")
    def _refuse_unless_one_kind(self) -> Self:
        kinds = [name for name in ("regex", "glob") if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError(f"expected exactly one of regex, glob, got {', '.join(kinds) or 'none'}")
        return self


class VersionOrder(StrEnum):
    """How to tell which of two releases is the newer one."""

    SEMVER = "semver"
    """The release with the higher version: a lower version that is pushed later starts no release."""
    TIME = "time"
    """The release that was pushed later."""


class Versions(Record):
    """The tags that start a release: all of them, those in a range of semantic versions, or those that match a
    pattern."""

    range: _Pattern | None = Field(
        default=None,
        description="A range of semantic versions, in npm's notation; a leading v in the tag is accepted.",
        examples=[">=1.0.0 <2.0.0", "^1.4"],
    )
    tags: TagRule | None = Field(default=None, description="A pattern, for tags that are not semantic versions.")
    order: VersionOrder | None = Field(
        default=None,
        description="Whether a lower version that is pushed later starts a release: not with `semver`, the default "
        "where there is a range; with `time`, the default elsewhere.",
    )
    lines: tuple[_Pattern, ...] = Field(
        default=(),
        max_length=20,
        description="Ranges of versions that are maintained side by side, with `order: semver`: a version is "
        "compared with those of its own line alone.",
        examples=[["1.4.x", "2.x"]],
    )

    @property
    def by_semver(self) -> bool:
        return self.range is not None and self.order is not VersionOrder.TIME

    @model_validator(mode="after")
    def _refuse_unfit_fields(self) -> Self:
        if self.range is not None and self.tags is not None:
            raise ValueError("tags: expected either range or tags, got both")
        if self.range is None and self.order is VersionOrder.SEMVER:
            raise ValueError("order: expected a range of versions with semver, got none")
        if self.lines and not self.by_semver:
            raise ValueError("lines: expected a range of versions and the order semver with them")
        return self


class SourceKind(StrEnum):
    """The artifact that CI pushes, and the source of the manifests."""

    IMAGE = "image"
    """One image is pushed; the manifests are applied together with the application."""
    BUNDLE = "bundle"
    """A bundle is pushed, which holds the rendered manifests and names every image by digest."""


class RegistryRepository(Record):
    """A repository in a registry, to which CI pushes."""

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


class _Delivered[E: WrittenEnvironment](Record):
    """The fields that a written application shares with one inside its project."""

    application: Name = Field(description="Name of the application, unique in the installation.")
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
    start: Start = Field(default=Start.PUSH, description="The triggers that a release needs before it starts.")
    pipeline: Pipeline | None = Field(default=None, description="Required where start is run or both.")
    people: People = Field(
        default={},
        description="People by their object id in Entra: the address that messages for them go to, and their other "
        "addresses.",
    )
    notify: tuple[Name, ...] = Field(
        default=(),
        max_length=10,
        description="Channels that are told of open gates and of how releases end, as the settings list them.",
    )
    environments: tuple[E, ...] = Field(
        min_length=1, max_length=20, description="The chain: a release passes through them in this order."
    )

    @model_validator(mode="after")
    def _says_what_is_pushed(self) -> Self:
        for source in SourceKind:
            is_there, needed = getattr(self, source) is not None, source is self.source
            if is_there is not needed:
                why = "is missing" if needed else "expected nothing"
                raise ValueError(f"{source}: {why}, because source is {self.source.value!r}")
        return self

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        names = [e.name for e in self.environments]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise ValueError(f"environments[{index}].name: {name!r} is the name of another environment already")
        if self.start is not Start.PUSH and self.pipeline is None:
            raise ValueError(f"pipeline: needed because start is {self.start.value!r}")
        return self

    @model_validator(mode="after")
    def _gates_can_be_met(self) -> Self:
        identities = IdentityMap(self.people)
        for index, environment in enumerate(self.environments):
            if isinstance(environment.gate, WrittenApprovalGate):
                for problem in environment.gate.unmet(identities):
                    raise ValueError(f"environments[{index}].gate.{problem}")
        return self

    @model_validator(mode="after")
    def _conditions_look_back(self) -> Self:
        """Conditions may only refer to earlier environments that can fulfil them."""
        earlier: dict[str, WrittenEnvironment] = {}
        for index, environment in enumerate(self.environments):
            for problem in unmet_conditions(environment, earlier):
                raise ValueError(f"environments[{index}].{problem}")
            earlier[environment.name] = environment
        return self

    def environment(self, name: str) -> E | None:
        return next((e for e in self.environments if e.name == name), None)

    def after(self, name: str) -> E | None:
        """The environment after the named one; None after the last, or if there is no environment of this name."""
        names = [e.name for e in self.environments]
        following = names.index(name) + 1 if name in names else len(names)
        return self.environments[following] if following < len(names) else None

    def before(self, name: str) -> E | None:
        """The environment before the named one; None before the first, or if there is no environment of this name."""
        names = [e.name for e in self.environments]
        position = names.index(name) if name in names else 0
        return self.environments[position - 1] if position else None

    @property
    def join_within(self) -> timedelta:
        """How long a release waits for the triggers that it lacks."""
        return self.pipeline.within if self.pipeline is not None else JOIN_WITHIN

    def succeeded(self, run: Run) -> bool:
        """Whether a CI run ended in a way that counts here."""
        return self.pipeline.accepts_result(run) if self.pipeline is not None else run.succeeded

    @property
    def pushed(self) -> RegistryRepository:
        """The repository to which CI pushes the artifact."""
        repository = self.image if self.source is SourceKind.IMAGE else self.bundle
        return present(repository, f"the {self.source} of {self.application}")


class WrittenApplication(_Delivered[WrittenEnvironment]):
    """An application: what CI pushes, what starts a release, and its environments in order."""


class Application(_Delivered[Environment]):
    """An application inside its project."""

    repositories: tuple[str, ...] = ()
    """Patterns of the repositories whose images the application may run, from its project."""
    image_rules: ImageRules = NO_IMAGE_RULES
    """The project's rules for other images."""
    injected: tuple[InjectedContainer, ...] = ()
    """The containers that the clusters add, from its project."""
    kinds: AllowedKinds = AllowedKinds()
    """The kinds of objects that the application may apply, from its project."""

    automation: tuple[str, ...] = ()
    """The applications that may start releases without a person, from its project."""

    def may_bring(self, repository: str) -> bool:
        return matches_any(repository, self.repositories)

    def registry_of(self, environment: Environment) -> str:
        return environment.registry or self.pushed.registry
