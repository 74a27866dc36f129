"""Messages that a pipeline sends itself with `PublishToAzureServiceBus@2`: the run and, ideally, the image it built."""

import struct
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from ..domain.events import PipelineCompleted
from ..domain.incoming import Incoming, Time
from ..domain.model import Digest, Repository, Tag
from ..domain.release import Run
from .reading import LARGEST_ID, BadInput, by_now, read_as, read_json

Short = Annotated[str, Field(max_length=256)]

_WRAPPER = b"@\x06string\x083http://schemas.microsoft.com/2003/10/Serialization/"
_LENGTHS = {0x98: "<B", 0x99: "<B", 0x9A: "<H", 0x9B: "<H", 0x9C: "<I", 0x9D: "<I"}
"""Format of the length of .NET binary XML text records, by record type. The odd types also end the element."""


class _Image(Incoming):
    repository: Repository
    digest: Digest | None = None
    tag: Tag | None = None


class _RunMessage(Incoming):
    type: Literal["slipway.pipeline-completed/v1"]
    organization: Short = ""
    project: Short
    pipeline: Short
    runId: int = Field(ge=0, le=LARGEST_ID)  # noqa: N815 - names of the message
    runNumber: Short  # noqa: N815
    result: Literal["succeeded", "partiallySucceeded", "failed", "canceled"]
    branch: Annotated[str, Field(max_length=1024)] = ""
    commit: Annotated[str, Field(max_length=128)] = ""
    requestedBy: Annotated[str, Field(max_length=254)] = ""  # noqa: N815
    committedBy: Annotated[str, Field(max_length=254)] = ""  # noqa: N815
    url: Annotated[str, Field(max_length=2048)] = ""
    finishedAt: Time | None = None  # noqa: N815
    image: _Image | None = None


def parse_run_message(body: bytes, *, now: datetime) -> PipelineCompleted:
    """Parse a completed run. Raises `BadInput`."""
    message = read_as(_RunMessage, read_json(unwrap(body)))
    image = message.image
    run = Run(
        organization=message.organization,
        project=message.project,
        pipeline=message.pipeline,
        id=message.runId,
        number=message.runNumber,
        result=message.result,
        branch=message.branch,
        commit=message.commit,
        requested_by=message.requestedBy,
        committed_by=message.committedBy,
        url=message.url if message.url.startswith("https://") else "",
        finished_at=by_now(message.finishedAt, now),
    )
    return PipelineCompleted(
        received_at=now,
        run=run,
        repository=image.repository if image else None,
        digest=image.digest if image else None,
        tag=image.tag if image else None,
    )


def unwrap(body: bytes) -> bytes:
    """The text inside .NET's DataContract serialisation, if the sender used it; otherwise the body as it is."""
    if not body.startswith(_WRAPPER):
        return body
    rest = body[len(_WRAPPER) :]
    length_form = _LENGTHS.get(rest[0]) if rest else None
    if length_form is None:
        raise BadInput("body", "a text record inside the DataContract wrapper", f"record {rest[:1].hex() or 'nothing'}")
    size = struct.calcsize(length_form)
    if len(rest) < 1 + size:
        raise BadInput("body", "a whole text record", "the start of one")
    (length,) = struct.unpack_from(length_form, rest, 1)
    text = rest[1 + size : 1 + size + length]
    if len(text) != length:
        raise BadInput("body", f"a text of {length} bytes", f"{len(text)} bytes")
    return text
