"""Proposed changes of the catalogue in the installation's partition: one guarded row each, and a mark while work on it
is left."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ..domain.audit import AuditDraft
from ..domain.model import sha256
from ..domain.proposing import ChangePlan, ProposedChange
from . import keys
from .blobs import Blobs
from .installation import InstallationLedger
from .rows import pack, read_row
from .table import Act, ReadOfEach, Row, UnreadableRow, Value, Write, gathered, read_each

MOST: Final = 100
"""The most changes that may wait at the same time."""


@dataclass(frozen=True, kw_only=True)
class StoredProposal:
    """A proposed change with the guard of its row."""

    change: ProposedChange | None
    """None if the change was never proposed."""
    etag: str = ""


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """Reads and writes proposed changes. Raises `LedgerUnavailable`."""

    installation: InstallationLedger
    evidence: Callable[[], Blobs]

    def current(self, hash: str) -> StoredProposal:
        row = self.installation.row(_key(hash))
        return (
            StoredProposal(change=read_row(ProposedChange, row), etag=row.etag) if row else StoredProposal(change=None)
        )

    def undecided(self) -> ReadOfEach[ProposedChange]:
        """The proposed changes on which work is left."""
        rows = self.installation.table.rows(keys.INSTALLATION, *keys.range_of(keys.UNDECIDED), limit=MOST)
        hashes = ["sha256:" + row.key.removeprefix(keys.UNDECIDED) for row in rows]
        current = gathered(read_each(hashes, self.current))
        changes = tuple(proposal.change for proposal in current.read if proposal.change is not None)
        return ReadOfEach(read=changes, not_shown=current.not_shown)

    def store(self, plan: ChangePlan) -> str:
        """Store the plan that people vote on; returns its hash."""
        return self.evidence().put(plan.canonical, "application/json")

    def plan(self, digest: str) -> ChangePlan | None:
        """The plan with this hash. Raises ValueError if it was changed."""
        content = self.evidence().get(digest)
        return ChangePlan.model_validate_json(content) if content is not None else None

    def row_of_statement(self, nonce: str) -> str | None:
        """The row of the inbox from which a proved statement about a proposed change was counted."""
        row = self.installation.row(_statement(nonce))
        return row.text("Inbox") if row else None

    def commit(
        self,
        before: StoredProposal,
        change: ProposedChange,
        drafts: Sequence[AuditDraft],
        *answer: Write,
        counted: tuple[str, str] | None = None,
        now: datetime,
    ) -> None:
        """Write the change with its records. `counted`: the nonce of a counted statement, and the row that it came by.

        Raises `Conflict` if somebody else has changed it, has counted the same statement, or has answered the same row.
        """
        act = Act.REPLACE if before.etag else Act.CREATE
        more = [Write(act=Act.PUT, key=keys.UNDECIDED + change.hash[7:], values={"Change": change.hash}), *answer]
        if counted is not None:
            nonce, inbox = counted
            values: dict[str, Value] = {"Kind": "statement", "At": now.isoformat(), "Refused": False, "Inbox": inbox}
            more.append(Write(act=Act.CREATE, key=_statement(nonce), values=values))
        guarded = Write(act=act, key=_key(change.hash), values=pack(change), etag=before.etag)
        self.installation.decide(drafts, guarded, *more, now=now)

    # ---- who was told
    def informed_channels(self, change: ProposedChange, what: str) -> frozenset[str]:
        """The channels on which people were told of the change."""
        row = self.installation.row(_notice_key(change, what))
        return frozenset(_channels(row))

    def note_informed(
        self, change: ProposedChange, what: str, channel: str, draft: AuditDraft, *, now: datetime
    ) -> None:
        key = _notice_key(change, what)
        channels = _channels(self.installation.row(key))
        values: dict[str, Value] = {"Channels": json.dumps(sorted({*channels, channel}))}
        self.installation.change(draft, key=key, values=values, now=now)

    def note_done(self, change: ProposedChange) -> None:
        """Note that no work is left for the change."""
        key = keys.UNDECIDED + change.hash[7:]
        if self.installation.row(key) is not None:
            self.installation.table.transact(keys.INSTALLATION, [Write(act=Act.DELETE, key=key)])


def _channels(row: Row | None) -> list[str]:
    """The channels in the row. An unreadable row counts as nobody told: twice is better than never."""
    try:
        channels = json.loads(row.text("Channels")) if row else []
    except (ValueError, RecursionError, UnreadableRow):
        return []
    return [channel for channel in channels if isinstance(channel, str)] if isinstance(channels, list) else []


def _key(hash: str) -> str:
    return keys.PROPOSED + hash[7:]


def _notice_key(change: ProposedChange, what: str) -> str:
    return f"{keys.PROPOSED_TOLD}{change.hash[7:]}!{change.opening}!{what}"


def _statement(nonce: str) -> str:
    return keys.seen(sha256(f"about a proposed change by proof {nonce}".encode())[7:])
