"""The outcome of a statement: received, counted, refused or parked."""

import re
from dataclasses import dataclass

from ..domain.answers import RowOutcome, StatementState
from ..domain.errors import NotFound
from ..domain.inbox import is_inbox_id
from ..domain.model import NAME_PATTERN, Record, Timestamp
from ..ledger import Ledger
from ..ledger.inbox import Inbox, UnreadableInboxRow, parked_id
from ..ledger.installation import InstallationLedger
from ..ledger.keys import INSTALLATION
from ..ledger.waiting import WaitingNotes


class Reply(Record):
    """The outcome of one row of the inbox."""

    partition: str
    """The application, or `_installation`."""
    id: str
    state: StatementState
    received_at: Timestamp | None = None
    """Set while it is only received."""
    waits_for: str = ""
    """Why it cannot be decided yet; empty if its turn has not come."""
    answered: RowOutcome | None = None
    """Set once it was counted or refused."""
    reason: str = ""
    """Why it was parked; empty if it was not."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Reads answers. It needs only a right to read."""

    ledger: Ledger
    inbox: Inbox
    installation: InstallationLedger
    waiting: WaitingNotes

    def reply(self, partition: str, id: str) -> Reply:
        """The outcome of the row with this id. Raises `NotFound` if there was none, or so long ago that its answer is
        no longer kept."""
        exists = partition == INSTALLATION or re.fullmatch(NAME_PATTERN, partition) is not None
        if not exists or not is_inbox_id(id):  # storage would refuse such a key, and it is not a row's
            raise _nothing(partition, id)
        answered, why = self.waiting.answered(partition, id)
        if answered is not None:
            return _answer(partition, id, answered)
        row = self.inbox.get(partition, id)
        if row is not None:
            at = None if isinstance(row, UnreadableInboxRow) else row.received_at
            return Reply(partition=partition, id=id, state=StatementState.RECEIVED, received_at=at, waits_for=why)
        if (answered := self.ledger.answer(partition, id)) is not None:
            return _answer(partition, id, answered)  # answered between the two looks
        parked = self.installation.parked(parked_id(partition, id))
        if parked is None:
            raise _nothing(partition, id)
        return Reply(partition=partition, id=id, state=StatementState.PARKED, reason=parked.reason)


def _answer(partition: str, id: str, answered: RowOutcome) -> Reply:
    state = StatementState.REFUSED if answered.refused else StatementState.COUNTED
    return Reply(partition=partition, id=id, state=state, answered=answered)


def _nothing(partition: str, id: str) -> NotFound:
    return NotFound(f"nothing with the id {id[:40]!r} was said about {partition[:60]}")
