"""Messages that a pipeline itself sends with `PublishToAzureServiceBus@2`: the run and, ideally, the image that it
built."""

import re
import struct
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ..domain.events import RunReported
from ..domain.incoming import ForeignModel, Time
from ..domain.model import Digest, Repository, Tag
from .claims import claimed_run
from .reading import LARGEST_ID, BadInput, plausible_time, read_as, read_json

Short = Annotated[str, Field(max_length=256)]

_NOT_A_HOOK = (
    "a message of the type slipway.pipeline-completed/v1, as the pipeline templates send it (Azure DevOps' own events "
    "go to the app's address, by a subscription of the kind Web Hooks)"
)
_WRAPPER = b"@\x06string\x083http://schemas.microsoft.com/2003/10/Serialization/"
_LENGTHS = {0x98: "<B", 0x99: "<B", 0x9A: "<H", 0x9B: "<H", 0x9C: "<I", 0x9D: "<I"}
"""Format of the length of .NET binary XML text records, by record type. The odd types also end the element."""


_RESULTS = {
    "succeeded": "succeeded",
    "succeededwithissues": "partiallySucceeded",
    "partiallysucceeded": "partiallySucceeded",
    "failed": "failed",
    "skipped": "failed",  # skipped because something before it failed
    "canceled": "canceled",
}
"""The results of a run, in the words of the API and of a pipeline's variables, in upper or lower case."""


def _result(result: Any) -> Any:
    return _RESULTS.get(result.casefold(), result) if isinstance(result, str) else result


def _none_if_empty(value: Any) -> Any:
    """None for an empty text. A variable that the pipeline did not set arrives as its own name."""
    if isinstance(value, str) and (unset := re.fullmatch(r"\$\(([A-Za-z0-9_.]{1,80})\)", value)):
        raise ValueError(f"expected a value, but the variable {unset[1]} is not set")
    return None if value == "" else value


class _Image(ForeignModel):
    repository: Annotated[Repository, BeforeValidator(_none_if_empty)]
    digest: Annotated[Digest | None, BeforeValidator(_none_if_empty)] = None
    tag: Annotated[Tag | None, BeforeValidator(_none_if_empty)] = None


class _RunMessage(ForeignModel):
    type: Literal["slipway.pipeline-completed/v1"]
    organization: Short = ""
    project: Short
    projectId: Annotated[str, Field(max_length=64)] = ""  # noqa: N815 - names of the message
    pipeline: Short
    definition: int | None = Field(default=None, ge=0, le=LARGEST_ID)
    runId: int = Field(ge=0, le=LARGEST_ID)  # noqa: N815
    runNumber: Short  # noqa: N815
    result: Annotated[Literal["succeeded", "partiallySucceeded", "failed", "canceled"], BeforeValidator(_result)]
    branch: Annotated[str, Field(max_length=1024)] = ""
    commit: Annotated[str, Field(max_length=128)] = ""
    requestedBy: Annotated[str, Field(max_length=254)] = ""  # noqa: N815
    committedBy: Annotated[str, Field(max_length=254)] = ""  # noqa: N815
    finishedAt: Time | None = None  # noqa: N815
    image: _Image | None = None


def parse_run_message(body: bytes, *, now: datetime) -> RunReported:
    """Parse a completed run: a hint, with the image that the run says it built. Raises `BadInput`."""
    content = read_json(unwrap(body))
    if isinstance(content, dict) and "eventType" in content and "type" not in content:
        raise BadInput("body", _NOT_A_HOOK, f"a service hook's event {str(content['eventType'])[:100]!r}")
    message = read_as(_RunMessage, content)
    image = message.image
    run = claimed_run(
        organization=message.organization,
        project=message.project,
        project_id=message.projectId,
        pipeline=message.pipeline,
        definition=message.definition,
        id=message.runId,
        number=message.runNumber,
        result=message.result,
        branch=message.branch,
        commit=message.commit,
        finished_at=plausible_time(message.finishedAt, now),
        requester=message.requestedBy,
        committer=message.committedBy,
    )
    return RunReported(
        received_at=now,
        claims=run,
        repository=image.repository if image else None,
        digest=image.digest if image else None,
        tag=image.tag if image else None,
    )


def unwrap(body: bytes) -> bytes:
    """The text inside .NET's DataContract serialisation, if the sender used it; otherwise the body unchanged."""
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
