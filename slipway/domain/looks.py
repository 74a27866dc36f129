"""Looks: questions of people that only the worker can answer, because the front lacks the right.

A row of the inbox orders a look. Its answer is in a row with a time to live, which the front reads.
"""

from datetime import timedelta
from typing import Any, Final, Literal

from pydantic import Field

from .inbox import InboxId, LookKind
from .model import Record, Timestamp
from .roles import Permission

LIFE: Final = timedelta(days=1)
"""How long an answer is kept."""
PERMISSIONS: Final[dict[LookKind, Permission]] = {
    LookKind.DOCTOR: Permission.DIAGNOSE,
    LookKind.REINDEX: Permission.REINDEX,
    LookKind.TARGETS: Permission.READ,
    LookKind.PUSHED: Permission.READ,
}


class LookAnswer(Record):
    """The result of a look."""

    v: Literal[1] = 1
    id: InboxId
    asked_by: str = Field(max_length=254)
    kind: LookKind
    subject: str
    asked_at: Timestamp
    answered_at: Timestamp
    answer: dict[str, Any]
    """Its shape depends on the kind: a check of the doctor, what a reindex compared and repaired, or targets."""
    expires_at: Timestamp
