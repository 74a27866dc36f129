"""The questions to Azure DevOps about a run, asked by ids alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from slipway.domain.incoming import ForeignModel
from slipway.domain.run_source import (
    Absent,
    Attachment,
    CannotKnow,
    CommitInfo,
    CommitSummary,
    Identity,
    PullRequest,
    RunAddress,
    RunInfo,
    SourceAnswer,
    TimelineRecord,
)

from . import _shapes as shapes
from ._endpoints import Endpoints, in_preview, is_organization, is_project
from ._http import Exchange, JsonResponse, OnlyInPreview

_CONTINUES: Final = "x-ms-continuationtoken"
"""The header that names the next page; nothing else does."""
_TOP: Final = 100
_PEOPLE_AT_ONCE: Final = 50


class AzureDevOps:
    """Azure DevOps, asked with one identity. Its methods return a `SourceAnswer`, and no answer makes them raise."""

    def __init__(self, exchange: Exchange, endpoints: Endpoints) -> None:
        self._exchange, self._at = exchange, endpoints

    # ---- the run
    def run(self, address: RunAddress) -> SourceAnswer[RunInfo]:
        """The run, even if it was deleted, for as long as the source keeps it."""
        if not is_project(address.project) or not is_organization(address.organization):
            return Absent(f"{str(address)[:128]!r} cannot be in Azure DevOps: no such names are possible there")
        return self._get_entry(
            shapes.Build,
            lambda build: build.run_info(address.organization),
            address.organization,
            (address.project, "_apis", "build", "builds", address.run),
            subject=str(address),
        )

    def pipeline(self, organization: str, project: str, definition: int) -> SourceAnswer[str]:
        """The name of a pipeline, with its folder."""
        if not is_project(project) or not is_organization(organization):
            return Absent(f"{organization[:64]!r} and {project[:64]!r} cannot be an organization and its project")
        steps = (project, "_apis", "build", "definitions", definition)
        return self._get_entry(
            shapes.BuildDefinition,
            lambda found: found.full_name(),
            organization,
            steps,
            subject=f"pipeline {definition}",
        )

    def timeline(self, run: RunInfo) -> SourceAnswer[tuple[TimelineRecord, ...]]:
        """The lines of the last attempts."""
        return self._get_entry(
            shapes.Timeline,
            lambda found: found.records_read(),
            run.organization,
            (*_steps_of_build(run), "timeline"),
            subject=f"the timeline of run {run.number}",
        )

    def attachments(self, run: RunInfo, kind: str) -> SourceAnswer[tuple[Attachment, ...]]:
        """The attachments of this type by tasks of the run, in any attempt."""
        what = f"what run {run.number} published"
        entries = self._get_entries(
            shapes.AttachmentEntry, run.organization, (*_steps_of_build(run), "attachments", kind), subject=what
        )
        if not isinstance(entries, tuple):
            return entries
        attachments = tuple(entry.attachment() for entry in entries)
        if None in attachments:
            return _unreadable(what)
        return tuple(attachment for attachment in attachments if attachment is not None)

    def attachment(self, run: RunInfo, kind: str, attachment: Attachment) -> SourceAnswer[bytes]:
        steps = (*_steps_of_build(run), attachment.timeline, attachment.record, "attachments", kind, attachment.name)
        url = self._url(self._at.main, run.organization, *steps)
        most = self._exchange.limits.attachment_bytes
        answer = self._get(url, subject=f"what run {run.number} published", most=most)
        return answer.body if isinstance(answer, JsonResponse) else answer

    def changes(self, run: RunInfo) -> SourceAnswer[tuple[CommitSummary, ...]]:
        """The commits since the previous run of this pipeline on this branch, the newest first."""
        what = f"the changes of run {run.number}"
        listed = self._get_entries(
            shapes.BuildChange, run.organization, (*_steps_of_build(run), "changes"), subject=what, paged=True
        )
        return tuple(change.summary() for change in listed) if isinstance(listed, tuple) else listed

    # ---- its commits
    def commit(self, run: RunInfo, id: str) -> SourceAnswer[CommitInfo]:
        """One commit of the run's repository, with its parents and who pushed it."""
        steps = (*_repository(run), "commits", id)
        return self._get_entry(shapes.Commit, lambda c: c.info(), run.organization, steps, subject=f"commit {id[:12]}")

    def merge_bases(self, run: RunInfo, one: str, other: str) -> SourceAnswer[tuple[str, ...]]:
        steps = (*_repository(run), "commits", one, "mergebases")
        what = f"where {one[:12]} and {other[:12]} have parted"
        listed = self._get_entries(
            shapes.MergeBase, run.organization, steps, subject=what, query={"otherCommitId": other}
        )
        return tuple(base.commitId.casefold() for base in listed) if isinstance(listed, tuple) else listed

    def commits(self, run: RunInfo, old: str, new: str) -> SourceAnswer[tuple[CommitInfo, ...]]:
        """The commits of `new` that `old` lacks, with the person who pushed each; without parents, which lists do not
        contain.

        The list is complete only if `old` is an ancestor of `new`; the caller has asked for the merge base to know
        that.
        """
        query: dict[str, object] = {"searchCriteria.includePushData": "true"}
        for name, id in (("itemVersion", old), ("compareVersion", new)):
            query |= {f"searchCriteria.{name}.version": id, f"searchCriteria.{name}.versionType": "commit"}
        what = f"the commits from {old[:12]} to {new[:12]}"
        commits: list[CommitInfo] = []
        for _ in range(self._exchange.limits.pages):
            part = {"searchCriteria.$top": _TOP, "searchCriteria.$skip": len(commits)}
            steps = (*_repository(run), "commits")
            entries = self._get_entries(shapes.Commit, run.organization, steps, subject=what, query={**query, **part})
            if not isinstance(entries, tuple):
                return entries
            if not entries:
                return tuple(commits)
            commits += [entry.info() for entry in entries]
        return CannotKnow(f"{what} are more than {len(commits)}")

    def pull_requests(self, run: RunInfo, commits: Sequence[str]) -> SourceAnswer[tuple[PullRequest, ...]]:
        """The pull requests that brought these commits, each once."""
        url = self._url(self._at.main, run.organization, *_repository(run), "pullrequestquery")
        body = {"queries": [{"type": kind, "items": list(commits)} for kind in ("lastMergeCommit", "commit")]}
        what = f"the pull requests of run {run.number}"
        answer = self._exchange.ask("POST", url, subject=what, body=body)
        listed = _read(shapes.PullRequests, answer, what)
        if not isinstance(listed, shapes.PullRequests):
            return listed
        each = (entry for result in listed.results for entries in result.values() for entry in entries)
        return tuple({entry.pullRequestId: entry.pull_request() for entry in each}.values())

    def commits_of(self, run: RunInfo, pull_request: int) -> SourceAnswer[tuple[str, ...]]:
        """Ids of a pull request's own commits, which no branch leads to any more after a squash."""
        steps: tuple[str | int, ...] = (*_repository(run), "pullRequests", pull_request, "commits")
        what = f"the commits of pull request {pull_request}"
        listed = self._get_entries(shapes.Commit, run.organization, steps, subject=what, paged=True)
        return tuple(commit.commitId.casefold() for commit in listed) if isinstance(listed, tuple) else listed

    # ---- people
    def identities(self, organization: str, ids: Sequence[str]) -> SourceAnswer[tuple[Identity, ...]]:
        """The people behind these ids of Azure DevOps; unknown ids are left out."""
        identities: list[Identity] = []
        for start in range(0, len(ids), _PEOPLE_AT_ONCE):
            some = ",".join(ids[start : start + _PEOPLE_AT_ONCE])
            batch = self._people(organization, identityIds=some)
            if not isinstance(batch, tuple):
                return batch
            identities += batch
        return tuple(identities)

    def identities_named(self, organization: str, mail: str) -> SourceAnswer[tuple[Identity, ...]]:
        """Everybody with this address or account; if there are several, it is not known who is meant."""
        return self._people(organization, searchFilter="General", filterValue=mail)

    def _people(self, organization: str, **query: object) -> SourceAnswer[tuple[Identity, ...]]:
        what = "who people are"
        url = self._url(self._at.people, organization, "_apis", "identities", queryMembership="None", **query)
        entries = _entries(shapes.IdentityEntry, self._get(url, subject=what), what, gaps=True)
        if not isinstance(entries, tuple):
            return entries
        identities = list[Identity]()
        for entry in entries:
            descriptor = entry.service_principal
            client = self.service_named(organization, descriptor) if descriptor else ""
            if isinstance(client, CannotKnow) and client.retryable:
                return client
            identities.append(entry.identity().evolve(client_id=client if isinstance(client, str) else ""))
        return tuple(identities)

    def service_named(self, organization: str, descriptor: str) -> SourceAnswer[str]:
        """The application's id of a service principal, which `identities` leaves out."""
        what = "who a service principal is"
        url = self._url(self._at.people, organization, "_apis", "graph", "serviceprincipals", descriptor)
        entry = _read(shapes.ServicePrincipal, self._get(url, subject=what), what)
        return entry.client_id() if isinstance(entry, shapes.ServicePrincipal) else entry

    # ---- reading
    def _url(self, host: str, organization: str, *steps: str | int, **query: object) -> str:
        return self._at.url(host, organization, *steps, **query)

    def _get(self, url: str, *, subject: str, most: int | None = None) -> JsonResponse | Absent | CannotKnow:
        """Get the URL; once more as a preview if the released version is not accepted."""
        answer = self._exchange.ask("GET", url, subject=subject, most=most)
        if isinstance(answer, OnlyInPreview):
            return self._exchange.ask("GET", in_preview(url), subject=subject, most=most)
        return answer

    def _get_entry[M: ForeignModel, T](
        self, model: type[M], of: Callable[[M], T], organization: str, steps: Sequence[str | int], *, subject: str
    ) -> SourceAnswer[T]:
        answer = self._get(self._url(self._at.main, organization, *steps), subject=subject)
        entry = _read(model, answer, subject)
        return of(entry) if isinstance(entry, model) else _absent_or_unknown(entry)

    def _get_entries[M: ForeignModel](
        self,
        model: type[M],
        organization: str,
        steps: Sequence[str | int],
        *,
        subject: str,
        query: Mapping[str, object] | None = None,
        paged: bool = False,
    ) -> SourceAnswer[tuple[M, ...]]:
        """Every page of a list, or none of it: half a list proves nothing."""
        listed: list[M] = []
        page: Mapping[str, object] = {"$top": _TOP} if paged else {}
        for _ in range(self._exchange.limits.pages):
            url = self._url(self._at.main, organization, *steps, **(query or {}), **page)
            answer = self._get(url, subject=subject)
            entries = _entries(model, answer, subject)
            if not isinstance(entries, tuple):
                return entries
            listed += entries
            following = answer.headers.get(_CONTINUES) if isinstance(answer, JsonResponse) else None
            if not following:
                return tuple(listed)
            page = {"$top": _TOP, "continuationToken": following}
        return CannotKnow(f"{subject}: the list has more than {self._exchange.limits.pages} pages")


def _steps_of_build(run: RunInfo) -> tuple[str | int, ...]:
    return (run.project_id, "_apis", "build", "builds", run.id)


def _repository(run: RunInfo) -> tuple[str, ...]:
    return (run.project_id, "_apis", "git", "repositories", run.repository)


def _read[M: ForeignModel](
    model: type[M], answer: JsonResponse | Absent | CannotKnow, subject: str
) -> M | Absent | CannotKnow:
    if not isinstance(answer, JsonResponse):
        return answer
    try:
        return model.model_validate(answer.json())
    except ValidationError:
        return _unreadable(subject)


def _entries[M: ForeignModel](
    model: type[M], answer: JsonResponse | Absent | CannotKnow, subject: str, *, gaps: bool = False
) -> tuple[M, ...] | Absent | CannotKnow:
    """The entries of a list. With `gaps`, null may stand for an entry that does not exist."""
    if not isinstance(answer, JsonResponse):
        return answer
    content = answer.json()
    entries = content.get("value") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        return _unreadable(subject)
    try:
        return tuple(model.model_validate(entry) for entry in entries if entry is not None or not gaps)
    except ValidationError:
        return _unreadable(subject)


def _absent_or_unknown(found: object) -> Absent | CannotKnow:
    if isinstance(found, Absent | CannotKnow):
        return found
    raise TypeError(type(found).__name__)


def _unreadable(subject: str) -> CannotKnow:
    return CannotKnow(f"Azure DevOps' answer about {subject} is not one that Slipway can read")
