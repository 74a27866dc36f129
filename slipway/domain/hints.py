"""A hint: a message from the front that wakes the worker and decides nothing.

Its subject is elsewhere: in the inbox, or at the system that ran a pipeline. A forged or lost hint only changes the
time at which the worker looks.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from .events import RunReported
from .inbox import InboxId
from .model import Digest, Record, Timestamp, sha256
from .sources import Source

PARTITION_PATTERN = r"^(?:_installation|[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?)$"
"""An application, or the whole installation."""


class InboxHint(Record):
    """A row waits in the inbox."""

    v: Literal[1] = 1
    hint: Literal["inbox"] = "inbox"
    application: Annotated[str, Field(pattern=PARTITION_PATTERN)]
    """The row's partition: an application, or `_installation`."""
    id: InboxId

    @property
    def message_id(self) -> str:
        return f"inbox-{self.application}-{self.id}"


class RunHint(Record):
    """A run has ended: the worker asks its source about it."""

    v: Literal[1] = 1
    hint: Literal["run"] = "run"
    report: RunReported

    @property
    def message_id(self) -> str:
        return self.report.mark


class UnreadableHint(Record):
    """The front could not read what a source sent, and may not park it: the content is in `incoming`, by its hash."""

    v: Literal[1] = 1
    hint: Literal["unreadable"] = "unreadable"
    source: Source
    reason: Annotated[str, Field(max_length=2000)]
    content: Digest

    @property
    def message_id(self) -> str:
        return f"unreadable-{self.source}-{self.content.removeprefix('sha256:')}"


class DeniedHint(Record):
    """The front denied a person something. The identity is the front's claim."""

    v: Literal[1] = 1
    hint: Literal["denied"] = "denied"
    caller: Annotated[str, Field(min_length=1, max_length=254)]
    permission: Annotated[str, Field(min_length=1, max_length=64)]
    """The permission that the person lacks."""
    times: Annotated[int, Field(ge=1)]
    """The number of denials since the last hint about this person."""
    at: Timestamp

    @property
    def message_id(self) -> str:
        """An id that all instances of the front share within an hour, so that the queue drops repeats."""
        whole = f"{self.caller} {self.permission} {self.at:%Y-%m-%dT%H}"
        return f"denied-{sha256(whole.encode()).removeprefix('sha256:')[:40]}"


type Hint = Annotated[InboxHint | RunHint | UnreadableHint | DeniedHint, Field(discriminator="hint")]
HINT: TypeAdapter[Hint] = TypeAdapter(Hint)
"""Parses a hint from JSON or Python data."""
