"""Old audit records, moved unchanged from rows to documents.

A document is named by its hash and holds a segment of one chain; a row beside the chain says which. Readers of the
chain get the same records from either place.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from itertools import islice

from pydantic import Field, ValidationError

from ..domain.audit import AuditRecord, ChainCheck
from ..domain.export import ExportFormat, export_line
from ..domain.model import Record, Timestamp
from ..domain.signing import PublicKeys
from . import keys
from .blobs import Blobs
from .rows import pack, read_row
from .table import TRANSACTION_LIMIT, Act, Row, Table, Write

type Rows = Callable[[int], Iterator[AuditRecord | Row] | Iterator[Row]]
"""The chain's rows in the table, from a sequence on."""


class ArchiveDamaged(ValueError):  # noqa: N818 - it is a state of the archive
    """A document of the archive is missing, was changed, or does not match its row."""


class Segment(Record):
    """The part of a chain that one document holds."""

    application: str
    first: int = Field(ge=1)
    last: int = Field(ge=1)
    previous: str
    """Hash of the record before the first."""
    hash: str
    """Hash of the last record."""
    document: str
    archived_at: Timestamp
    moved: bool = False
    """Whether the rows were deleted from the table."""


class Archive:
    """The documents, and the rows that describe them."""

    def __init__(self, table: Table, documents: Blobs, keys: Callable[[], PublicKeys]) -> None:
        self._table, self._documents, self._keys = table, documents, keys

    # ---- reading
    def filled(
        self, application: str, rows: Rows, *, first: int, last: int | None, limit: int | None
    ) -> Iterator[AuditRecord | Row]:
        """The chain from the sequence `first`, read from the table, and from the archive where the table has a gap.

        A chain that was never archived costs one extra request, at its end.
        """
        return islice(self._through(application, rows, first, last), limit)

    def _through(self, application: str, rows: Rows, first: int, last: int | None) -> Iterator[AuditRecord | Row]:
        expected = first
        while last is None or expected <= last:
            segment = None
            for item in rows(expected):
                sequence = sequence_in(item)
                if sequence > expected and (segment := self.segment(application, expected)):
                    break
                yield item
                expected = max(expected, sequence + 1)
            segment = segment or (self.segment(application, expected) if last is None or expected <= last else None)
            if segment is None:
                return
            yield from self._part(segment, expected, last)
            expected = segment.last + 1

    def _part(self, segment: Segment, first: int, last: int | None) -> Iterator[AuditRecord | Row]:
        try:
            records = self.records(segment)
        except ArchiveDamaged as damaged:
            yield Row(partition=segment.application, key=keys.audit(first), values={"Damaged": str(damaged)})
            return
        yield from (r for r in records if r.sequence >= first and (last is None or r.sequence <= last))

    def segment(self, application: str, sequence: int) -> Segment | None:
        """The segment that holds the record; None if it is not archived."""
        rows = self._table.rows(application, keys.archive(sequence), keys.ARCHIVE + keys.AFTER, limit=1)
        segment = next((read_row(Segment, row) for row in rows), None)
        return segment if segment and segment.first <= sequence <= segment.last else None

    def segments(self, application: str) -> Iterator[Segment]:
        """All segments of a chain, oldest first."""
        for row in self._table.rows(application, *keys.range_of(keys.ARCHIVE)):
            yield read_row(Segment, row)

    def records(self, segment: Segment) -> list[AuditRecord]:
        """The records of the segment, with their chain verified. Raises `ArchiveDamaged`."""
        name = f"the archive's document {segment.document}"
        check = ChainCheck(segment.application, keys=self._keys(), after=segment.first - 1, previous=segment.previous)
        try:
            content = self._documents.get(segment.document)
            lines = gzip.decompress(content).split(b"\n")[:-1] if content is not None else None
            records = [AuditRecord.model_validate(json.loads(line)) for line in lines or ()]
        except (ValueError, ValidationError, OSError, EOFError, zlib.error, RecursionError) as error:
            raise ArchiveDamaged(f"{name} was changed") from error
        if lines is None:
            raise ArchiveDamaged(f"{name} is missing")
        for record in records:
            if fault := check.feed(record):
                raise ArchiveDamaged(f"{name} is wrong at record {fault.sequence}: {fault.reason}")
        if (check.count, check.previous) != (segment.last, segment.hash):
            raise ArchiveDamaged(f"{name} does not end with record {segment.last}")
        return records

    # ---- moving: a crash may interrupt each of these, and each can safely run again
    def write(self, records: list[AuditRecord], *, now: Timestamp) -> Segment:
        """Write the document, read it back, then write the row that describes it. The records' own rows stay."""
        first, last = records[0], records[-1]
        lines = b"".join(export_line(ExportFormat.JSONL, record.model_dump(mode="json")) for record in records)
        document = self._documents.put(gzip.compress(lines, mtime=0), "application/gzip")
        segment = Segment(
            application=first.application,
            first=first.sequence,
            last=last.sequence,
            previous=first.previous,
            hash=last.hash,
            document=document,
            archived_at=now,
        )
        self.records(segment)
        key = keys.archive(segment.last)
        self._table.transact(segment.application, [Write(act=Act.CREATE, key=key, values=pack(segment))])
        return segment

    def remove_rows(self, segment: Segment) -> int:
        """Read the document once more, then delete the rows it replaces; returns how many."""
        self.records(segment)
        spanned = self._table.rows(segment.application, keys.audit(segment.first), keys.audit(segment.last))
        row_keys = [row.key for row in spanned]
        for start in range(0, len(row_keys), TRANSACTION_LIMIT):
            batch = [Write(act=Act.DELETE, key=key) for key in row_keys[start : start + TRANSACTION_LIMIT]]
            self._table.transact(segment.application, batch)
        done = Write(act=Act.PUT, key=keys.archive(segment.last), values=pack(segment.evolve(moved=True)))
        self._table.transact(segment.application, [done])
        return len(row_keys)


def sequence_in(item: AuditRecord | Row) -> int:
    """The sequence number; 0 for a row whose key has none."""
    if isinstance(item, AuditRecord):
        return item.sequence
    digits = item.key.removeprefix(keys.AUDIT)
    return int(digits) if digits.isascii() and digits.isdigit() else 0
