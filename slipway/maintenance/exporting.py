"""The trail into the audit container, a part at a time, for whoever collects it there.

Each part is a blob of one chain, named by the first and the last record that it holds. The cursor moves when the blob
is there; a blob that a run left behind before it could move the cursor is taken for what it is by the next one.
"""

import csv
import gzip
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..catalogue.entries import Catalogue
from ..domain.audit import GENESIS, AuditRecord, ChainCheck
from ..domain.export import Form, heading, read_back, written
from ..domain.model import Record
from ..ledger import Conflict, Ledger, Table, keys
from ..ledger.logs import AppendLog
from ..ledger.rows import pack, unpack
from ..ledger.table import Act, Write

log = logging.getLogger(__name__)

FOLDER: Final = "exports/"
PART: Final = 2000
"""Records of one blob, which then fits into one append."""
MOST: Final = 2 * 1024 * 1024
"""Bytes after which a blob is full, before they are packed; one record more still fits into one append."""
SUFFIX: Final = {Form.JSONL: ".jsonl.gz", Form.CSV: ".csv.gz", Form.CLOUDEVENTS: ".cloudevents.jsonl.gz"}


class Cursor(Record):
    """How far the export of a chain has come."""

    sequence: int = 0
    hash: str = GENESIS


class Exported(Record):
    """What one run did."""

    records: int = 0
    blobs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ContainerExport:
    """Exports what is new of each chain."""

    ledger: Ledger
    log: AppendLog
    catalogue: Catalogue
    form: Form
    part: int = PART

    @property
    def _table(self) -> Table:
        return self.ledger.table

    def run(self) -> Exported:
        """Raises `LedgerUnavailable`. Trouble with one chain does not stop the others."""
        records, blobs, problems = 0, list[str](), list[str]()
        for name in (*self.catalogue.entries, keys.INSTALLATION):
            try:
                for blob, count in self._chain(name):
                    records += count
                    blobs.append(blob)
            except (ValueError, Conflict) as error:
                log.error("export: %s: %s", name, error)  # noqa: TRY400 - the message says it all
                problems.append(f"{name}: {error}")
        return Exported(records=records, blobs=tuple(blobs), problems=tuple(problems))

    def _chain(self, name: str) -> Iterator[tuple[str, int]]:
        cursor = self._cursor(name)
        while True:
            left = self._left_behind(name, cursor)
            if left is not None:
                blob, cursor = left
                self._move(name, cursor)
                yield blob, 0
                continue
            check, lines, fault = self._next(name, cursor)
            if lines:
                blob = self._name(name, cursor.sequence + 1, check.count)
                content = gzip.compress(heading(self.form) + b"".join(lines), mtime=0)
                self.log.append(blob, content, at=0)
                cursor = Cursor(sequence=check.count, hash=check.previous)
                self._move(name, cursor)
                yield blob, len(lines)
            if fault:
                raise ValueError(fault)
            if not lines:
                return

    def _next(self, name: str, cursor: Cursor) -> tuple[ChainCheck, list[bytes], str]:
        """The next records, verified as they are read, and why there are no more of them."""
        check = ChainCheck(name, after=cursor.sequence, previous=cursor.hash)
        lines, size = list[bytes](), 0
        for item in self.ledger.audit(name, first=cursor.sequence + 1, limit=self.part):
            if not isinstance(item, AuditRecord):
                return check, lines, f"record {check.count + 1} is not an audit record any more"
            if fault := check.feed(item):
                return check, lines, f"record {fault.sequence}: {fault.reason}"
            lines.append(written(self.form, item.model_dump(mode="json")))
            size += len(lines[-1])
            if size > MOST:
                break
        return check, lines, ""

    def _left_behind(self, name: str, cursor: Cursor) -> tuple[str, Cursor] | None:
        """A blob that begins where the cursor stands: its run ended before it could move the cursor."""
        prefix = f"{FOLDER}{name}/{cursor.sequence + 1:012d}-"
        for blob in self.log.names(prefix):
            content = self.log.read(blob) if blob.endswith(SUFFIX[self.form]) else b""
            if content:  # an empty one was begun and never written
                return blob, self._end_of(content)
        return None

    def _end_of(self, content: bytes) -> Cursor:
        text = gzip.decompress(content).decode()
        if self.form is Form.CSV:
            last = read_back(self.form, list(csv.reader(io.StringIO(text, newline="")))[-1])
        else:
            last = read_back(self.form, text.split("\n")[-2])
        return Cursor(sequence=int(last["sequence"]), hash=str(last["hash"]))

    def _name(self, name: str, first: int, last: int) -> str:
        return f"{FOLDER}{name}/{first:012d}-{last:012d}{SUFFIX[self.form]}"

    def _cursor(self, name: str) -> Cursor:
        row = self._table.get(keys.INSTALLATION, keys.export(f"{self.form}!{name}"))
        return unpack(Cursor, row.values) if row else Cursor()

    def _move(self, name: str, cursor: Cursor) -> None:
        key = keys.export(f"{self.form}!{name}")
        self._table.transact(keys.INSTALLATION, [Write(act=Act.PUT, key=key, values=pack(cursor))])
