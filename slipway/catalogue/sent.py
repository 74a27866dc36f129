"""The documents of one change on their way from front to worker: they are in `incoming`, named by their hash.

They have a salt, so no two changes share a blob. The worker removes the blob once the change was answered; the front
can add a blob but neither see nor replace one.
"""

from typing import Annotated, Literal

from pydantic import Field

from ..domain.model import Record, canonical
from ..domain.statement import MOST_CHANGES, Salt
from .stored import StoredDocument


class SentDocuments(Record):
    """Documents on their way to the worker."""

    v: Literal[1] = 1
    salt: Salt
    documents: Annotated[tuple[StoredDocument, ...], Field(min_length=1, max_length=MOST_CHANGES)]

    @property
    def content(self) -> bytes:
        return canonical(self.model_dump(mode="json"))
