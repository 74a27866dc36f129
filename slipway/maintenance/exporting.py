"""Exports the trail into the audit container in parts, for other systems to collect.

Each part is a blob of one chain, named by its first and last record. The cursor moves after the blob is written; if a
run dies in between, the next run finds the blob and moves the cursor past it.
"""

import gzip
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..catalogue.entries import Catalogue
from ..domain.audit import GENESIS, AuditRecord, ChainCheck
from ..domain.export import ExportFormat, export_line, file_header
from ..domain.model import Record
from ..ledger import Conflict, Ledger, Table, keys
from ..ledger.chain_anchors import AddedBlobs
from ..ledger.rows import pack, read_row
from ..ledger.table import Act, UnreadableRow, Write

log = logging.getLogger(__name__)

FOLDER: Final = "exports/"
PART: Final = 2000
"""The most records that one blob holds."""
MOST: Final = 2 * 1024 * 1024
"""Uncompressed bytes after which a blob is full."""
SUFFIX: Final = {
    ExportFormat.JSONL: ".jsonl.gz",
    ExportFormat.CSV: ".csv.gz",
    ExportFormat.CLOUDEVENTS: ".cloudevents.jsonl.gz",
}


class ExportCursor(Record):
    """The end of a chain's export: the last record's sequence and hash."""

    sequence: int = 0
    hash: str = GENESIS


class ExportRun(Record):
    """The result of one run."""

    records: int = 0
    blobs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ContainerExport:
    """Exports the new records of each chain."""

    ledger: Ledger
    blobs: AddedBlobs
    catalogue: Catalogue
    form: ExportFormat
    part: int = PART

    @property
    def _table(self) -> Table:
        return self.ledger.table

    def run(self) -> ExportRun:
        """Export all chains; a failure in one does not stop the others. Raises `LedgerUnavailable`."""
        records, blobs, problems = 0, list[str](), list[str]()
        for name in (*self.catalogue.entries, keys.INSTALLATION):
            try:
                for blob, count in self._chain(name):
                    records += count
                    blobs.append(blob)
            except (ValueError, Conflict, UnreadableRow) as error:
                log.error("export: %s: %s", name, error)  # noqa: TRY400 - the message says it all
                problems.append(f"{name}: {error}")
        return ExportRun(records=records, blobs=tuple(blobs), problems=tuple(problems))

    def _chain(self, name: str) -> Iterator[tuple[str, int]]:
        cursor = self._cursor(name)
        while True:
            written_to = self._left_behind(name, cursor)
            check, lines, fault = self._next(name, cursor, written_to - cursor.sequence if written_to else self.part)
            if written_to and check.count != written_to:
                raise ValueError(fault or f"record {written_to} was exported, and the trail ends with {check.count}")
            if lines:
                blob = self._name(name, cursor.sequence + 1, check.count)
                if not written_to:
                    content = gzip.compress(file_header(self.form) + b"".join(lines), mtime=0)
                    self.blobs.add(blob, content, "application/gzip")
                cursor = ExportCursor(sequence=check.count, hash=check.previous)
                self._move(name, cursor)
                yield blob, 0 if written_to else len(lines)
            if fault:
                raise ValueError(fault)
            if not lines:
                return

    def _next(self, name: str, cursor: ExportCursor, most: int) -> tuple[ChainCheck, list[bytes], str]:
        """The next records, verified while reading, and the fault that ended them, if any."""
        check = ChainCheck(name, keys=self.ledger.public_keys, after=cursor.sequence, previous=cursor.hash)
        lines, size = list[bytes](), 0
        for item in self.ledger.audit(name, first=cursor.sequence + 1, limit=most):
            if not isinstance(item, AuditRecord):
                return check, lines, f"record {check.count + 1} is not an audit record any more"
            if fault := check.feed(item):
                return check, lines, f"record {fault.sequence}: {fault.reason}"
            lines.append(export_line(self.form, item.model_dump(mode="json")))
            size += len(lines[-1])
            if size > MOST:
                break
        return check, lines, ""

    def _left_behind(self, name: str, cursor: ExportCursor) -> int | None:
        """The last record of a blob that begins at the cursor: the run that wrote it died before moving the cursor."""
        prefix, suffix = f"{FOLDER}{name}/{cursor.sequence + 1:012d}-", SUFFIX[self.form]
        blobs = (blob for blob, _ in self.blobs.listed(prefix) if blob.endswith(suffix))
        return next((int(blob.removeprefix(prefix).removesuffix(suffix)) for blob in blobs), None)

    def _name(self, name: str, first: int, last: int) -> str:
        return f"{FOLDER}{name}/{first:012d}-{last:012d}{SUFFIX[self.form]}"

    def _cursor(self, name: str) -> ExportCursor:
        row = self._table.get(keys.INSTALLATION, keys.export(f"{self.form}!{name}"))
        return read_row(ExportCursor, row) if row else ExportCursor()

    def _move(self, name: str, cursor: ExportCursor) -> None:
        key = keys.export(f"{self.form}!{name}")
        self._table.transact(keys.INSTALLATION, [Write(act=Act.PUT, key=key, values=pack(cursor))])
