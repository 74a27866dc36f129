"""A plan: exactly what a rollout will do in one environment. Votes are for its hash."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from .model import Digest, Name, Record, Repository, Tag, canonical, sha256
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
    """Everything that an approver says yes to. Holds no clock reading: the same plan has the same hash."""

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
    namespace: Name
    promote_from: Name | None = None
    """Registry that the artifact is copied from first, where it differs."""
    manifests: tuple[dict[str, Any], ...]
    verification: dict[str, Any] | None = None
    """The acceptance Job, rendered."""
    changes: tuple[Change, ...] = ()
    base: Digest | None = None
    """Hash of the plan that is live now; None where nothing of ours is."""
    base_tag: str | None = None
    evidence: tuple[Evidence, ...] = Field(default=())
    supply_chain: tuple[StoredResult, ...] = ()
    """What was found of the signatures, the SBOM and the provenance that the environment requires."""
    run: str | None = None
    policy: Digest
    """Hash of what the environment demands."""
    rollback: int | None = None
    """Of a roll-back by hand: the release whose manifests these are."""
    warnings: tuple[Annotated[str, Field(max_length=500)], ...] = Field(default=(), max_length=10)
    """What whoever ordered a roll-back should know: that its manifests or its image are gone."""

    @property
    def hash(self) -> str:
        return sha256(self.document())

    @property
    def parts(self) -> dict[str, str]:
        """What the plan is made of, each part by a short hash: two plans differ in the parts whose hashes differ."""
        own = self.model_dump(mode="json") | {"verification": _without_name(self.verification)}
        return {part: sha256(canonical([own[name] for name in names]))[7:23] for part, names in _PARTS.items()}

    @property
    def holds_secrets(self) -> bool:
        """Whether a manifest is a Secret that has values: not everybody who may read is to see them."""
        return any(
            manifest.get("kind") == "Secret" and (manifest.get("data") or manifest.get("stringData"))
            for manifest in self.manifests
        )

    def document(self) -> bytes:
        """The canonical JSON that is kept, and hashed. What only a roll-back has is left out of any other plan."""
        rare = {name for name in ("rollback", "warnings") if not getattr(self, name)}
        return canonical(self.model_dump(mode="json", exclude=rare))


def read_plan(document: bytes) -> Plan | None:
    """The plan, if the document is one; None for a log."""
    if not document.startswith(b"{"):
        return None
    try:
        return Plan.model_validate_json(document)
    except ValidationError:
        return None


def _without_name(job: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The tests themselves: every plan's Job has a name of its own, which is no news to anybody."""
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
"""The words by which voters are told what changed; together all that a plan holds of its own."""


def changed_parts(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the parts that differ; none where either plan does not say what it is made of."""
    changed = [part for part in after if before and before.get(part) != after[part]]
    if len(changed) > 1 and "the cluster" in changed:
        changed.remove("the cluster")  # a rollout does something else there because of the other parts
    return tuple(changed)


class PlanMade(Record):
    """What the plan step reports; the plan itself is a blob named by its hash."""

    plan_hash: Digest
    base: Digest | None
    delivery: Digest
    """Hash of the delivery folder it was made from: when that changes, the plan is made again."""
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    orphaned: int = 0
    parts: dict[str, str] = Field(default={}, max_length=20)
    """As in the plan: its parts by their hashes."""
    supply_chain: tuple[StoredResult, ...] = Field(default=(), max_length=10)
    """As in the plan: what the environment requires, and whether it holds."""
    warnings: tuple[Annotated[str, Field(max_length=500)], ...] = Field(default=(), max_length=10)
    """As in the plan of a roll-back: what is gone."""
    copied: bool = False
    """Of a roll-back: the environment's registry has the image."""
