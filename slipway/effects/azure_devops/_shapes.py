"""The answers of Azure DevOps' interface 7.1, as far as Slipway reads them. Every field that may be missing there is
optional.

`local/azuredevops/README.md` gives the source for each field. A link in an answer is only data: the ids in it are
extracted, and the link is never followed.
"""

import re
from typing import Annotated, Any, Final
from urllib.parse import unquote, urlsplit

from pydantic import Field

from slipway.domain import run_source
from slipway.domain.incoming import ForeignModel, Time

Id = Annotated[str, Field(min_length=1, max_length=256)]
Line = Annotated[str, Field(max_length=1024)]
Commitish = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{40}$")]
Number = Annotated[int, Field(ge=0, le=2**53)]
_LONGEST: Final = 254
OBJECT_ID: Final = "http://schemas.microsoft.com/identity/claims/objectidentifier"
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_STEPS_OF_AN_ATTACHMENT: Final = 5
"""timeline / record / `attachments` / type / name"""
_SERVICE_PRINCIPAL: Final = re.compile(r"aadsp\.[A-Za-z0-9_-]{1,200}")
_SERVICES: Final = frozenset({"serviceprincipal", "application", "managedidentity"})


class IdentityRef(ForeignModel):
    """An `IdentityRef`."""

    id: Id
    displayName: Line = ""  # noqa: N815 - names of the interface
    uniqueName: Line = ""  # noqa: N815

    def reference(self) -> run_source.PersonReference:
        return run_source.PersonReference(id=self.id, name=self.displayName, unique_name=self.uniqueName)


class _Project(ForeignModel):
    id: Id
    name: Line


class BuildDefinition(ForeignModel):
    id: Number
    name: Line
    path: Line = "\\"

    def full_name(self) -> str:
        return f"{self.path}\\{self.name}".strip("\\")


class _Repository(ForeignModel):
    id: Line = ""
    type: Line = ""


class Build(ForeignModel):
    id: Number
    buildNumber: Line  # noqa: N815
    status: Line
    result: Line = ""
    reason: Line = ""
    definition: BuildDefinition
    project: _Project
    sourceBranch: Line = ""  # noqa: N815
    sourceVersion: Line = ""  # noqa: N815
    repository: _Repository = _Repository()
    requestedFor: IdentityRef | None = None  # noqa: N815
    finishTime: Time | None = None  # noqa: N815
    deleted: bool = False

    def run_info(self, organization: str) -> run_source.RunInfo:
        return run_source.RunInfo(
            organization=organization,
            project_id=self.project.id.casefold(),
            project=self.project.name,
            definition=self.definition.id,
            pipeline=self.definition.name,
            folder=self.definition.path,
            id=self.id,
            number=self.buildNumber,
            completed=self.status == "completed",
            result=self.result,
            reason=self.reason,
            branch=self.sourceBranch,
            commit=self.sourceVersion.casefold(),
            repository=self.repository.id,
            repository_is_here=self.repository.type.casefold() == "tfsgit",
            requested_for=self.requestedFor.reference() if self.requestedFor else None,
            finished_at=self.finishTime,
            deleted=self.deleted,
        )


class _Record(ForeignModel):
    id: Id
    parentId: Line | None = None  # noqa: N815
    type: Line = ""
    name: Line = ""
    attempt: Number = 1
    result: Line = ""


class Timeline(ForeignModel):
    records: Annotated[tuple[_Record, ...], Field(max_length=5_000)] = ()

    def records_read(self) -> tuple[run_source.TimelineRecord, ...]:
        return tuple(
            run_source.TimelineRecord(
                id=each.id.casefold(),
                parent=each.parentId.casefold() if each.parentId else None,
                type=each.type,
                name=each.name,
                attempt=each.attempt,
                result=each.result,
            )
            for each in self.records
        )


class _Href(ForeignModel):
    href: Annotated[str, Field(max_length=4096)]


class _Links(ForeignModel):
    self: _Href


class AttachmentEntry(ForeignModel):
    name: Line
    links: _Links = Field(alias="_links")

    def attachment(self) -> run_source.Attachment | None:
        """None if the link does not lead to an attachment of this name. Only the link says where the attachment is."""
        steps = [unquote(step) for step in urlsplit(self.links.self.href).path.split("/")]
        if len(steps) < _STEPS_OF_AN_ATTACHMENT:
            return None
        timeline, record, marker, _, name = steps[-_STEPS_OF_AN_ATTACHMENT:]
        if marker != "attachments" or name != self.name or not all(map(_GUID.fullmatch, (timeline, record))):
            return None
        return run_source.Attachment(name=self.name, timeline=timeline.casefold(), record=record.casefold())


class _CommitAuthor(ForeignModel):
    """A full reference for an address that the organization knows; otherwise a name, with the address as its id."""

    id: Line = ""
    displayName: Line = ""  # noqa: N815
    uniqueName: Line = ""  # noqa: N815


class BuildChange(ForeignModel):
    id: Commitish
    author: _CommitAuthor = _CommitAuthor()

    def summary(self) -> run_source.CommitSummary:
        mail = next((text for text in (self.author.uniqueName, self.author.id) if "@" in text), "")
        return run_source.CommitSummary(
            id=self.id.casefold(), author=run_source.CommitSignature(name=self.author.displayName, mail=mail)
        )


class _Signature(ForeignModel):
    name: Line = ""
    email: Line = ""

    def signature(self) -> run_source.CommitSignature:
        return run_source.CommitSignature(name=self.name, mail=self.email)


class _Push(ForeignModel):
    pushedBy: IdentityRef | None = None  # noqa: N815


class Commit(ForeignModel):
    commitId: Commitish  # noqa: N815
    parents: Annotated[tuple[Commitish, ...], Field(max_length=64)] = ()
    author: _Signature = _Signature()
    committer: _Signature = _Signature()
    push: _Push = _Push()

    def info(self) -> run_source.CommitInfo:
        return run_source.CommitInfo(
            id=self.commitId.casefold(),
            parents=tuple(parent.casefold() for parent in self.parents),
            author=self.author.signature(),
            committer=self.committer.signature(),
            pushed_by=self.push.pushedBy.reference() if self.push.pushedBy else None,
        )


class PullRequestAnswer(ForeignModel):
    pullRequestId: Number  # noqa: N815
    status: Line = ""
    createdBy: IdentityRef | None = None  # noqa: N815
    closedBy: IdentityRef | None = None  # noqa: N815
    autoCompleteSetBy: IdentityRef | None = None  # noqa: N815

    def pull_request(self) -> run_source.PullRequest:
        return run_source.PullRequest(
            id=self.pullRequestId,
            completed=self.status == "completed",
            created_by=self.createdBy.reference() if self.createdBy else None,
            closed_by=self.closedBy.reference() if self.closedBy else None,
            completed_for=self.autoCompleteSetBy.reference() if self.autoCompleteSetBy else None,
        )


class PullRequests(ForeignModel):
    """The answer to a query by commits: for each query, commit → its pull requests."""

    results: Annotated[tuple[dict[str, tuple[PullRequestAnswer, ...]], ...], Field(max_length=8)] = ()


class MergeBase(ForeignModel):
    commitId: Commitish  # noqa: N815


class _Property(ForeignModel):
    value: Any = Field(default=None, alias="$value")
    """Text, a number or a time, depending on the property."""


class ServicePrincipal(ForeignModel):
    applicationId: Line = ""  # noqa: N815

    def client_id(self) -> str:
        return self.applicationId.casefold() if _GUID.fullmatch(self.applicationId) else ""


class IdentityEntry(ForeignModel):
    id: Id
    providerDisplayName: Line = ""  # noqa: N815
    subjectDescriptor: Line = ""  # noqa: N815
    properties: dict[str, _Property] = Field(default_factory=dict)

    def identity(self) -> run_source.Identity:
        """The identity, without an object id if Entra does not know it: the platform and its build services have a
        `Domain` that is not a tenant."""
        domain, object_id = self._text("Domain"), self._text(OBJECT_ID)
        in_entra = bool(_GUID.fullmatch(domain) and _GUID.fullmatch(object_id))
        return run_source.Identity(
            id=self.id.casefold(),
            object_id=object_id.casefold() if in_entra else "",
            tenant=domain.casefold() if in_entra else "",
            mail=self._text("Mail"),
            name=self.providerDisplayName,
            is_service=not in_entra or self._text("SchemaClassName").casefold() in _SERVICES,
        )

    @property
    def service_principal(self) -> str:
        """The descriptor of a service principal or a managed identity; empty for everybody else."""
        return self.subjectDescriptor if _SERVICE_PRINCIPAL.fullmatch(self.subjectDescriptor) else ""

    def _text(self, name: str) -> str:
        value = self.properties.get(name)
        return value.value[:_LONGEST] if value and isinstance(value.value, str) else ""
