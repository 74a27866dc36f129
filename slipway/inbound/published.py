"""A run's own list of what it published: which attachment counts, and its content. Pure.

Any step of a run, code under test included, can print the command that attaches something. So only the document of the
publishing task, in the last attempt of its job, counts. A second document, or one from another task, is a contradiction
that somebody has to look at.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ..domain.model import Digest, sha256
from ..domain.run_source import Attachment, TimelineRecord
from ..domain.runs import Fact, PublishedList, Trust
from .reading import BadInput, read_as, read_json

ATTACHMENT_TYPE: Final = "slipway"
PUBLISHING_TASK: Final = "Tell Slipway what was published"
"""Display name of the step that publishes the document, as `pipelines/` writes it."""
DOCUMENT_LIMIT: Final = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class PublishedDocument:
    """A published document, parsed."""

    content: PublishedList
    hash: Digest


def document_of(
    attachments: Iterable[Attachment], timeline: Iterable[TimelineRecord]
) -> tuple[Attachment, TimelineRecord] | Fact:
    """The attachment that counts, with its task; otherwise a fact that says why there is none. The timeline has the
    last attempts."""
    records = {record.id: record for record in timeline}
    last = [attachment for attachment in attachments if attachment.record in records]
    if not last:
        return Fact(trust=Trust.NOT_PROVED, why="built by: not proved; the run does not say what it published")
    tasks = [records[attachment.record] for attachment in last]
    if len(last) > 1:
        task_names = ", ".join(repr(task.name[:80]) for task in tasks[:5])
        return Fact(trust=Trust.CONTRADICTED, why=f"{len(last)} documents say what the run published, by {task_names}")
    if tasks[0].type != "Task" or tasks[0].name != PUBLISHING_TASK:
        why = f"what the run published was said by {tasks[0].name[:80]!r}, not by the task {PUBLISHING_TASK!r}"
        return Fact(trust=Trust.CONTRADICTED, why=why)
    return last[0], tasks[0]


def read_document(content: bytes) -> PublishedDocument | Fact:
    """The document itself; or a fact that says why it cannot be read."""
    unread = "built by: not proved; what the run published cannot be read"
    if len(content) > DOCUMENT_LIMIT:
        return Fact(trust=Trust.NOT_PROVED, why=f"{unread}: it has more than {DOCUMENT_LIMIT} bytes")
    try:
        return PublishedDocument(content=read_as(PublishedList, read_json(content)), hash=sha256(content))
    except BadInput as bad:
        return Fact(trust=Trust.NOT_PROVED, why=f"{unread}: {bad}"[:1000])
