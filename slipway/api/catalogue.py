"""Projects and applications: applying, comparing, their versions."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from ..domain.blocks import REASON_LIMIT
from ..domain.inbox import ID_PATTERN
from ..domain.model import Timestamp
from ..domain.statement import MOST_CHANGES
from ..domain.versions import SubjectKind
from .base import IDEMPOTENCY, ApiAnswer, ApiList, ApiModel

FilePath = Annotated[str, Field(min_length=1, max_length=512)]


class _Body(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid")


class AppliedDocument(_Body):
    """A project or an application, with the files that it names."""

    kind: SubjectKind
    value: dict[str, Any] = Field(description="The document's content.")
    files: dict[FilePath, str] = Field(
        default={}, max_length=500, description="Text files by their path, relative to the document."
    )


class _ChangeFields(_Body):
    reason: str = Field(default="", max_length=REASON_LIMIT, description="Why; kept with the versions.")
    id: Annotated[str, Field(pattern=ID_PATTERN)] | None = Field(default=None, description=IDEMPOTENCY)
    channel: Annotated[str, Field(pattern="^(api|cli)$")] = "api"


class Apply(_ChangeFields):
    """Documents that are applied together; each is judged by itself."""

    documents: list[AppliedDocument] = Field(min_length=1, max_length=MOST_CHANGES)


class Removal(_ChangeFields):
    """Why a document is removed from the catalogue."""


class ProblemShown(ApiModel):
    """A problem in a document, and its place."""

    file: str = Field(description="`<name>/project.yaml` or `<name>/application.yaml`, or an accompanying file.")
    line: int = Field(
        default=1,
        description="Line in an accompanying file. Only the sender of the document itself knows its lines.",
    )
    field: str = ""
    expected: str = ""
    got: str = ""
    message: str = ""
    environment: str = Field(default="", description="Names of the environments, if it is wrong only in some.")

    @classmethod
    def of(cls, problem: object) -> Self:
        """From any problem that has these fields."""
        return cls.model_validate(problem, from_attributes=True)


class ChangeShown(ApiModel):
    """An actual or possible change of one project or application."""

    subject: str = Field(description="`project:<name>` or `application:<name>`.")
    outcome: str = Field(
        description="`created`, `changed`, `unchanged`, `removed`, `proposed` (people vote on it first) or `refused`."
    )
    number: int = Field(description="The version in force afterwards; 0 where nothing was committed.")
    before: str | None = Field(description="Hash of the version before.")
    after: str | None = Field(description="Hash of the new version; none for a removal.")
    difference: tuple[str, ...] = ()
    refused: str = Field(default="", description="Why it was refused.")
    problems: tuple[ProblemShown, ...] = Field(default=(), description="The problems of the document.")
    opens: bool = Field(
        default=False, description="Whether it lets something through, so that a person has to confirm it in a browser."
    )
    weaker: tuple[str, ...] = Field(default=(), description="The weakenings of production gates.")
    asks: tuple[str, ...] = Field(
        default=(), description="The gates that would get weaker, and who votes on the change under their rules."
    )
    stalled: tuple[str, ...] = Field(
        default=(), description="Applications that the project would no longer allow, with the reason."
    )


class Changes(ApiAnswer):
    """The changes, projects first. A refused change does not keep the others from being made."""

    changes: tuple[ChangeShown, ...]
    refused: bool = Field(description="Whether any of them was refused.")
    committed: bool = Field(description="Whether one of them took effect.")
    change: str = Field(default="", description="Hash of the proposed change that people vote on, if there is one.")
    page: str = Field(default="", description="Address of its page.")


class TargetShown(ApiModel):
    """The place of one environment of an application, as a look sees it."""

    registry: str = Field(description="Host of the registry that it pulls from.")
    cluster: str
    namespace: str


class TargetsShown(ApiAnswer):
    """The environments of an application, in no order: everything that rendering needs to know of an installation."""

    application: str
    environments: dict[str, TargetShown]
    image_paths: dict[str, tuple[str, ...]] = Field(
        default={}, description="By kind, the fields other than containers that name images."
    )
    foreign_images: tuple[str, ...] = Field(default=(), description="Images from other registries that may run.")
    unpinned: tuple[str, ...] = Field(default=(), description="Kinds whose images need not be pinned by digest.")


class CatalogueItem(ApiModel):
    """A project or an application in force."""

    subject: str
    project: str | None = None
    document: str | None = Field(description="Hash of the version in force.")
    problems: tuple[str, ...] = Field(
        default=(),
        description="Problems since it was applied; until they are mended, nothing is let through.",
    )


class CatalogueList(ApiList):
    """Everything in force."""

    items: tuple[CatalogueItem, ...]


class VersionShown(ApiModel):
    """One version."""

    number: int
    document: str | None = Field(description="Its hash; none where it was removed.")
    before: str | None
    at: Timestamp
    by: str
    reason: str
    record: int = Field(description="Sequence of its audit record.")
    difference: tuple[str, ...]


class VersionHistory(ApiAnswer):
    """The versions of one project or application, newest first."""

    subject: str
    chain: str = Field(description="The chain that has the audit records: the application's, or `_installation`.")
    versions: tuple[VersionShown, ...]


class ExportedFiles(ApiAnswer):
    """The files of one version: applying them again gives the same version."""

    subject: str
    document: str
    files: dict[str, str]
