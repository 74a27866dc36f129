"""Versions of applications and projects: the ledger keeps one for each change of the catalogue."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from .attribution import NAME_LIMIT
from .blocks import REASON_LIMIT
from .model import Digest, Name, Record, Timestamp


class SubjectKind(StrEnum):
    """The subject of a document of the catalogue."""

    PROJECT = "project"
    """A team's boundary."""
    APPLICATION = "application"
    """An application to deliver."""


class Subject(Record):
    """An application or a project."""

    kind: SubjectKind
    name: Name

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


class Version(Record):
    """One version of an application or a project."""

    subject: Subject
    number: int = Field(ge=1)
    """The number of changes, this one included."""
    document: Digest | None
    """Hash of the stored document; None for a removal."""
    before: Digest | None = None
    """Hash of the previous version; None for the first, and after a removal."""
    project: Name | None = None
    """The application's project; None for a project."""
    project_document: Digest | None = None
    """Hash of the version of that project by which it was judged; for a removal, of the project's version then in
    force."""
    at: Timestamp
    by: str = Field(max_length=NAME_LIMIT)
    reason: str = Field(default="", max_length=REASON_LIMIT)
    record: int = Field(ge=1)
    """Sequence of its audit record, in the application's chain or, for a project, the installation's."""
    difference: tuple[Annotated[str, Field(max_length=500)], ...] = Field(default=(), max_length=50)
    """The changes, line by line; shortened if long."""

    @model_validator(mode="after")
    def _names_its_project(self) -> Self:
        if (self.project is None) is (self.subject.kind is SubjectKind.APPLICATION):
            raise ValueError(f"project: {'is missing' if self.project is None else 'is for applications'}")
        return self


class CatalogueEntry(Record):
    """An entry of the list of everything in the catalogue."""

    subject: Subject
    document: Digest | None
    """Hash of the version in force; None if the application's own row has to be asked."""
    removed: bool = False


class VersionsInForce(Record):
    """The versions that a definition was made from."""

    application: Digest
    project: Digest
