"""The catalogue in the ledger: for each application and project the version in force, the earlier versions, and their
records.

An application's versions are in its own partition, and the row of the version in force is beside the head. Every
decision reads it in the same request, and a change moves the head, so no decision is committed under rules that are no
longer in force. Projects are in the installation's partition. So is a list of everything in the catalogue, with a
marker row that tells a process in one cheap read whether anything has changed.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..domain.audit import AuditDraft, AuditRecord, chained
from ..domain.model import sha256
from ..domain.release import Head
from ..domain.signed_head import VERSION, blocks_changed, sign_head
from ..domain.signing import PublicKeys, Signer
from ..domain.versions import CatalogueEntry, Subject, SubjectKind, Version
from . import keys
from .blobs import Blobs
from .due import DueIndex
from .freezes import freeze_of_everything, not_ended
from .indexing import Indexer
from .rows import pack, pack_audit, read_row
from .table import Act, Conflict, Row, Table, UnreadableRow, Value, Write

log = logging.getLogger(__name__)

ATTEMPTS = 20


@dataclass(frozen=True, kw_only=True)
class Current:
    """The version in force, with the guard of its row."""

    version: Version | None
    """None if there never was one."""
    etag: str

    @property
    def document(self) -> str | None:
        return self.version.document if self.version else None

    @property
    def number(self) -> int:
        return self.version.number if self.version else 0


class SubjectVersions:
    """Reads and writes versions."""

    def __init__(
        self,
        table: Table,
        *,
        blobs: Callable[[], Blobs],
        signer: Callable[[], Signer],
        keys: Callable[[], PublicKeys],
        indexer: Indexer | None = None,
    ) -> None:
        """`blobs` (the store of documents), `signer` and `keys` are opened on first use."""
        self._table, self._blobs, self._signer, self._keys, self._indexer = table, blobs, signer, keys, indexer
        self._due = DueIndex(table)

    # ---- reading
    def marker(self) -> str:
        """Changes with every change of the catalogue; empty if there never was one."""
        row = self._table.get(keys.INSTALLATION, keys.CATALOGUE)
        return row.etag if row else ""

    def listed(self) -> tuple[CatalogueEntry, ...]:
        """Everything in the catalogue, removed applications included. If a row is unreadable, its content is taken from
        the version in force."""
        rows = self._table.rows(keys.INSTALLATION, *keys.range_of(keys.LISTED))
        return tuple(listed for row in rows if (listed := self._listed(row)) is not None)

    def _listed(self, row: Row) -> CatalogueEntry | None:
        try:
            return read_row(CatalogueEntry, row)
        except UnreadableRow as unreadable:
            log.error("%s", unreadable)  # noqa: TRY400 - the message says it all
            kind, _, name = row.key.removeprefix(keys.LISTED).partition(":")
        try:
            return CatalogueEntry(subject=Subject(kind=SubjectKind(kind), name=name), document=None)
        except ValueError:
            return None  # its key names nothing that could be delivered

    def current(self, subject: Subject) -> Current:
        row = self._table.get(_partition(subject), _key(subject))
        return Current(version=read_row(Version, row) if row else None, etag=row.etag if row else "")

    def project_document(self, project: str | None) -> str | None:
        """Hash of a project's version in force; None if the project has none, or if no project is named."""
        return self.current(Subject(kind=SubjectKind.PROJECT, name=project)).document if project else None

    def history(self, subject: Subject, *, limit: int) -> Iterator[Version]:
        """Newest first."""
        for row in self._table.rows(_partition(subject), *keys.range_of(keys.versions_of(str(subject))), limit=limit):
            yield read_row(Version, row)

    def version_made_by(self, subject: Subject, inbox: str) -> int | None:
        """The number of the version that this row of the inbox has made; None if it has made none yet."""
        row = self._table.get(_partition(subject), keys.seen(_mark(subject, inbox)))
        return row.number("Number") if row else None

    def row_of_statement(self, subject: Subject, nonce: str) -> str | None:
        """The row of the inbox from which a proved statement was counted for this subject; None if it was not counted
        yet."""
        row = self._table.get(_partition(subject), keys.seen(_statement_mark(subject, nonce)))
        return row.text("Inbox") if row else None

    def document(self, digest: str) -> bytes | None:
        """A stored document by its hash. Raises ValueError if its content was changed."""
        return self._blobs().get(digest)

    # ---- writing
    def store(self, document: bytes) -> str:
        """Keep a document; returns its hash. Idempotent."""
        return self._blobs().put(document, "application/json")

    def commit(
        self, before: Current, version: Version, draft: AuditDraft, *, inbox: str, nonce: str = "", now: datetime
    ) -> Version:
        """Put a version in force. The same transaction has its record, the mark of the row that asked for it, and the
        mark of the statement that proves who asked, if there is one.

        Raises `Conflict` if `before` is no longer in force.
        """
        subject = version.subject
        if subject.kind is SubjectKind.APPLICATION and before.version is None:
            self._publish(
                CatalogueEntry(subject=subject, document=None)
            )  # so that it is found if this process ends now
        # A project's change concerns every application: its rules are theirs.
        self._due.announce(_partition(subject), now)
        for _ in range(ATTEMPTS):
            try:
                written = self._commit(before, version, draft, _marks(version, inbox, nonce, now))
            except Conflict:
                if self.current(subject).etag != before.etag:
                    raise
                continue
            self.publish(written)
            return written
        raise Conflict(f"{subject}: its chain was busy for {ATTEMPTS} attempts")

    def publish(self, version: Version) -> None:
        """Put the version into the list of everything. Idempotent; it also mends a list without it."""
        listed = CatalogueEntry(subject=version.subject, document=version.document, removed=version.document is None)
        row = self._table.get(keys.INSTALLATION, keys.listed(str(version.subject)))
        if row is None or self._listed(row) != listed:
            self._publish(listed)

    def _publish(self, listed: CatalogueEntry) -> None:
        writes = [
            Write(act=Act.PUT, key=keys.listed(str(listed.subject)), values=pack(listed)),
            Write(act=Act.PUT, key=keys.CATALOGUE, values={"Changed": str(listed.subject)}),
        ]
        self._table.transact(keys.INSTALLATION, writes)

    def _commit(self, before: Current, version: Version, draft: AuditDraft, marks: Sequence[Write]) -> Version:
        partition, key = _partition(version.subject), _key(version.subject)
        row = self._table.get(partition, keys.HEAD)
        head = read_row(Head, row) if row else self._new_head(partition)
        (record,), ended = chained([draft], head=head, now=version.at, signer=self._signer())
        changes = {version_name(version.subject): version.document, **blocks_changed(head, head, {}, ())}
        ended = sign_head(ended, before=head, changes=changes, signer=self._signer(), keys=self._keys())
        written = version.evolve(record=record.sequence)
        act = Act.REPLACE if before.etag else Act.CREATE
        writes = [
            Write(act=act, key=key, values=pack(written), etag=before.etag),
            Write(act=Act.CREATE, key=keys.version(str(version.subject), version.number), values=pack(written)),
            *marks,
            *_record_writes(row.etag if row else "", ended, record),
        ]
        self._table.transact(partition, writes)
        if self._indexer is not None:
            self._indexer.follow(partition, [record])
        return written

    def _new_head(self, partition: str) -> Head:
        """The head of a new application; a freeze of everything covers it from its first record."""
        state = freeze_of_everything(self._table) if partition != keys.INSTALLATION else None
        return Head(application=partition, freeze=not_ended(state))


def version_name(subject: Subject) -> str:
    """The name of the version in force in the signed end of its chain."""
    return VERSION if subject.kind is SubjectKind.APPLICATION else str(subject)


def _record_writes(etag: str, ended: Head, record: AuditRecord) -> Sequence[Write]:
    return [
        Write(act=Act.REPLACE if etag else Act.CREATE, key=keys.HEAD, values=pack(ended), etag=etag),
        Write(act=Act.CREATE, key=keys.audit(record.sequence), values=pack_audit(record)),
    ]


def _marks(version: Version, inbox: str, nonce: str, now: datetime) -> list[Write]:
    subject, values = version.subject, dict[str, Value]()
    values = {"At": now.isoformat(), "Refused": False, "Number": version.number, "Inbox": inbox}
    made = Write(act=Act.CREATE, key=keys.seen(_mark(subject, inbox)), values={"Kind": "change", **values})
    if not nonce:
        return [made]
    return [
        made,
        Write(act=Act.CREATE, key=keys.seen(_statement_mark(subject, nonce)), values={"Kind": "statement", **values}),
    ]


def _mark(subject: Subject, inbox: str) -> str:
    return sha256(f"change {inbox} {subject}".encode())[7:]


def _statement_mark(subject: Subject, nonce: str) -> str:
    return sha256(f"change by proof {nonce} {subject}".encode())[7:]


def _partition(subject: Subject) -> str:
    return subject.name if subject.kind is SubjectKind.APPLICATION else keys.INSTALLATION


def _key(subject: Subject) -> str:
    """The row of the version in force. An application's is read with its head."""
    return keys.IN_FORCE if subject.kind is SubjectKind.APPLICATION else keys.in_force(str(subject))
