"""State of the whole installation: parked input, signing keys and its own audit chain."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from pydantic import Field

from ..domain.actions import Action
from ..domain.answers import RowOutcome
from ..domain.audit import AuditDraft, AuditRecord, chained
from ..domain.commands import Verb
from ..domain.errors import present
from ..domain.hints import DeniedHint
from ..domain.inbox import InboxKind
from ..domain.model import Record, Timestamp
from ..domain.release import Head
from ..domain.reports import Parked
from ..domain.signed_head import FREEZE, sign_head, state_hash
from ..domain.signing import PublicKeys, Signer
from ..domain.versions import Version
from . import keys
from .due import EVERYTHING, DueIndex
from .freezes import FreezeState, freeze_in
from .indexing import Indexer
from .rows import answer_writes, pack, pack_audit, read_or, read_row, unpack
from .table import Act, Conflict, Exists, Row, Table, UnreadableRow, Value, Write

BODY_LIMIT = 400_000
"""Maximum length of a stored body, in UTF-16 code units of its JSON; a Service Bus message has at most 256 KB."""
ATTEMPTS = 20
MOST_DENIED = 50
"""The most records of denied attempts in one hour; later ones are in the front's log alone."""
ID_PATTERN = r"[0-9a-z-]{1,64}"
"""Ids that are safe inside a row key; any other id counts as not found."""


class SigningKeys(Record):
    """The keys at the time of the last record about them."""

    ids: tuple[str, ...]
    """The ids of the private keys, never the keys themselves."""
    public: dict[str, str]
    """Public keys by id, as base64."""


class OpenParked(Record):
    """Marks parked input that nobody has replayed yet. Small, so that a page can read all of these rows."""

    id: str
    source: str
    reason: str = Field(max_length=200)
    parked_at: Timestamp


class DeniedThisHour(Record):
    """The people whose denied attempts were recorded in one hour."""

    hour: Timestamp
    recorded: tuple[str, ...] = Field(default=(), max_length=MOST_DENIED)
    """Caller and permission."""


class InstallationLedger:
    """The rows of the installation's partition."""

    def __init__(
        self,
        table: Table,
        indexer: Indexer | None = None,
        *,
        signer: Callable[[], Signer],
        keys: Callable[[], PublicKeys],
    ) -> None:
        """`signer` and `keys` are opened by the first record that is written."""
        self.table = self._table = table
        self._signer, self._keys = signer, keys
        self._indexer = indexer

    def park(
        self, *, id: str, source: str, reason: str, body: str, message_id: str, now: datetime, session: str = ""
    ) -> Parked:
        """Store input that cannot be handled. Parking the same id again changes nothing."""
        stored = _start_of(body)
        parked = Parked(
            id=id,
            source=source,
            reason=reason[:2000],
            body=stored,
            truncated=len(stored) < len(body),
            parked_at=now,
            message_id=message_id[:128],
            session=session[:128],
        )
        draft = AuditDraft(
            action=Action.INPUT_PARKED,
            actor="slipway",
            details={"id": id, "source": source, "reason": parked.reason, "message_id": parked.message_id},
        )
        key = keys.parked(id)
        if self._table.get(keys.INSTALLATION, key) is None:
            open_row = OpenParked(id=id, source=source, reason=reason[:200], parked_at=now)
            mark = Write(act=Act.PUT, key=keys.open_parked(id), values=pack(open_row))
            self._append(draft, Write(act=Act.CREATE, key=key, values=pack(parked)), mark, now=now)
        return parked

    def record_denied(self, hint: DeniedHint, *, now: datetime) -> bool:
        """Record a denied attempt; False if that was done in this hour, or if too many were recorded in it."""
        row = self._table.get(keys.INSTALLATION, keys.DENIED)
        hour = now.replace(minute=0, second=0, microsecond=0)
        this_hour = read_or(DeniedThisHour(hour=hour), row)
        pairs, pair = this_hour.recorded if this_hour.hour == hour else (), f"{hint.caller} {hint.permission}"
        if pair in pairs or len(pairs) >= MOST_DENIED:
            return False
        details = {"caller": hint.caller, "permission": hint.permission, "times": hint.times, "at": hint.at.isoformat()}
        draft = AuditDraft(action=Action.ACCESS_DENIED, actor="slipway", details=details)
        write = Write(act=Act.PUT, key=keys.DENIED, values=pack(DeniedThisHour(hour=hour, recorded=(*pairs, pair))))
        self._append(draft, write, now=now)
        return True

    def heartbeat(self, name: str, now: datetime) -> None:
        """Note that the timer of this name has run. Not recorded in the audit trail, as nobody decided it."""
        self._table.transact(
            keys.INSTALLATION, [Write(act=Act.PUT, key=keys.HEARTBEAT + name, values={"At": now.isoformat()})]
        )

    def last_heartbeat(self, name: str) -> datetime | None:
        row = self._table.get(keys.INSTALLATION, keys.HEARTBEAT + name)
        return row.moment("At") if row else None

    def record_replayed(self, parked: Parked, *, actor: str, now: datetime, inbox: str = "") -> None:
        """Record that the input was put back into its queue, and answer the row that ordered it."""
        draft = AuditDraft(
            action=Action.INPUT_REPLAYED, actor=actor, details={"id": parked.id, "source": parked.source}
        )
        write = Write(act=Act.PUT, key=keys.parked(parked.id), values=pack(parked.evolve(replayed_at=now)))
        answer = answer_writes(inbox, RowOutcome(kind=InboxKind.COMMAND, verb=Verb.REPLAY))
        self._append(draft, write, *answer, now=now, answers=keys.open_parked(parked.id))

    def record_keys(self, ids: tuple[str, ...], public: Mapping[str, bytes], *, now: datetime) -> bool:
        """Record the private keys that the worker holds (`ids`, newest first) and the installation's public keys, if
        either has changed; returns whether that is so. The record is signed with a key that was trusted before it."""
        row = self._table.get(keys.INSTALLATION, keys.SIGNING)
        signing_keys = read_or(SigningKeys(ids=(), public={}), row)
        current = SigningKeys(ids=ids, public={kid: base64.b64encode(key).decode() for kid, key in public.items()})
        if current == signing_keys:
            return False
        details = {
            "private": list(ids),
            "added": [kid for kid in ids if kid not in signing_keys.ids],
            "retired": [kid for kid in signing_keys.ids if kid not in ids],
            "public": current.public,
            "public_added": [kid for kid in current.public if kid not in signing_keys.public],
            "public_removed": [kid for kid, key in signing_keys.public.items() if current.public.get(kid) != key],
        }
        draft = AuditDraft(action=Action.KEYS_CHANGED, actor="slipway", details=details)
        write = Write(act=Act.PUT, key=keys.SIGNING, values=pack(current))
        self._append(draft, write, now=now)
        return True

    def retired_keys(self) -> frozenset[str]:
        """Ids of keys that were once recorded as the installation's, and whose private key the worker no longer
        holds."""
        row = self._table.get(keys.INSTALLATION, keys.SIGNING)
        signing_keys = read_or(SigningKeys(ids=(), public={}), row)
        return frozenset(signing_keys.public) - frozenset(signing_keys.ids)

    def parked(self, id: str) -> Parked | None:
        if re.fullmatch(ID_PATTERN, id) is None:
            return None
        row = self._table.get(keys.INSTALLATION, keys.parked(id))
        return read_row(Parked, row) if row else None

    def all_parked(self, *, limit: int = 200) -> Iterator[Parked]:
        """The parked input. Open input comes first, so that input replayed long ago cannot push it past the limit."""
        yielded = set[str]()
        for open_row in self.open_parked(limit=limit):
            if row := self._table.get(keys.INSTALLATION, keys.parked(open_row.id)):
                yielded.add(open_row.id)
                yield _parked(row)
        for row in self._table.rows(keys.INSTALLATION, *keys.range_of(keys.PARKED), limit=limit):
            parked = _parked(row)
            if len(yielded) < limit and parked.id not in yielded:
                yielded.add(parked.id)
                yield parked

    def open_parked(self, *, limit: int = 100) -> tuple[OpenParked, ...]:
        """Input that nobody has replayed yet, in one request."""
        rows = self._table.rows(keys.INSTALLATION, *keys.range_of(keys.OPEN), limit=limit)
        return tuple(map(_open_parked, rows))

    def note(self, draft: AuditDraft, *, key: str, values: Mapping[str, Value], now: datetime) -> bool:
        """Write a record once, together with the row `key` that marks it; False if that row exists already."""
        if self._table.get(keys.INSTALLATION, key) is not None:
            return False
        return self._append(draft, Write(act=Act.CREATE, key=key, values=values), now=now)

    def change(self, draft: AuditDraft, *, key: str, values: Mapping[str, Value], now: datetime) -> None:
        """Write a record together with the new values of the row `key`."""
        self._append(draft, Write(act=Act.PUT, key=key, values=values), now=now)

    def decide(self, drafts: Sequence[AuditDraft], guarded: Write, *more: Write, now: datetime) -> None:
        """Write records together with a guarded row.

        Raises `Conflict` if somebody else has changed that row meanwhile, or if one of the other rows exists already.
        """
        self._append(drafts, guarded, *more, now=now, guards=True)

    def row(self, key: str) -> Row | None:
        return self._table.get(keys.INSTALLATION, key)

    def set_freeze(
        self, state: FreezeState, draft: AuditDraft, *, etag: str, now: datetime, answer: Sequence[Write] = ()
    ) -> None:
        """Set or end the freeze of everything, and answer the row that ordered it.

        Every application becomes due, so that those that could not be told at once are told later. `etag` is "" if
        there was no freeze. Raises `Conflict` if the freeze has changed.
        """
        DueIndex(self._table).announce(EVERYTHING, now)
        act, mark = Act.REPLACE if etag else Act.CREATE, order_mark(state.submission, refused=False, now=now)
        self._append(draft, Write(act=act, key=keys.FREEZE, values=pack(state), etag=etag), mark, *answer, now=now)

    def record_refused_order(
        self, order: str, draft: AuditDraft, *, now: datetime, answer: Sequence[Write] = ()
    ) -> None:
        """Record an order that was refused, and answer the row that gave it."""
        self._append(draft, order_mark(order, refused=True, now=now), *answer, now=now)

    def reset(self, order: str, draft: AuditDraft, *, epoch: int, now: datetime, answer: Sequence[Write] = ()) -> None:
        """Begin an epoch: from here on, the rows say what is in force. Answers the row that ordered it."""
        self._append(draft, order_mark(order, refused=False, now=now), *answer, now=now, epoch=epoch)

    def _all_in_force(self) -> dict[str, str | None]:
        """The hashes that the head needs of everything that people put in force: the freeze of everything, and each
        project's version."""
        freeze = self._table.get(keys.INSTALLATION, keys.FREEZE)
        hashes: dict[str, str | None] = {FREEZE: state_hash(freeze_in(freeze)) if freeze else None}
        for row in self._table.rows(keys.INSTALLATION, *keys.range_of(keys.IN_FORCE)):
            version = read_row(Version, row)
            hashes[str(version.subject)] = version.document
        return hashes

    def record_answer(self, inbox: str, draft: AuditDraft, answered: RowOutcome, *, now: datetime) -> None:
        """Record the outcome of a row of the inbox, and answer the row. Idempotent."""
        (answer,) = answer_writes(inbox, answered)
        self._append(draft, answer, now=now)

    def answered(self, inbox: str) -> bool:
        """Whether the row was answered."""
        return self._table.get(keys.INSTALLATION, keys.answer(inbox)) is not None

    def answer_changes(self, inbox: str, answered: RowOutcome) -> None:
        """Answer a row whose changes are all recorded, each in its own chain. Idempotent."""
        try:
            self._table.transact(keys.INSTALLATION, answer_writes(inbox, answered))
        except Exists:
            return

    def was_refused(self, order: str) -> bool | None:
        """Whether an order that was handled before was refused; None for a new order."""
        row = self._table.get(keys.INSTALLATION, keys.seen(order))
        return row.flag("Refused") if row else None

    def _append(
        self,
        drafts: AuditDraft | Sequence[AuditDraft],
        write: Write,
        *more: Write,
        now: datetime,
        answers: str = "",
        guards: bool = False,
        epoch: int | None = None,
    ) -> bool:
        """Write records and their rows in one transaction; False if somebody else has created the same row.

        The head's ETag keeps the chain from forking. `answers` is the key of the `open!` row to delete, if it exists.
        `epoch` begins with these records. With `guards`, a change of the row `write` by somebody else is left to the
        caller.
        """
        drafted = [drafts] if isinstance(drafts, AuditDraft) else list(drafts)
        for _ in range(ATTEMPTS):
            records, end = self._chain(drafted, write, now=now, epoch=epoch)
            is_open = bool(answers) and self._table.get(keys.INSTALLATION, answers) is not None
            writes = [
                write,
                *more,
                *([Write(act=Act.DELETE, key=answers)] if is_open else []),
                end,
                *(Write(act=Act.CREATE, key=keys.audit(each.sequence), values=pack_audit(each)) for each in records),
            ]
            try:
                self._table.transact(keys.INSTALLATION, writes)
            except Conflict:
                if self._is_outdated(write, more, guards=guards):
                    raise
                if write.act is Act.CREATE and not guards and self._exists(write):
                    return False  # somebody else has created the same row
                continue
            if self._indexer is not None:
                self._indexer.follow(keys.INSTALLATION, records)
            return True
        raise Conflict(f"the installation's chain was busy for {ATTEMPTS} attempts")

    def _chain(
        self, drafts: Sequence[AuditDraft], write: Write, *, now: datetime, epoch: int | None
    ) -> tuple[tuple[AuditRecord, ...], Write]:
        """The drafts as the next records of the chain, and its signed end as a row."""
        row = self._table.get(keys.INSTALLATION, keys.HEAD)
        head = read_row(Head, row) if row else Head(application=keys.INSTALLATION)
        if epoch is not None:
            head = head.evolve(epoch=epoch)
        records, ended = chained(drafts, head=head, now=now, signer=self._signer())
        changes = {FREEZE: state_hash(unpack(FreezeState, write.values))} if write.key == keys.FREEZE else {}
        if epoch is not None:
            head, changes = Head(application=keys.INSTALLATION), self._all_in_force()
        ended = sign_head(ended, before=head, changes=changes, signer=self._signer(), keys=self._keys())
        act, etag = (Act.REPLACE, row.etag) if row else (Act.CREATE, "")
        return records, Write(act=act, key=keys.HEAD, values=pack(ended), etag=etag)

    def _is_outdated(self, write: Write, more: Sequence[Write], *, guards: bool) -> bool:
        """Whether the caller has to read again: somebody else has changed the guarded row, or created one of `more`."""
        if guards or write.key == keys.FREEZE:
            row = self._table.get(keys.INSTALLATION, write.key)
            if (row.etag if row else "") != write.etag:
                return True
        return guards and any(self._exists(each) for each in more if each.act is Act.CREATE)

    def _exists(self, write: Write) -> bool:
        return self._table.get(keys.INSTALLATION, write.key) is not None


def _parked(row: Row) -> Parked:
    """The parked input in the row. If the row cannot be read, the reason says so; a replay says it again."""
    try:
        return read_row(Parked, row)
    except UnreadableRow as unreadable:
        open_row = _unread(row, keys.PARKED, unreadable)
        return Parked(**dict(open_row) | {"reason": str(unreadable)[:2000]}, body="", truncated=True)


def _open_parked(row: Row) -> OpenParked:
    try:
        open_row = read_row(OpenParked, row)
    except UnreadableRow as unreadable:
        return _unread(row, keys.OPEN, unreadable)
    if keys.open_parked(open_row.id) == row.key:
        return open_row
    return _unread(row, keys.OPEN, UnreadableRow(row, "id: expected the one in the row's key"))


def _unread(row: Row, kind: str, unreadable: UnreadableRow) -> OpenParked:
    at = present(row.written_at, "the time at which the row was written")
    return OpenParked(id=row.key.removeprefix(kind), source="?", reason=str(unreadable)[:200], parked_at=at)


def order_mark(order: str, *, refused: bool, now: datetime) -> Write:
    """The mark of a handled order. Orders are few and their marks are never pruned, so a repeat is always recognised,
    however late."""
    values: dict[str, Value] = {"Kind": "order", "At": now.isoformat(), "Refused": refused}
    return Write(act=Act.CREATE, key=keys.seen(order), values=values)


def _start_of(body: str) -> str:
    """The longest of several beginnings that fits the row; a text message from a queue always fits whole."""
    while len(json.dumps(body, ensure_ascii=False).encode("utf-16-le")) // 2 > BODY_LIMIT:
        body = body[: max(len(body) * 3 // 4, 1)]
    return body
