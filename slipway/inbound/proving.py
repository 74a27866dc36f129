"""The rules of proving a run: what its source is asked, and what the answers prove.

A hook or a message names a run; everything else about the run is asked for by id, with the worker's identity. A fact
that cannot be known now, because the source is away, is waited for. A fact that can never be known is *not proved*,
with the reason, and opens nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from ..domain.events import PipelineCompleted, RunReported
from ..domain.run_source import Absent, Attachment, CannotKnow, RunAddress, RunInfo, SourceAnswer, TimelineRecord
from ..domain.runs import Fact, Run, Trust
from .behind import PeopleBehindChange, PeopleSource, people_behind
from .published import ATTACHMENT_TYPE, PublishedDocument, document_of, read_document
from .reading import plausible_time

RUNS_ON: Final = timedelta(seconds=30)
"""How soon a run that has not ended is asked for again: a hook may arrive before its source knows, and jobs are run
again."""
_NUMBER, _TEXT, _BRANCH, _FOLDER = 256, 256, 1024, 512


class RunSource(PeopleSource, Protocol):
    """A system that runs pipelines, asked about them. No method raises because of an answer."""

    def run(self, address: RunAddress) -> SourceAnswer[RunInfo]: ...

    def timeline(self, run: RunInfo) -> SourceAnswer[tuple[TimelineRecord, ...]]: ...

    def attachments(self, run: RunInfo, kind: str) -> SourceAnswer[tuple[Attachment, ...]]: ...

    def attachment(self, run: RunInfo, kind: str, attachment: Attachment) -> SourceAnswer[bytes]: ...


@dataclass(frozen=True, kw_only=True)
class AskLater:
    """The source cannot be asked now."""

    why: str
    after: timedelta
    goes_on: bool = False
    """Whether the source answers, and the run has not ended."""


@dataclass(frozen=True, kw_only=True)
class ProvedRun:
    """The source knows the run; each fact says whether it is proved."""

    run: Run
    document: PublishedDocument | None


@dataclass(frozen=True, kw_only=True)
class UnprovedRun:
    """The source does not know the run, or does not let us see it."""

    why: str


def prove(
    source: RunSource, report: RunReported, *, live: Sequence[str], now: datetime
) -> ProvedRun | UnprovedRun | AskLater:
    """Ask about the reported run. `live` are the commits that run in production now: everybody who has changed
    something since then is behind the change."""
    claims = report.claims
    address = RunAddress(organization=claims.organization, project=claims.project_id or claims.project, run=claims.id)
    match source.run(address):
        case Absent(why=why):
            return UnprovedRun(why=why)
        case CannotKnow(why=why, retryable=again, after=after):
            return AskLater(why=why, after=after) if again else UnprovedRun(why=why)
        case RunInfo() as run:
            return _judged(source, run, live=live, now=now)


def _judged(source: RunSource, run: RunInfo, *, live: Sequence[str], now: datetime) -> ProvedRun | AskLater:
    if not run.completed:
        return AskLater(why=f"run {run.number} goes on", after=RUNS_ON, goes_on=True)
    published = _published(source, run)
    if isinstance(published, AskLater):
        return published
    built, document = published
    people = people_behind(source, run, live=live)
    if isinstance(people, CannotKnow):
        return AskLater(why=people.why, after=people.after)
    return ProvedRun(run=_run(run, built, people, document, now), document=document)


def _published(source: RunSource, run: RunInfo) -> tuple[Fact, PublishedDocument | None] | AskLater:
    """The document that the run published, if the run can publish one."""
    attachments, timeline = source.attachments(run, ATTACHMENT_TYPE), source.timeline(run)
    for listed in (attachments, timeline):
        if isinstance(listed, CannotKnow) and listed.retryable:
            return AskLater(why=listed.why, after=listed.after)
    if isinstance(attachments, Absent | CannotKnow) or isinstance(timeline, Absent | CannotKnow):
        missing = attachments if isinstance(attachments, Absent | CannotKnow) else timeline
        return _unknown(missing.why if isinstance(missing, Absent | CannotKnow) else ""), None
    published = document_of(attachments, timeline)
    if isinstance(published, Fact):
        return published, None
    attachment, task = published
    content = source.attachment(run, ATTACHMENT_TYPE, attachment)
    match content:
        case Absent(why=why):
            return _unknown(why), None
        case CannotKnow():
            return (
                AskLater(why=content.why, after=content.after) if content.retryable else (_unknown(content.why), None)
            )
    document = read_document(content)
    if isinstance(document, Fact):
        return document, None
    image = document.content
    why = f"run {run.number} says so itself: {task.name!r} published {image.repository}@{image.digest}"
    return Fact(trust=Trust.PROVED, why=why), document


def _unknown(why: str) -> Fact:
    return Fact(trust=Trust.NOT_PROVED, why=f"built by: not proved; {why}"[:1000])


def _run(
    run: RunInfo, built: Fact, people: PeopleBehindChange, document: PublishedDocument | None, now: datetime
) -> Run:
    gone = ", which has been deleted since" if run.deleted else ""
    return Run(
        organization=run.organization,
        project=run.project[:_TEXT],
        project_id=run.project_id[:64],
        pipeline=run.pipeline[:_TEXT],
        folder=run.folder[:_FOLDER],
        definition=run.definition,
        id=run.id,
        number=run.number[:_NUMBER],
        result=run.result[:64],
        branch=run.branch[:_BRANCH],
        commit=run.commit[:128],
        finished_at=plausible_time(run.finished_at, now),
        proof=Fact(trust=Trust.PROVED, why=f"Azure DevOps tells of it by id{gone}"),
        built=built,
        behind=people.fact,
        people=people.people,
        all_named=people.all_named,
        document=document.hash if document else None,
    )


def proved_events(report: RunReported, proved: ProvedRun) -> tuple[PipelineCompleted, ...]:
    """The events of a proved run: the run with the image that it published, and the refusal of any other image that a
    message names."""
    image = proved.document.content if proved.document else None
    completed = report.completed(proved.run)
    if image is None:
        # No document says which image it is: the one in the message is only claimed, and is used to find the release.
        return (completed,)
    own = image.digest == report.digest or report.digest is None
    genuine = completed.evolve(
        repository=image.repository, digest=image.digest, tag=report.tag if report.digest == image.digest else None
    )
    if own and report.repository in (None, image.repository):
        return (genuine,)
    names = f"{report.repository or image.repository}{f'@{report.digest}' if report.digest else ''}"
    why = f"run {proved.run.number} published {image.repository}@{image.digest}, and its message names {names}"
    return (completed.evolve(refused=why), genuine)
