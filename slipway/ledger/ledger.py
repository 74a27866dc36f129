"""Loads a snapshot of an application, and commits a decision: all of it in one entity-group transaction, or nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial

from ..ahead import ahead
from ..domain.answers import RowOutcome, answer_to, inbox_of
from ..domain.audit import AuditRecord, chained
from ..domain.decide import Decision
from ..domain.events import CommandGiven, Event
from ..domain.release import Head, Lane, Release
from ..domain.rules import not_passed
from ..domain.signed_head import VERSION, blocks_changed, releases_changed, sign_head
from ..domain.signing import PublicKeys, Signer
from ..domain.snapshot import Lookups, Policy, Snapshot, StoredState
from . import keys
from .archive import Archive
from .blobs import Blobs, LateBlobs
from .due import DueIndex
from .freezes import freeze_of_everything, not_ended
from .neighbours import ApplicationRows, InstallationRows, Nearby
from .rows import (
    OutboxEntry,
    answer_writes,
    outbox_entry,
    outbox_writes,
    pack,
    read_row,
    record_writes,
    state_writes,
    unpack_audit,
)
from .table import Act, Conflict, Exists, Row, Table, Write, delete_rows
from .under_way import ProgressRows

BETWEEN = 40
"""Extra rows read with an application's newest releases: the head, the lanes, messages, and what steps have noted."""
CLOSE = 4
"""More releases than this are read in one range request, unless the range has more than this many rows for each of
them."""


class AlreadySeen(Exception):  # noqa: N818 - not an error: the event was handled before
    """The event was handled before; nothing is left to do."""


@dataclass(frozen=True, kw_only=True)
class LoadedSnapshot:
    """A snapshot, with the ETags that guard it."""

    snapshot: Snapshot
    etags: Mapping[str, str]
    version: str | None
    """Hash of the application's version in force, read together with the head; None if it has none."""


@dataclass(frozen=True, kw_only=True)
class CommitResult:
    """The work that follows a commit: messages to send, and records to add to the audit index."""

    entries: tuple[OutboxEntry, ...]
    records: tuple[AuditRecord, ...]


class Ledger:
    """The store of state, audit trail and outbox: one table, with one partition per application."""

    def __init__(
        self,
        table: Table,
        *,
        signer: Callable[[], Signer],
        keys: Callable[[], PublicKeys],
        documents: Callable[[], Blobs] | None = None,
    ) -> None:
        """`signer`, `keys` and `documents` are opened on first use. Only commits need the signer. Without `documents`
        there is no archive."""
        self.table = table
        self._signer, self._keys = signer, keys
        self._documents = documents
        self.under_way = ProgressRows(table)
        self.due = DueIndex(table)
        self._written = dict[str, int]()  # how far this process has written each chain

    @property
    def public_keys(self) -> PublicKeys:
        """The keys that verify the ledger's records."""
        return self._keys()

    # ---- load
    def load(self, policy: Policy, lookups: Lookups, *, nearby: Nearby | None = None) -> LoadedSnapshot:
        """A snapshot of the application with the releases that `lookups` names.

        One request reads the head, the lanes and the newest releases, or only the release that is named; every other
        release and pointer takes its own request. Rows that were read before (`nearby`) are not read again: if they
        have changed, the commit fails. Raises `LedgerUnavailable`.
        """
        partition = policy.application.application
        rows, releases, etags = self._first_rows(partition, lookups, nearby)
        head, lanes = rows.head or self._new_head(partition), rows.lanes
        # Both are read after the head, so that its ETag guards them.
        digests_read = ahead(partial(self._pointers, partition, lookups.digest, keys.artifact))
        tags = self._pointers(partition, lookups.tag, keys.tag)
        digests = digests_read()
        numbers = {*digests.values(), *tags.values(), *lookups.numbers(head, lanes.values())}
        releases |= self._read_releases(partition, numbers - releases.keys(), etags)
        stored = StoredState(head=head, lanes=lanes, releases=releases, digests=digests, tags=tags, waits=rows.waits)
        snapshot = policy.snapshot(stored, lookups.tag)
        return LoadedSnapshot(snapshot=snapshot, etags=etags, version=rows.version)

    def _first_rows(
        self, partition: str, lookups: Lookups, nearby: Nearby | None
    ) -> tuple["ApplicationRows", dict[int, Release], dict[str, str]]:
        """The head, the lanes and releases beside them, from `nearby` or in one request, with the rows' ETags."""
        if nearby is not None and self._written.get(partition, 0) > nearby.sequence:
            nearby = None
        if nearby is None and not lookups.newest and len(lookups.releases) == 1:
            nearby = self.nearby(partition, lookups.releases[0])
        etags = dict[str, str]()
        if lookups.newest:
            return *self._newest(partition, lookups.newest, etags), etags
        if nearby is None:
            return self._rows(partition, etags, notes=lookups.waits), {}, etags
        releases = {nearby.release.number: nearby.release} if nearby.release else {}
        return nearby.rows, releases, dict(nearby.etags)

    def nearby(self, application: str, number: int) -> Nearby:
        """The head, the lanes and the release in one request, unless many newer releases or messages lie between."""
        rows, etags, release, count, room = ApplicationRows(), dict[str, str](), None, 0, BETWEEN
        for row in self.table.rows(application, keys.HEAD, keys.release(number), limit=room):
            count += 1
            if row.key == keys.release(number):
                release = read_row(Release, row)
            else:
                rows.take(row)
            etags[row.key] = row.etag
        if count == room and release is None:
            etags.clear()
            rows = self._rows(application, etags)
            release = self._read_releases(application, {number}, etags).get(number)
        return Nearby(rows=rows, release=release, etags=etags)

    def _newest(
        self, partition: str, newest: int, etags: dict[str, str]
    ) -> tuple["ApplicationRows", dict[int, Release]]:
        """The head, the lanes and the newest releases in one request, as their rows are adjacent.

        The notes of steps under way sort between them. There are few, unless steps are stuck; if they fill the request,
        a second one reads the releases.
        """
        room = newest + BETWEEN
        rows, releases, count = ApplicationRows(), dict[int, Release](), 0
        for row in self.table.rows(partition, keys.HEAD, keys.RELEASE + keys.AFTER, limit=room):
            count += 1
            etags[row.key] = row.etag
            if row.key.startswith(keys.RELEASE):
                release = read_row(Release, row)
                releases[release.number] = release
                if len(releases) == newest:
                    break
            else:
                rows.take(row)
        if count == room and len(releases) < newest:
            releases = {release.number: release for release in self.releases(partition, limit=newest)}
        return rows, releases

    def _rows(self, partition: str, etags: dict[str, str], *, notes: bool = False) -> "ApplicationRows":
        rows, last = ApplicationRows(), keys.PROGRESS if notes else keys.LANE
        for row in self.table.rows(partition, keys.HEAD, last + keys.AFTER):
            rows.take(row)
            etags[row.key] = row.etag
        return rows

    def _new_head(self, application: str) -> Head:
        """The head of a new application; a freeze of everything covers it from its first decision."""
        return Head(application=application, freeze=not_ended(freeze_of_everything(self.table)))

    def _read_releases(self, partition: str, numbers: set[int], etags: dict[str, str]) -> dict[int, Release]:
        """The releases by number: one request each, or one range request if they are many and close together."""
        together = len(numbers) > CLOSE and max(numbers) - min(numbers) < CLOSE * len(numbers)
        if together:
            span = self.table.rows(partition, keys.release(max(numbers)), keys.release(min(numbers)))
        else:
            span = iter([row for n in sorted(numbers) if (row := self.table.get(partition, keys.release(n)))])
        releases = {}
        for row in span:
            release = read_row(Release, row)
            if release.number in numbers:
                releases[release.number] = release
                etags[row.key] = row.etag
        return releases

    def _pointers(self, partition: str, name: str | None, key: Callable[[str], str]) -> dict[str, int]:
        """Maps the digest or tag to the number of its release; empty if it has none."""
        number = self._pointer(partition, key(name)) if name else None
        return {name: number} if name and number is not None else {}

    def _pointer(self, partition: str, key: str) -> int | None:
        row = self.table.get(partition, key)
        return row.number("Release") if row else None

    def was_handled(self, application: str, event: Event) -> bool:
        """Whether the event was handled before."""
        return self.table.get(application, keys.seen(event.mark)) is not None

    def was_refused(self, application: str, event: Event) -> bool:
        """Whether the event is a command that was handled before and refused."""
        row = self.table.get(application, keys.seen(event.mark))
        return row is not None and row.flag("Refused")

    def answer(self, partition: str, inbox: str) -> RowOutcome | None:
        """The answer to a row of the inbox; None if there is none yet."""
        row = self.table.get(partition, keys.answer(inbox))
        return read_row(RowOutcome, row) if row else None

    # ---- commit
    def commit(self, loaded: LoadedSnapshot, decision: Decision, event: Event, *more: Write) -> CommitResult:
        """Write the decision in one transaction, after its entries in the index of what is due. `more` deletes rows
        that the decision makes needless.

        Raises `AlreadySeen`, `Conflict`, `LedgerUnavailable`, `KeysUnavailable`.
        """
        snapshot = loaded.snapshot
        partition = snapshot.application.application
        signer = self._signer()
        records, ended = chained(decision.records, head=decision.head, now=snapshot.now, signer=signer)
        head = self._signed(ended, loaded, decision, signer)
        entries = _outbox_entries(decision, head, snapshot)
        mark = Write(
            act=Act.CREATE,
            key=keys.seen(event.mark),
            values={"Kind": event.kind, "At": snapshot.now.isoformat(), "Refused": _refused(event, decision)},
        )
        writes = [
            mark,
            *state_writes(loaded.etags, decision, head),
            *record_writes(records),
            *outbox_writes(entries, signer),
        ]
        writes += [*answer_writes(inbox_of(event), answer_to(event, decision, snapshot)), *more]
        self.due.announce(partition, snapshot.now)
        try:
            self.table.transact(partition, writes)
        except Exists as error:
            if error.row == mark.key:
                raise AlreadySeen(event.key) from error
            raise Conflict(str(error)) from error
        self._written[partition] = head.sequence
        return CommitResult(entries=entries, records=records)

    def _signed(self, head: Head, loaded: LoadedSnapshot, decision: Decision, signer: Signer) -> Head:
        snapshot = loaded.snapshot
        before, lanes, releases = snapshot.head, decision.lanes, snapshot.releases
        changes = dict[str, str | None]()
        if head.epoch > before.epoch:  # a person has decided that the restored rows count
            before, changes[VERSION] = Head(application=head.application), loaded.version
            lanes = tuple({lane.environment: lane for lane in (*snapshot.lanes.values(), *lanes)}.values())
            releases = {}
            changes |= releases_changed(before, releases, snapshot.releases.values())
        changes |= releases_changed(before, releases, decision.releases)
        changes |= blocks_changed(before, decision.head, snapshot.lanes, lanes)
        return sign_head(head, before=before, changes=changes, signer=signer, keys=self.public_keys)

    def sign_anew(self, application: str) -> bool:
        """Sign the end of the trail with the key that signs now, so that the earlier key may be retired. An end that
        the worker did not sign stays unchanged. Returns whether anything was signed.

        Raises `LedgerUnavailable`, `KeysUnavailable`.
        """
        row = self.table.get(application, keys.HEAD)
        head = read_row(Head, row) if row else Head(application=application)
        again = sign_head(head, before=head, changes={}, signer=self._signer(), keys=self.public_keys)
        if row is None or again.sig in (None, head.sig):
            return False
        with suppress(Conflict):  # somebody has written a record, and signed the end with it
            write = Write(act=Act.REPLACE, key=keys.HEAD, values=pack(again), etag=row.etag)
            self.table.transact(application, [write])
        return True

    def unchanged(self, loaded: LoadedSnapshot) -> bool:
        """Whether nobody has written since the snapshot was loaded, so that its rows are consistent with each other."""
        row = self.table.get(loaded.snapshot.application.application, keys.HEAD)
        return (row.etag if row else None) == loaded.etags.get(keys.HEAD)

    # ---- outbox
    def outbox(self, application: str, unreadable: list[Row] | None = None, *, limit: int = 1000) -> list[OutboxEntry]:
        """Messages not sent yet, oldest first. Rows that hold no message are added to `unreadable`.

        Raises `LedgerUnavailable`, `KeysUnavailable`.
        """
        entries = list[OutboxEntry]()
        for row in self.table.rows(application, *keys.range_of(keys.OUTBOX), limit=limit):
            entry = outbox_entry(application, row, self.public_keys)
            if entry is not None:
                entries.append(entry)
            elif unreadable is not None:
                unreadable.append(row)
        return entries

    def forget(self, application: str, rows: Sequence[str]) -> None:
        """Delete the rows of one commit whose work is done."""
        delete_rows(self.table, application, rows)

    # ---- reading
    def of_installation(self) -> InstallationRows:
        """The installation's head and the freeze of everything, in one request, as their rows are neighbours."""
        rows = InstallationRows()
        for row in self.table.rows(keys.INSTALLATION, keys.FREEZE, keys.HEAD):
            rows = rows.with_row(row)
        return rows

    def head(self, application: str) -> Head:
        row = self.table.get(application, keys.HEAD)
        return read_row(Head, row) if row else Head(application=application)

    def application_rows(self, application: str) -> ApplicationRows:
        """Head, version in force and lanes, as they were at one moment."""
        return self._rows(application, {})

    def lanes(self, application: str) -> dict[str, Lane]:
        return self._rows(application, {}).lanes

    def release(self, application: str, number: int) -> Release | None:
        row = self.table.get(application, keys.release(number))
        return read_row(Release, row) if row else None

    def releases(self, application: str, *, limit: int, older_than: int | None = None) -> Iterator[Release]:
        """Newest first."""
        first, last = keys.range_of(keys.RELEASE)
        if older_than is not None:
            first = keys.release(older_than - 1)
        for row in self.table.rows(application, first, last, limit=limit):
            yield read_row(Release, row)

    def release_of(self, application: str, digest: str) -> int | None:
        """The number of the digest's release."""
        return self._pointer(application, keys.artifact(digest))

    def release_of_tag(self, application: str, tag: str) -> int | None:
        """The number of the tag's newest release."""
        return self._pointer(application, keys.tag(tag))

    def audit(
        self, application: str, *, first: int = 1, last: int | None = None, limit: int | None = None
    ) -> Iterator[AuditRecord | Row]:
        """Records in sequence order, including archived ones. A row that does not parse is yielded as a `Row`."""
        if (archive := self.archive) is None:
            return self._audit_rows(application, first, last, limit)
        return archive.filled(
            application,
            lambda start: self._audit_rows(application, start, last, limit),
            first=first,
            last=last,
            limit=limit,
        )

    @cached_property
    def archive(self) -> Archive | None:
        """The store of old records; None if the ledger was opened without one."""
        return Archive(self.table, LateBlobs(self._documents), self._keys) if self._documents else None

    def _audit_rows(
        self, application: str, first: int, last: int | None, limit: int | None
    ) -> Iterator[AuditRecord | Row]:
        start, end = keys.audit(first), keys.audit(last) if last is not None else keys.AUDIT + keys.AFTER
        for row in self.table.rows(application, start, end, limit=limit):
            try:
                yield unpack_audit(row.values)
            except (ValueError, RecursionError):
                yield row


def _refused(event: Event, decision: Decision) -> bool:
    """The refusal is stored with the mark, since a repeated command gets the first answer even if the rules differ by
    then."""
    return isinstance(event, CommandGiven) and bool(not_passed(decision.rules))


def _outbox_entries(decision: Decision, head: Head, snapshot: Snapshot) -> tuple[OutboxEntry, ...]:
    return tuple(
        OutboxEntry(
            application=snapshot.application.application,
            row=keys.outbox(head.sequence, index, message.id),
            message=message,
            written_at=snapshot.now,
        )
        for index, message in enumerate(decision.messages)
    )
