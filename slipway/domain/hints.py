"""A hint: a message of the front that wakes the worker and decides nothing.

What it is about lies elsewhere: in the inbox, or at the system that ran a pipeline. Whoever forges or loses one changes
only when the worker looks.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from .inbox import InboxId
from .model import Record

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


HINT: TypeAdapter[InboxHint] = TypeAdapter(InboxHint)
"""Parses a hint from JSON or Python data."""
