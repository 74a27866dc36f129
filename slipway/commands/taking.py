"""The worker's half of the inbox: reads a row, has it handled, and removes it once it is answered or parked.

A row may be handled any number of times, even by a hint and by reconcile at once. It is decided once, because its id
marks the decision and the answer is in the same transaction.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from ..ahead import ahead
from ..clock import Clock
from ..domain.answers import RowOutcome
from ..domain.errors import NotFound
from ..domain.inbox import InboxKind, InboxRow, Received
from ..effects.messaging import MessageTooLarge, QueueUnavailable
from ..engine.beginning import concerns
from ..engine.handle import Contended, UnknownTarget
from ..engine.parking import NotReplayable, Parking
from ..inbound.reading import BadInput, Ignored
from ..ledger import Conflict, Ledger, LedgerUnavailable
from ..ledger.blobs import IncomingBlobs
from ..ledger.inbox import SOURCE, Inbox, UnreadableInboxRow, parked_id
from ..ledger.table import UnreadableRow
from ..ledger.waiting import WaitingNotes
from ..telemetry import within_message as handling
from ..telemetry.redaction import unexpected

log = logging.getLogger(__name__)

ON_ITS_WAY = timedelta(seconds=20)
"""A row younger than this is left to its hint."""
MANY = 500
"""The most rows that one pass of reconcile takes."""
LONGEST_WAIT = timedelta(minutes=10)
"""A row is retried for this long after an unexpected error."""
LONGEST = timedelta(hours=24)
"""A row may wait this long for facts that it depends on."""


class CannotCount(Exception):  # noqa: N818
    """A statement can be neither counted nor recorded as refused; the message says why."""


class RowWaits(Exception):  # noqa: N818
    """The row cannot be handled yet; the message says what it waits for."""


type Handling = Callable[[Received], None]


@dataclass(frozen=True, kw_only=True)
class InboxReader:
    """Takes rows of the inbox."""

    inbox: Inbox
    ledger: Ledger
    waiting: WaitingNotes
    parking: Parking
    incoming: Callable[[], IncomingBlobs]
    """The store of content that is too large for a row."""
    handlers: Mapping[InboxKind, Handling]
    clock: Clock

    def take(self, partition: str, id: str) -> None:
        """Take one row. If it is gone, it was answered before, and nothing is done.

        Raises `LedgerUnavailable`, `KeysUnavailable`, `QueueUnavailable`, `Contended` and `Conflict`: try again.
        """
        concerns(partition)
        answer = ahead(partial(self.ledger.answer, partition, id))
        row = self.inbox.get(partition, id)
        if row is not None:
            self._take(row, answer)

    def take_all(self) -> tuple[str, ...]:
        """Take the rows whose hints should have come by now; returns the problems met."""
        problems = []
        try:
            for row in list(self.inbox.unread(limit=MANY)):
                if isinstance(row, UnreadableInboxRow) or row.received_at <= self.clock() - ON_ITS_WAY:
                    problems += self._tried(row)
        except LedgerUnavailable as away:
            problems.append(f"inbox: {away}")
        return tuple(problems)

    def _tried(self, row: Received | UnreadableInboxRow) -> list[str]:
        try:
            self._take(row, partial(self.ledger.answer, row.partition, row.id))
        except (LedgerUnavailable, QueueUnavailable, Contended, Conflict) as away:
            return [f"inbox, {row.partition} {row.id}: {away}"]
        return []

    def _take(self, row: Received | UnreadableInboxRow, answer: Callable[[], RowOutcome | None]) -> None:
        if isinstance(row, UnreadableInboxRow):
            self._park(row.partition, row.id, row.text, reason=row.problem)
        elif answer() is not None:
            self._remove_answered(row)  # answered by an instance that ended before removing it
        else:
            with handling(row.row.trace):
                self._handle(row)

    def _handle(self, row: Received) -> None:
        try:
            self.handlers[row.row.kind](row)
        except UnreadableRow as unreadable:
            self._leave(row, reason=str(unreadable), longest=LONGEST)
        except (LedgerUnavailable, QueueUnavailable, Contended, Conflict):
            raise
        except RowWaits as waits:
            self._leave(row, reason=str(waits), longest=LONGEST)
        except (
            BadInput,
            CannotCount,
            Ignored,
            MessageTooLarge,
            NotFound,
            NotReplayable,
            UnknownTarget,
        ) as wrong:
            self._park(row.partition, row.id, _without_secrets(row.row), reason=str(wrong))
        except Exception as error:
            log.exception("inbox: %s of %s went wrong", row.id, row.partition)
            self._leave(row, reason=unexpected(error), longest=LONGEST_WAIT)
        else:
            self._remove_answered(row)

    def _remove_answered(self, row: Received) -> None:
        """Remove an answered row: first the content beside it, so that none of it stays behind."""
        for digest in row.row.content:
            self.incoming().remove(digest)
        self.inbox.remove(row.partition, row.id)

    def _leave(self, row: Received, *, reason: str, longest: timedelta) -> None:
        """Leave the row for the next pass of reconcile; park it once it has waited too long."""
        if self.clock() - row.received_at >= longest:
            self._park(row.partition, row.id, _without_secrets(row.row), reason=reason)
        else:
            log.warning("inbox: %s of %s waits: %s", row.id, row.partition, reason)
            self.waiting.note(row.partition, row.id, reason)

    def _park(self, partition: str, id: str, text: str, *, reason: str) -> None:
        self.parking.park(source=SOURCE, reason=reason, body=text.encode(), id=parked_id(partition, id))
        self.inbox.remove(partition, id)


def _without_secrets(row: InboxRow) -> str:
    """The row in the form that may be kept and shown: without its credentials, which are the token of its proof, its
    link, and an application's token."""
    content = row.model_dump(mode="json", exclude_none=True, exclude={"link", "token"})
    if "proof" in content:
        content["proof"] = {"statement": content["proof"]["statement"]}
    return json.dumps(content, ensure_ascii=False)
