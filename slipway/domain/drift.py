"""Drift: a difference between the release that the ledger says is live and what the cluster holds.

This module has the differences of one look, by object.
`effects/cluster/drift.py` looks, `decide/drifting.py` decides whether there is anything new, and the lane keeps the
last result.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from ..text import moment
from .model import Digest, Record, Timestamp, canonical, sha256

LOOKED, NEXT_LOOK = "drift", "drift-next"
"""The marks that say when clusters were last looked at, and when they will be next."""
LATE: Final = timedelta(minutes=5)
"""A look that is later than this says nothing about the present, since the look before it is too old."""
MOST_TOLD: Final = 20
"""The most objects that the ledger names; the kept document has all of them."""
MOST_FIELDS: Final = 20
"""The most fields that are named of one object."""
_SHOWN: Final = 3
MOST_IGNORED: Final = 50
APPLIED_BY: Final[Mapping[str, str]] = {
    "argocd-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}
"""Field managers of tools that set an object back to their own manifest again and again."""
type FieldPath = Annotated[str, Field(max_length=300, pattern=r"^[A-Za-z][^\s\x00-\x1f]*$")]


def applied_too(manager: str) -> str:
    """The sentence about an object that another tool applies as well; empty for any other field manager."""
    tool = APPLIED_BY.get(manager)
    return f"{tool} ({manager}) applies it too, and each undoes the other: take it out of one of them" if tool else ""


class OnDrift(StrEnum):
    """How drift in an environment affects the next release there."""

    REPORT = "report"
    """Drift is reported; the next rollout applies its own plan."""
    HOLD = "hold"
    """No release goes out until a person lets it pass, or brings the live release back."""


class IgnoredDrift(Record):
    """Fields of live objects that somebody else, such as an operator, may write: they are not drift."""

    kind: str = Field(
        pattern=r"^([a-z0-9.-]{1,253}/)?[A-Z][A-Za-z0-9]{0,62}$",
        description="Kind of the objects: Deployment, or with its group, argoproj.io/Rollout.",
    )
    name: str | None = Field(
        default=None, max_length=253, description="Name of a single object; without it, all objects of the kind."
    )
    fields: tuple[FieldPath, ...] = Field(
        default=(),
        max_length=MOST_IGNORED,
        description="The fields, with everything in them, as reports of drift name them: "
        "spec.template.spec.containers[web].resources; containers[] means each of them. An image is never ignored.",
    )
    by: tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] = Field(
        default=(),
        max_length=MOST_IGNORED,
        description="The field managers that may write those fields, or any field if none is named.",
    )

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if not self.fields and not self.by:
            raise ValueError("expected fields, by, or both; a whole object cannot be ignored")
        for path in self.fields:
            if holds_an_image(path):
                raise ValueError(f"fields: {path} holds an image, which is never ignored; name the fields beside it")
        return self

    def concerns(self, group: str, kind: str, name: str) -> bool:
        kinds = (kind, f"{group}/{kind}" if group else kind)
        return self.kind in kinds and self.name in (None, name)

    def covers(self, steps: Sequence[str], managers: Collection[str]) -> bool:
        """Whether a field is ignored. `steps` are the path of the field and of everything that contains it, in the form
        of a drift report; `managers` are its writers, empty for a field that was removed."""
        if holds_an_image(steps[-1]) or (self.by and not (managers and set(managers) <= set(self.by))):
            return False
        return not self.fields or any(_fits(path, step) for path in self.fields for step in steps)


def holds_an_image(path: str) -> bool:
    """Whether the path is that of a container's image, of a container, or of a list of containers."""
    return re.search(r"(^|\.)(containers|initContainers|ephemeralContainers)(\[[^\]]*\](\.image)?)?$", path) is not None


def _fits(pattern: str, path: str) -> bool:
    """Whether the paths are the same, with `[]` standing for any item of a list."""
    items = re.compile(r"\[[^\]]*\]")
    pattern_steps, path_steps = items.findall(pattern), items.findall(path)
    alike = items.sub("[]", pattern) == items.sub("[]", path)
    return alike and all(item in ("[]", own) for item, own in zip(pattern_steps, path_steps, strict=True))


class DriftKind(StrEnum):
    """How an object differs."""

    CHANGED = "changed"
    """Somebody changed or added fields on an object that Slipway had applied."""
    MISSING = "missing"
    """It is gone."""
    REPLACED = "replaced"
    """An object of that name is there, but Slipway has not applied it."""


class Drifted(Record):
    """One object that differs from the plan."""

    what: DriftKind
    kind: str = Field(max_length=253)
    name: str = Field(max_length=253)
    fields: tuple[Annotated[str, Field(max_length=300)], ...] = Field(default=(), max_length=MOST_FIELDS)
    """The fields that differ."""
    by: str = Field(default="", max_length=128)
    """The field manager that wrote last; empty if that is not known."""
    at: Timestamp | None = None
    """The time of that write, by the cluster's clock."""

    @property
    def label(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def text(self) -> str:
        """One line for people."""
        by = f" by {self.by}" if self.by else ""
        when = f" at {moment(self.at)}" if self.at else ""
        more = f" and {len(self.fields) - _SHOWN} more" if len(self.fields) > _SHOWN else ""
        fields = f" ({', '.join(self.fields[:_SHOWN])}{more})" if self.fields else ""
        also = f": {advice}" if (advice := applied_too(self.by)) else ""
        return f"{self.label} {'was' if self.by else 'is'} {self.what}{by}{when}{fields}{also}"


class DriftFindings(Record):
    """The result of one look: the differences, or why they are not known. A look with neither is clean."""

    objects: tuple[Drifted, ...] = Field(default=(), max_length=MOST_TOLD)
    more: int = Field(default=0, ge=0)
    """The number of further objects that differ."""
    document: Digest | None = None
    """The stored document with all of the objects and their differences."""
    unknown: str = Field(default="", max_length=500)
    """Why the differences are not known; earlier ones may still be there."""

    @classmethod
    def of(cls, objects: tuple[Drifted, ...], document: Digest | None) -> Self:
        return cls(objects=objects[:MOST_TOLD], more=max(len(objects) - MOST_TOLD, 0), document=document)

    @property
    def clean(self) -> bool:
        return not self.objects and not self.unknown

    @property
    def summary(self) -> str:
        if self.unknown:
            return f"it is unknown whether the cluster matches the live release: {self.unknown}"
        lines = "; ".join(each.text for each in self.objects[:_SHOWN])
        rest = len(self.objects) - _SHOWN + self.more
        return f"{lines}; and {rest} more" if rest > 0 else lines

    @property
    def mark(self) -> str:
        """Two looks with the same result have the same mark."""
        # It leaves out the time: repeated writes of the same value are no news.
        objects = [each.model_dump(mode="json", exclude={"at"}) for each in self.objects]
        about = {"objects": objects, "more": self.more}
        return sha256(canonical(about | {"unknown": bool(self.unknown)}))


class Drift(Record):
    """An episode: since when an environment has differed from the ledger, and the last result."""

    since: Timestamp
    release: int = Field(ge=1)
    """The release that was live."""
    seen: DriftFindings


def following(before: Drift | None, findings: DriftFindings) -> DriftFindings | None:
    """The new result of an episode after a look; None if the look adds nothing. A look without a result keeps the
    earlier differences, since they may still be there."""
    if before is None:
        return None if findings.clean else findings
    if findings.unknown:
        findings = before.seen.evolve(unknown=findings.unknown)
    return None if findings.mark == before.seen.mark else findings


def is_due(now: datetime, every: int) -> bool:
    """Whether a look is due in this minute; never if `every` is 0."""
    return every > 0 and int(now.timestamp()) // 60 % every == 0
