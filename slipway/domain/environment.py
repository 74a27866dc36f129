"""An environment of an application's chain: the place of a rollout, the proofs that it needs first, and the tests after
it.

`WrittenEnvironment` is what the team writes. `Environment` adds the project's part, and is what people vote on.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from .around import MOST_JOBS, Side
from .drift import MOST_IGNORED, IgnoredDrift, OnDrift
from .gate import AutoGate, Gate, WrittenGate
from .model import Duration, Name, Namespace, Record, canonical, sha256
from .project import EnvironmentClass, ProvenanceLevel
from .promotion import PromotionRule
from .requirements import Requirements
from .windows import Windows


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
    def exists(self) -> bool:
        return bool(self.job or self.http)


class _OrNone:
    """Lets a document write `none` for a record without any content.

    It is a tagged union, since a function that looks at the value first would end pydantic's strict reading of JSON.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        nothing = core_schema.no_info_after_validator_function(lambda _: source(), core_schema.literal_schema(["none"]))
        return core_schema.tagged_union_schema(
            {"none": nothing, "given": handler(source)}, lambda value: "none" if value == "none" else "given"
        )


Tests = Annotated[Verification, _OrNone()]
"""Acceptance tests, or `none`."""


TESTS_NONE: Final = "tests: none: nothing is tested here after a rollout"
"""The sentence for an environment without acceptance tests."""


class OnConfigChange(StrEnum):
    """The reaction to a change of a ConfigMap or Secret whose pods do not restart by themselves."""

    TELL = "tell"
    """The plan says so."""
    RESTART = "restart"
    """The pods are replaced: their template gets the hash of the content that they read."""


class OnFailure(StrEnum):
    """The treatment of an environment after a failed rollout or verification."""

    ROLL_BACK = "roll-back"
    """Apply the plan that was live before."""
    STOP = "stop"
    """Leave the cluster as it is, for a person to look at."""


class Soak(Record):
    """The time that a release must have been live in an earlier environment."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    environment: Name | None = Field(
        default=None, alias="in", description="The environment that it soaks in; by default the one before this."
    )
    time: Duration = Field(alias="for", description="How long it has been live there.")


_File = Annotated[str, Field(min_length=1, max_length=256)]


class WrittenEnvironment(Record):
    """One target of the chain: a cluster and a namespace, with its gate and verification."""

    name: Name = Field(description="Name of the environment, such as staging; unique in the application.")
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
        description="Folder with Kubernetes YAML, next to this document. For source image only.",
    )
    substitutions: dict[
        Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")], Annotated[str, Field(max_length=1024)]
    ] = Field(
        default={},
        max_length=50,
        description="Values for ${NAME} in the manifests. Only these names are replaced. For source image only.",
    )
    before: tuple[_File, ...] = Field(
        default=(),
        max_length=MOST_JOBS,
        description="Files with a Job each, which run in this order before the first object of a rollout, once for a "
        "release. For source image only: a bundle has them in before/.",
        examples=[["jobs/migrate.yaml"]],
    )
    after: tuple[_File, ...] = Field(
        default=(),
        max_length=MOST_JOBS,
        description="Files with a Job each, which run in this order once everything is up and before the acceptance "
        "tests. For source image only: a bundle has them in after/.",
    )
    require: Requirements = Field(
        default=Requirements(),
        description="The attachments that the image must have, and that must be valid, before a rollout.",
    )
    gate: WrittenGate = Field(default=AutoGate(), description="The gate that has to pass before a rollout.")
    soak: Soak | None = Field(
        default=None,
        description="Rule soaked: how long the release must have been live in an earlier environment before it is "
        "let through here, or people are asked.",
        examples=[{"in": "staging", "for": "2h"}],
    )
    windows: Windows = Field(
        default=Windows(),
        description="When rollouts may begin. Not part of what people vote on: it says when, not what.",
    )
    promotion: PromotionRule = Field(
        default=PromotionRule(), description="How the artifact gets into this environment's registry."
    )
    rollout_within: Duration = Field(default=timedelta(minutes=10), description="Time for a rollout to become ready.")
    verification: Tests = Field(
        default=Verification(), description="The acceptance tests after a rollout, or none, which is the default."
    )
    on_config_change: OnConfigChange = Field(
        default=OnConfigChange.TELL,
        description="What happens when a ConfigMap or Secret changes but the workloads that read it do not, so that "
        "their pods would keep the old content: tell in the plan, or restart the pods.",
    )
    on_failure: OnFailure = Field(
        default=OnFailure.ROLL_BACK, description="What happens after a failed rollout or verification."
    )
    drift: OnDrift = Field(
        default=OnDrift.REPORT,
        description="What happens when the cluster no longer matches the live release: report it, or also hold new "
        "releases until a person lets one pass, or brings the live release back.",
    )
    drift_ignore: tuple[IgnoredDrift, ...] = Field(
        default=(),
        max_length=MOST_IGNORED,
        description="Fields of live objects that others may write without drift.",
    )

    def jobs(self, side: Side) -> tuple[str, ...]:
        """The files of the Jobs on one side of a rollout."""
        return self.before if side is Side.BEFORE else self.after

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
    """How well it has to be known where an artifact was built."""
    waive: tuple[str, ...] = Field(default=(), max_length=50)
    """The roles, named by the project, whose holders may waive a rule about proof for one release."""


def unmet_conditions(environment: WrittenEnvironment, earlier: Mapping[str, WrittenEnvironment]) -> Iterator[str]:
    """Why its conditions can never hold; each begins with the field."""
    earlier_names = f"earlier environments are {', '.join(earlier) or 'none'}"
    for name in environment.gate.tests_passed if isinstance(environment.gate, AutoGate) else ():
        if name not in earlier:
            yield f"gate.tests_passed: {name!r} does not come before it; {earlier_names}"
        elif not earlier[name].verification.exists:
            yield f"gate.tests_passed: {name!r} has no acceptance tests: give it verification"
    if environment.soak is not None and not earlier:
        yield "soak: there is no environment before it to soak in"
    elif environment.soak is not None and environment.soak.environment not in (None, *earlier):
        yield f"soak.in: {environment.soak.environment!r} does not come before it; {earlier_names}"


def policy_hash(environment: Environment) -> str:
    """Hash of what application and project demand there; part of every plan, so that a changed policy voids votes.

    Time windows say when and not what, so they are left out (docs/decisions/0007-freezes-and-verbs.md).
    """
    return sha256(canonical(environment.model_dump(mode="json", exclude={"windows"})))
