"""A plan: exactly what a rollout will do in one environment. Votes are for its hash."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from .model import Digest, Name, Namespace, Record, Repository, Tag, canonical, sha256
from .release import Evidence
from .rules import StoredResult


class Change(Record):
    """What a rollout does to one object."""

    kind: str
    name: str
    change: str
    """`created`, `changed`, `unchanged`, or `orphaned` (live, but no longer in the manifests: left alone)."""
    diff: str = ""
    """Unified diff of the YAML, secrets masked, shortened when long."""


class Plan(Record):
    """Everything that an approver agrees to. It contains no timestamps, so that equal plans have equal hashes."""

    application: Name
    release: int
    environment: Name
    registry: Name
    """Registry that the environment pulls from."""
    repository: Repository
    digest: Digest
    tag: Tag
    image: str
    """The reference written into the manifests: `login-server/repository@sha256:…`."""
    cluster: Name
    namespace: Namespace
    promote_from: Name | None = None
    """Registry that the artifact is copied from first, if it is another one."""
    manifests: tuple[dict[str, Any], ...]
    verification: dict[str, Any] | None = None
    """The acceptance Job, rendered."""
    changes: tuple[Change, ...] = ()
    base: Digest | None = None
    """Hash of the plan that is live now; None if nothing that Slipway deployed is live."""
    base_tag: str | None = None
    evidence: tuple[Evidence, ...] = Field(default=())
    supply_chain: tuple[StoredResult, ...] = ()
    """The results for the signatures, SBOM and provenance that the environment requires."""
    run: str | None = None
    policy: Digest
    """Hash of the environment's policy."""
    rollback: int | None = None
    """For a roll-back by hand: number of the release whose manifests these are."""
    warnings: tuple[Annotated[str, Field(max_length=500)], ...] = Field(default=(), max_length=10)
    """Warnings for the operator who ordered a roll-back: its manifests or its image are gone."""

    @property
    def hash(self) -> str:
        return sha256(self.document())

    @property
    def parts(self) -> dict[str, str]:
        """Short hashes of the plan's parts by name, to tell in which parts two plans differ."""
        own = self.model_dump(mode="json") | {"verification": _without_name(self.verification)}
        return {part: sha256(canonical([own[name] for name in names]))[7:23] for part, names in _PARTS.items()}

    @property
    def holds_secrets(self) -> bool:
        """Whether a manifest is a Secret with values, which not every reader may see."""
        return any(
            manifest.get("kind") == "Secret" and (manifest.get("data") or manifest.get("stringData"))
            for manifest in self.manifests
        )

    def document(self) -> bytes:
        """The canonical JSON that is stored and hashed, without the roll-back fields unless it is a roll-back."""
        rare = {name for name in ("rollback", "warnings") if not getattr(self, name)}
        return canonical(self.model_dump(mode="json", exclude=rare))


def read_plan(document: bytes) -> Plan | None:
    """The document as a plan; None if it is not one, for example a log."""
    if not document.startswith(b"{"):
        return None
    try:
        return Plan.model_validate_json(document)
    except ValidationError:
        return None


def _without_name(job: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The acceptance Job without its name, which differs in every plan and is no change to report."""
    if job is None:
        return None
    metadata = {key: value for key, value in job.get("metadata", {}).items() if key != "name"}
    return {**job, "metadata": metadata}


_PARTS = {
    "image": ("digest", "tag", "repository"),
    "target": ("registry", "promote_from", "cluster", "namespace"),
    "manifests": ("manifests", "rollback", "warnings"),
    "acceptance tests": ("verification",),
    "what is live": ("base",),
    "policy": ("policy",),
    "evidence": ("evidence", "supply_chain", "run"),
    "the cluster": ("changes",),
}
"""The plan's fields by the part names that voters are told; together they cover every field of its content."""


def changed_parts(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the parts that differ; empty if either plan has no part hashes."""
    changed = [part for part in after if before and before.get(part) != after[part]]
    if len(changed) > 1 and "the cluster" in changed:
        changed.remove("the cluster")  # its preview differs as a consequence of the other parts
    return tuple(changed)


class PlanMade(Record):
    """What the plan step reports; the plan itself is a blob named by its hash."""

    plan_hash: Digest
    base: Digest | None
    definition: Digest
    """Hash of the definition that the plan was made from; if that changes, the plan is made again."""
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    orphaned: int = 0
    parts: dict[str, str] = Field(default={}, max_length=20)
    """The plan's `parts`."""
    supply_chain: tuple[StoredResult, ...] = Field(default=(), max_length=10)
    """The plan's supply-chain results."""
    warnings: tuple[Annotated[str, Field(max_length=500)], ...] = Field(default=(), max_length=10)
    """The warnings of a roll-back's plan."""
    copied: bool = False
    """For a roll-back: whether the environment's registry has the image."""
