"""A plan: exactly what a rollout will do in one environment. Votes are for its hash."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from .application import SourceKind
from .around import MOST_JOBS, NO_JOBS, JobsAround, Side, time_of_job
from .images import InjectedContainer
from .model import Digest, Name, Namespace, Record, Repository, Tag, canonical, sha256
from .pruning import KINDS_KEPT, MOST_DELETIONS, Deletion
from .release import Evidence
from .rules import StoredResult
from .waivers import MOST_WAIVERS, Waiver

HAS_RUN = "has run"
"""The note on a Job around a rollout that succeeded in an earlier attempt of the release."""


class Change(Record):
    """A rollout's effect on one object."""

    kind: str
    name: str
    change: str
    """`created`, `changed`, `replaced`, `unchanged`; for an object that left the manifests, `deleted` or `left`; for a
    Job around the rollout, `runs before`, `runs after` or `has run`."""
    diff: str = ""
    """Unified diff of the YAML, secrets masked, shortened when long."""
    warnings: tuple[str, ...] = ()
    """Obstacles that will keep the rollout from ending, such as a paused Deployment; changes that reach no pod; and
    warnings of the API server."""
    notes: tuple[str, ...] = ()
    """The fields whose manager changes, or that stay as somebody else set them."""

    why: str = ""
    """Why an object that left the manifests is not deleted."""

    @property
    def warned(self) -> tuple[str, ...]:
        """The warnings with the object that they are about."""
        return tuple(f"{self.kind} {self.name}: {warning}" for warning in self.warnings)


_ORDER = ("deleted", "runs before", "runs after", "replaced", "changed", "created", "left", "unchanged")


def _order(change: Change) -> int:
    return _ORDER.index(change.change) if change.change in _ORDER else len(_ORDER)


class Preview(Record):
    """The changes that a plan would make, by the cluster's answer. It is shown beside the plan and is not part of it:
    the rest of the cluster may differ from one look to the next, and a vote is for what Slipway will do."""

    changes: tuple[Change, ...] = ()
    unsearched: tuple[str, ...] = ()
    """Kinds in which objects that left the manifests could not be searched for, with the reason."""

    @property
    def ordered(self) -> tuple[Change, ...]:
        """The changes, those that are hardest to undo first, so that a shortened list keeps them."""
        return tuple(sorted(self.changes, key=lambda change: (_order(change), change.kind, change.name)))

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(warning for change in self.ordered for warning in change.warned)

    def document(self) -> bytes:
        return canonical(self.model_dump(mode="json"))


class Plan(Record):
    """Everything that an approver agrees to: what Slipway will do, and why it may. It contains no timestamps, so that
    equal plans have equal hashes."""

    v: Literal[1] = 1
    application: Name
    release: int
    environment: Name
    registry: Name
    """Registry that the environment pulls from."""
    source: SourceKind = SourceKind.IMAGE
    repository: Repository
    digest: Digest
    """The digest of the image, or of the bundle."""
    tag: Tag
    images: tuple[str, ...]
    """The images from the environment's registry that the manifests run, as they name them:
    `login-server/repository@sha256:…`."""
    foreign_images: tuple[str, ...] = ()
    """Images from other registries, also by digest: the cluster pulls them from there."""
    cluster: Name
    namespace: Namespace
    copy_from: Name | None = None
    """Registry that the artifact is copied from first, if it is another one."""
    injected: tuple[InjectedContainer, ...] = ()
    """The containers that the cluster may add to the pods. Any other container fails the rollout."""
    manifests: tuple[dict[str, Any], ...]
    deletions: tuple[Deletion, ...] = Field(default=(), max_length=MOST_DELETIONS)
    """The objects that left the manifests and are deleted once the rollout is judged good."""
    before: tuple[dict[str, Any], ...] = Field(default=(), max_length=MOST_JOBS)
    """The Jobs that run before the first object, in this order."""
    after: tuple[dict[str, Any], ...] = Field(default=(), max_length=MOST_JOBS)
    """The Jobs that run once everything is up, in this order."""
    verification: dict[str, Any] | None = None
    """The acceptance Job, rendered."""
    base: Digest | None = None
    """Hash of the plan that is live now; None if nothing that Slipway deployed is live."""
    base_tag: str | None = None
    evidence: tuple[Evidence, ...] = Field(default=())
    supply_chain: tuple[StoredResult, ...] = ()
    """The results for the signatures, SBOM and provenance that the environment requires."""
    run: str | None = None
    policy: Digest
    """Hash of the environment's policy."""
    waivers: tuple[Waiver, ...] = Field(default=(), max_length=MOST_WAIVERS)
    """The rules about proof that need not hold; voters agree to that."""
    rollback: int | None = None
    """For a manual rollback: the number of the release whose manifests these are."""
    warnings: tuple[Annotated[str, Field(max_length=500)], ...] = Field(default=(), max_length=10)
    """For the voters, for example that it is a downgrade, or that the plan to roll back to is no longer kept."""

    @property
    def hash(self) -> str:
        return sha256(self.document())

    @property
    def parts(self) -> dict[str, str]:
        """Short hashes of the plan's parts by name, to tell in which parts two plans differ."""
        own = self.model_dump(mode="json") | {"verification": _without_name(self.verification)}
        return {part: sha256(canonical([own[name] for name in names]))[7:23] for part, names in _PARTS.items()}

    @property
    def jobs(self) -> JobsAround:
        """The Jobs around the rollout."""
        return JobsAround(
            before=tuple(job["metadata"]["name"] for job in self.before),
            before_within=sum(map(time_of_job, self.before), timedelta(0)),
            after=tuple(job["metadata"]["name"] for job in self.after),
            after_within=sum(map(time_of_job, self.after), timedelta(0)),
        )

    def jobs_on(self, side: Side) -> tuple[dict[str, Any], ...]:
        return self.before if side is Side.BEFORE else self.after

    @property
    def holds_secrets(self) -> bool:
        """Whether a manifest is a Secret with values, which not every reader may see."""
        return any(
            manifest.get("kind") == "Secret" and (manifest.get("data") or manifest.get("stringData"))
            for manifest in self.manifests
        )

    def document(self) -> bytes:
        """The canonical JSON that is stored and hashed, without the fields that most plans do not need."""
        often_empty = ("foreign_images", "injected", "rollback", "warnings", "waivers", "deletions", "before", "after")
        rare = {name for name in often_empty if not getattr(self, name)}
        return canonical(self.model_dump(mode="json", exclude=rare))


def read_plan(document: bytes) -> Plan | None:
    """The document as a plan; None if it is not one, for example a log."""
    if not document.startswith(b"{"):
        return None
    try:
        return Plan.model_validate_json(document)
    except ValidationError:
        return None


def brought_images(plan: Plan) -> tuple[tuple[str, str], ...]:
    """Repository and digest of each image that is copied along with the release's artifact."""
    references = (image.partition("/")[2].partition("@") for image in plan.images)
    images = tuple((repository, digest) for repository, _, digest in references)
    return tuple(image for image in images if image != (plan.repository, plan.digest))


def _without_name(job: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The acceptance Job without its name: that differs in every plan, and is not a change to report."""
    if job is None:
        return None
    metadata = {key: value for key, value in job.get("metadata", {}).items() if key != "name"}
    return {**job, "metadata": metadata}


_PARTS = {
    "artifact": ("source", "digest", "tag", "repository", "images", "foreign_images"),
    "target": ("registry", "copy_from", "cluster", "namespace"),
    "manifests": ("manifests", "rollback", "warnings"),
    "deletions": ("deletions",),
    "Jobs before and after": ("before", "after"),
    "acceptance tests": ("verification",),
    "what is live": ("base",),
    "policy": ("policy", "injected"),
    "waivers": ("waivers",),
    "evidence": ("evidence", "supply_chain", "run"),
}
"""The plan's fields by the part names that voters are told; together they cover every field of its content."""


def changed_parts(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the parts that differ; empty if either plan has no part hashes."""
    return tuple(part for part in after if before and before.get(part) != after[part])


class NotPlanned(Record):
    """Why there is no plan, if rules are the reason."""

    rules: tuple[str, ...]
    """Names of the rules that do not hold."""


class PlanMade(Record):
    """The report of the plan step; the plan itself is a blob named by its hash."""

    plan_hash: Digest
    preview: Digest | None = None
    """Hash of the stored preview."""
    base: Digest | None
    definition: Digest
    """Hash of the definition that the plan was made from; if that changes, the plan is made again."""
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    left: int = 0
    """The number of objects that left the manifests and stay."""
    unsearched: tuple[Annotated[str, Field(max_length=500)], ...] = Field(default=(), max_length=10)
    """`Preview.unsearched` of the plan's preview."""
    parts: dict[str, str] = Field(default={}, max_length=20)
    """The plan's `parts`."""
    supply_chain: tuple[StoredResult, ...] = Field(default=(), max_length=10)
    """The plan's supply-chain results."""
    warnings: tuple[Annotated[str, Field(max_length=500)], ...] = Field(default=(), max_length=10)
    """The plan's warnings, and those that come from the cluster."""
    jobs: JobsAround = NO_JOBS
    """The Jobs around the rollout."""
    kinds: tuple[Annotated[str, Field(max_length=320)], ...] = Field(default=(), max_length=KINDS_KEPT)
    """The kinds of the objects that it applies, such as `Deployment.apps`."""
    copied: bool = False
    """For a rollback: whether the environment's registry has the image."""
