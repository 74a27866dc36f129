"""Applications, releases, and why they are where they are."""

from typing import Annotated, Self

from pydantic import BeforeValidator, ConfigDict, Field, computed_field

from ..domain.drift import Drifted
from ..domain.explain import EnvironmentRules, Explanation
from ..domain.model import Digest, Timestamp, release_id
from ..domain.promotion import CopyProgress, StepState
from ..domain.release import Release
from ..domain.runs import Run
from .base import ApiList, ApiModel

__all__ = [
    "ApplicationStatus",
    "Applications",
    "DriftChecks",
    "DriftStatus",
    "EnvironmentRules",
    "Explanation",
    "FreezeInForce",
    "HoldOfLane",
    "LaneStatus",
    "LiveRelease",
    "ReleaseAnswer",
    "ReleaseWithProgress",
    "Releases",
    "RunAnswer",
]


class LiveRelease(ApiModel):
    release: str
    tag: str
    at: Timestamp


class FreezeInForce(ApiModel):
    owner: str
    reason: str
    until: Timestamp | None = Field(description="When it ends automatically; null if somebody has to end it.")


class HoldOfLane(ApiModel):
    owner: str
    reason: str
    release: str = Field(description="The rollback that set it.")


class DriftStatus(ApiModel):
    since: Timestamp
    release: str = Field(description="The release that was live.")
    objects: list[Drifted] = Field(description="The first twenty differences.")
    more: int = Field(description="How many more there are.")
    document: Digest | None = Field(description="The stored document with all of them and their differences.")
    unknown: str = Field(description="Why it is unknown now; empty if it is known.")
    summary: str = Field(description="All of it in one line.")


class LaneStatus(ApiModel):
    environment: str
    gate: str
    live: LiveRelease | None
    in_progress: str | None
    waiting: str | None
    next: str | None = Field(description="A newer one that waits until people have decided on `waiting`.")
    rollback: str | None = Field(description="A manual rollback that has not started to roll out yet.")
    frozen: FreezeInForce | None = Field(description="The freeze of this lane, while it is in force.")
    drift: DriftStatus | None = Field(
        description="The cluster's difference from the live release, or that nobody can tell; null if there is none."
    )
    hold: HoldOfLane | None = Field(
        description="Keeps newer releases from replacing a manual rollback, until somebody resumes."
    )


class ApplicationStatus(ApiModel):
    application: str
    frozen: FreezeInForce | None = Field(description="The freeze of everything, while it is in force.")
    environments: list[LaneStatus]


class DriftChecks(ApiModel):
    looked_at: Timestamp
    next_at: Timestamp = Field(
        description="When the next look is due. If it is overdue, the last one says nothing about the present."
    )


class Applications(ApiList):
    drift: DriftChecks | None = Field(description="When clusters are looked at for drift; null if they never were.")
    applications: list[ApplicationStatus]


class RunAnswer(Run):
    """A CI run, as far as it is known, and how certain that is."""

    model_config = ConfigDict(extra="ignore")

    @computed_field(description="Its page, made from ids; empty if the organization is unknown.")  # type: ignore[prop-decorator]
    @property
    def url(self) -> str:
        return super().url


def _answered(run: object) -> object:
    return dict(run) if isinstance(run, Run) else run


class ReleaseAnswer(Release):
    """A release."""

    model_config = ConfigDict(extra="ignore")

    run: Annotated[RunAnswer | None, BeforeValidator(_answered)] = None

    @computed_field  # type: ignore[prop-decorator] # mypy knows no decorator above a property
    @property
    def id(self) -> str:
        return release_id(self.application, self.number)

    @classmethod
    def of(cls, release: Release) -> Self:
        return cls.model_validate(dict(release))


class ReleaseWithProgress(ReleaseAnswer):
    """A release, with what its step waits for, and the progress of its copy."""

    v: int = Field(default=1, description="Version of this shape.")
    waits_for: str = Field(
        description="The reason why its step waits, as of the last attempt: a service that does not answer, pods that "
        "are not up. Empty if no step is under way, or if it does not wait."
    )
    progress: CopyProgress | None = Field(description="The progress of its copy, while one is running.")

    @classmethod
    def of_release(cls, release: Release, state: StepState | None) -> Self:
        waits_for, progress = (state.waits, state.progress) if state else ("", None)
        return cls.model_validate({**dict(release), "waits_for": waits_for, "progress": progress})


class Releases(ApiList):
    releases: list[ReleaseAnswer]
