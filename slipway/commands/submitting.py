"""The front's half of changes of the catalogue: checks them as far as the front can, and adds a row to the inbox.

A mistake that the front can see is answered at once, without a row. A row changes nothing by itself: the worker judges
it again (`applying.py`).
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..catalogue.sent import SentDocuments
from ..catalogue.stored import StoredDocument
from ..domain.changing import MOST_LINES, ComparedSubject, line, within_room
from ..domain.inbox import InboxKind, InboxRow, Speaker
from ..domain.statement import CatalogueChange, CatalogueStatement, salt_of
from ..domain.versions import Subject
from ..inbound.reading import BadInput
from ..ledger.blobs import INCOMING_LIMIT, IncomingBlobs
from ..ledger.keys import INSTALLATION
from ..telemetry import carrier
from .comparing import SubjectChange
from .saying import InboxWriter, StatementReceipt
from .sorting import Sorting
from .speakers import actor_of


@dataclass(frozen=True, kw_only=True)
class ToConfirm:
    """A change that lets something through: no row is written until a person confirms it with a proof."""

    statement: CatalogueStatement
    content: tuple[str, ...]
    compared: tuple[ComparedSubject, ...]
    asks: tuple[str, ...] = ()
    """The gates whose approvers vote on it afterwards."""
    refused: tuple[SubjectChange, ...] = ()
    """Changes that are not part of the statement, because they are refused already."""


class ChangesReceipt(StatementReceipt):
    """The place of the answer, and the changes that are not in the row because they are refused already."""

    refused: tuple[SubjectChange, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Submitting:
    """Sends changes of the catalogue to the worker."""

    sorting: Sorting
    writer: InboxWriter
    incoming: Callable[[], IncomingBlobs]
    random: Callable[[int], bytes] = secrets.token_bytes

    def apply(
        self, documents: Sequence[StoredDocument], speaker: Speaker, *, reason: str, id: str = ""
    ) -> ChangesReceipt | ToConfirm | tuple[SubjectChange, ...]:
        """Ask the worker to apply the documents that are not refused already.

        Returns where the answer will be, or what a person has to confirm first, or all changes if all are refused.
        Raises ConfigError, `BadInput`, `LedgerUnavailable`.
        """
        sorted_changes = self.sorting.sort(documents, actor_of(speaker))
        changes = tuple(each.change for each in sorted_changes.goes)
        refused = tuple(each.change for each in sorted_changes.refused)
        if not changes:
            return refused
        stored = tuple(each.stored for each in sorted_changes.goes if each.stored is not None)
        sent = SentDocuments(salt=salt_of(self.random(16)), documents=stored).content
        if len(sent) > INCOMING_LIMIT:
            raise BadInput("documents", f"at most {INCOMING_LIMIT} bytes", f"{len(sent)} bytes")
        content = self.incoming().put(sent, "application/json")
        if not any(change.opens for change in changes):
            statement = self._say(changes, speaker, content=(content,), reason=reason, id=id)
            return ChangesReceipt(partition=statement.partition, id=statement.id, refused=refused)
        try:
            shown = within_room(tuple(map(compared_subject, changes)))
        except ValueError as much:
            raise BadInput("documents", "a change that one page can show", str(much)) from much
        return ToConfirm(
            statement=self._statement(changes, reason),
            content=(content,),
            compared=shown,
            asks=gates_asked(changes),
            refused=refused,
        )

    def remove(
        self, subject: Subject, speaker: Speaker, *, reason: str, id: str = ""
    ) -> StatementReceipt | tuple[SubjectChange, ...]:
        """Ask the worker to remove an application or a project. Returns the change if it is refused already.

        Raises `NotFound`, ConfigError, `BadInput`, `LedgerUnavailable`.
        """
        change = self.sorting.comparing.plan_removal(subject, actor_of(speaker)).change
        return (change,) if change.refused else self._say((change,), speaker, content=(), reason=reason, id=id)

    def _say(
        self, changes: Sequence[SubjectChange], speaker: Speaker, *, content: tuple[str, ...], reason: str, id: str
    ) -> StatementReceipt:
        row = InboxRow(
            kind=InboxKind.CATALOGUE,
            said=self._statement(changes, reason),
            speaker=speaker,
            content=content,
            trace=carrier(),
        )
        return self.writer.say(INSTALLATION, row, id=id)

    def _statement(self, changes: Sequence[SubjectChange], reason: str) -> CatalogueStatement:
        return CatalogueStatement(
            installation=self.writer.installation,
            salt=salt_of(self.random(16)),
            reason=reason,
            changes=tuple(
                CatalogueChange(subject=str(each.subject), before=each.before, after=each.after) for each in changes
            ),
        )


def gates_asked(changes: Sequence[SubjectChange]) -> tuple[str, ...]:
    """The gates whose approvers vote on the changes, in words; only the first ones if there are many."""
    texts = list(dict.fromkeys(line(old.asks) for change in changes for old in change.gates))
    if len(texts) > MOST_LINES:
        texts = [*texts[: MOST_LINES - 1], f"and {len(texts) - MOST_LINES + 1} more gates"]
    return tuple(texts)


def compared_subject(change: SubjectChange) -> ComparedSubject:
    """The change as it is shown to those who confirm it or vote on it."""
    return ComparedSubject(
        subject=str(change.subject),
        outcome=change.outcome,
        before=change.before,
        after=change.after,
        difference=tuple(map(line, change.difference)),
        weaker=tuple(map(line, change.weaker)),
        stalled=tuple(map(line, change.stalled)),
    )
