"""A project: a team's boundary, set by the platform's people.

It says where the team's applications may go, the class of each environment, and the least gate there. The rest of the
installation never asks a project directly: `governed` puts the project's rules into the application itself.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from .gate import Fresh, Level, Need
from .images import ImageRules, InjectedContainer
from .kinds import NAMESPACED
from .model import Duration, Name, Record
from .patterns import matches_any
from .services import Service


class EnvironmentClass(StrEnum):
    """How well an environment is protected."""

    TEST = "test"
    """No approval is needed unless the application's gate says so."""
    PRODUCTION = "production"
    """People approve each release, and each change that would weaken their gate."""


class ProvenanceLevel(StrEnum):
    """What has to be known about where an artifact was built."""

    NONE = "none"
    """Nothing."""
    ARTIFACT = "artifact"
    """The run that built it, from that run's own published document."""
    SIGNED = "signed"
    """A builder that the application names, from signed provenance."""


class LeastGate(Record):
    """The weakest gate that an environment may have. It fills in the fields that an application's gate leaves out."""

    level: Level = Field(default=Level.SIGNED, description="The lowest level at which votes may count.")
    required: int = Field(default=1, ge=1, le=50, description="How many different people must approve, at least.")
    require_known: bool = Field(
        default=True, description="Whether nobody may approve as long as it is not known who is behind the change."
    )
    own_change: bool = Field(default=False, description="Whether a person may approve what they asked for or made.")
    fresh: Fresh = Field(
        default=timedelta(minutes=5),
        description="How recently the voter must have signed in, at least; none for any time.",
    )
    objection: Duration = Field(
        default=timedelta(0), description="The least time that voters have to object once a gate has passed."
    )


Pattern = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[a-z0-9*][a-z0-9*./_-]*$")]
"""Lower-case letters, digits and . / _ -, with * for any number of characters."""
Subject = Annotated[
    str, Field(min_length=3, max_length=254, pattern=r"^(?:role:[A-Za-z0-9._-]+|app:[0-9a-fA-F-]{36})$")
]
"""A person's `role:<app role>`, or `app:<client id>` for the identity of a pipeline or service."""
Subjects = Annotated[tuple[Subject, ...], Field(max_length=50)]
Roles = Annotated[
    tuple[Annotated[str, Field(max_length=254, pattern=r"^role:[A-Za-z0-9._-]+$")], ...], Field(max_length=50)
]
"""`role:<app role>` of people, on the registration of the votes."""
KIND_PATTERN: Final = r"^(?:[a-z0-9.-]+/)?[A-Z][A-Za-z0-9]*$"
Kind = Annotated[str, Field(max_length=253, pattern=KIND_PATTERN)]
"""A Kubernetes kind, with its API group unless it is in the core group: `argoproj.io/Rollout`, `ConfigMap`."""


class Owners(Record):
    """The only people and applications that may change the project's applications."""

    apply: Subjects = Field(default=(), examples=[["role:shop-leads"]], description="Who may apply and remove them.")


class Automation(Record):
    """The applications that may act without a person, with an access token of their own."""

    create: Subjects = Field(
        default=(),
        examples=[["app:01234567-89ab-cdef-0123-456789abcdef"]],
        description="Programs that may start releases (`create`): app:<client id>, or role:<app role> that they were "
        "given. People always have to sign in, whatever their role.",
    )


ForeignPattern = Annotated[
    str,
    Field(
        max_length=255,
        pattern=r"^(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::[0-9]{1,5})?/[a-z0-9*][a-z0-9*._/-]*$",
        examples=["mcr.example/oss/*"],
    ),
]
"""A registry's host and a repository, with * for any number of characters."""


class ProjectEnvironment(Record):
    """An environment of the project: where its applications may go, and under which class."""

    environment_class: EnvironmentClass = Field(alias="class", description="How strictly it is protected.")
    clusters: tuple[Name, ...] = Field(
        min_length=1, max_length=50, description="Clusters, as the installation's settings list them."
    )
    namespaces: tuple[Pattern, ...] = Field(
        min_length=1, max_length=100, description="Namespaces, with *.", examples=[["shop-staging", "cart-*"]]
    )
    registry: Name | None = Field(
        default=None, description="Registry that it pulls from; by default the one that CI pushes to."
    )
    provenance: ProvenanceLevel = Field(
        default=ProvenanceLevel.NONE, description="What has to be known about where an artifact was built."
    )
    tests: Need | None = Field(
        default=None,
        description="Whether each application has acceptance tests here; by default that of the class: required in "
        "class production.",
    )
    least_gate: LeastGate | None = Field(
        default=None, description="The weakest gate allowed; by default that of the class: none in class test."
    )

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    @property
    def production(self) -> bool:
        return self.environment_class is EnvironmentClass.PRODUCTION

    @property
    def needs_tests(self) -> bool:
        default = Need.REQUIRED if self.production else Need.OPTIONAL
        return (self.tests or default) is Need.REQUIRED

    @property
    def least(self) -> LeastGate | None:
        """The weakest gate allowed; None if people need not be asked."""
        return self.least_gate or (LeastGate() if self.production else None)

    def covers(self, cluster: str, namespace: str) -> bool:
        return cluster in self.clusters and matches_any(namespace, self.namespaces)


class AllowedKinds(Record):
    """The kinds of objects that may be applied."""

    default: Literal["namespaced"] = Field(
        default="namespaced",
        description="Kubernetes' own kinds in a namespace, without RBAC, webhooks, quotas and Leases: "
        f"{', '.join(NAMESPACED)}.",
    )
    also: tuple[Kind, ...] = Field(default=(), max_length=100, examples=[["argoproj.io/Rollout"]], description="More.")
    host_access: tuple[Kind, ...] = Field(
        default=(),
        max_length=100,
        examples=[["apps/DaemonSet"]],
        description="Kinds whose pods may reach into their node: its namespaces, paths, ports and kernel settings, "
        "privileged containers, capabilities beyond those of Pod Security's level baseline, probes of other hosts, the "
        "node's own priorities; and Services that take the traffic of any address (externalIPs). By default none.",
    )

    def allows(self, kind: str) -> bool:
        """`kind` is named as in `also`."""
        return kind in NAMESPACED or kind in self.also


ImagePath = Annotated[
    str,
    Field(
        max_length=255,
        pattern=r"^(?:[A-Za-z][A-Za-z0-9]*(?:\[\])?\.)*[A-Za-z][A-Za-z0-9]*$",
        examples=["spec.template.spec.containers[].image"],
    ),
]
"""A field of an object, with `[]` after a list."""
REFUSE: Final = "refuse"


class Project(Record):
    """A project: a team's boundary, set by the platform's people."""

    project: Name = Field(description="Name of the project, unique in the installation.")
    owners: Owners = Field(default=Owners(), description="Who may change its applications.")
    automation: Automation = Field(default=Automation(), description="Who may start releases without a person.")
    waive: Roles = Field(
        default=(),
        description="Roles of people who may waive a rule about proof, for one release in one environment; by default "
        "nobody.",
        examples=[["role:release-managers"]],
    )
    known_services: tuple[Service, ...] = Field(
        default=(),
        max_length=100,
        description="Services and bots that may be behind a change: they count as known, never vote, and keep nobody "
        "from approving. app:<client id>, or mail:<address> of the account that they use.",
        examples=[["app:01234567-89ab-cdef-0123-456789abcdef", "mail:bot@example.com"]],
    )
    repositories: tuple[Pattern, ...] = Field(
        min_length=1,
        max_length=100,
        description="Repositories that its images and bundles may lie in, with *.",
        examples=[["team/shop/*", "team/cart"]],
    )
    foreign_images: tuple[ForeignPattern, ...] = Field(
        default=(),
        max_length=100,
        description="Images of other registries that its applications may run, by registry and repository, with *: by "
        "digest, and pulled from where they are. What is to be copied along is pushed to the project's repositories.",
        examples=[["mcr.example/oss/*"]],
    )
    environments: dict[Name, ProjectEnvironment] = Field(
        min_length=1, max_length=20, description="Its environments by name."
    )
    kinds: AllowedKinds = Field(default=AllowedKinds(), description="Kinds of objects that may be applied.")
    image_paths: dict[Kind, tuple[ImagePath, ...]] = Field(
        default={},
        max_length=50,
        description="Where other kinds name their images: without it a kind that names one is refused.",
        examples=[{"postgresql.cnpg.io/Cluster": ["spec.imageName"]}],
    )
    injected: tuple[InjectedContainer, ...] = Field(
        default=(),
        max_length=50,
        description="Containers that the clusters add to pods, such as those of a mesh. Any other that a plan does not "
        "have fails the rollout.",
        examples=[[{"container": "istio-proxy", "image": "mcr.example/istio/*"}]],
    )
    unpinned: Literal["refuse"] | Annotated[tuple[Kind, ...], Field(min_length=1, max_length=100)] = Field(
        default=REFUSE,
        description="Kinds whose images need not be pinned by digest, or refuse for none. Each such image is a warning "
        "in the plan.",
        examples=[["postgresql.cnpg.io/Cluster"]],
    )

    @model_validator(mode="after")
    def _one_environment_for_a_place(self) -> Self:
        """A place of class production has one name. Under a second one, an application could choose a weaker class, or
        escape a freeze of the first."""
        listed = list(self.environments.items())
        for index, (name, one) in enumerate(listed):
            for other_name, other in listed[index + 1 :]:
                if not (one.production or other.production) or not overlap(one, other):
                    continue
                raise ValueError(
                    f"environments: {other_name}: namespaces: expected places that {name} does not cover, as its class "
                    f"is {one.environment_class}, got {', '.join(other.namespaces)} in {', '.join(other.clusters)}"
                )
        return self

    @property
    def image_rules(self) -> ImageRules:
        unpinned = frozenset() if self.unpinned == REFUSE else frozenset(self.unpinned)
        return ImageRules(paths=self.image_paths, foreign=self.foreign_images, unpinned=unpinned)


def overlap(one: ProjectEnvironment, other: ProjectEnvironment) -> bool:
    """Whether some cluster and namespace may belong to both."""
    if not set(one.clusters) & set(other.clusters):
        return False
    return any(_may_both_match(a, b) for a in one.namespaces for b in other.namespaces)


def _may_both_match(one: str, other: str) -> bool:
    """Whether some text matches both patterns. `*` is the only special character.

    It walks over the pairs of positions that a common text can reach, each once. Patterns are small, so even hostile
    ones cost little.
    """
    waiting, reached = [(0, 0)], {(0, 0)}
    while waiting:
        i, j = waiting.pop()
        if (i, j) == (len(one), len(other)):
            return True
        left, right = one[i : i + 1], other[j : j + 1]
        following = []
        if left == "*":
            following += [(i + 1, j), *([(i, j + 1)] if right else [])]
        if right == "*":
            following += [(i, j + 1), *([(i + 1, j)] if left else [])]
        if left and left == right:
            following.append((i + 1, j + 1))
        new = set(following) - reached
        reached |= new
        waiting += new
    return False
