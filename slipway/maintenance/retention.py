"""Retention: moves records older than the configured age from the table into the archive, where they stay verifiable
and readable.

Only records that verify and that an anchor covers are moved. For each part it writes the document, then its row, then a
record in the installation's trail, and deletes the rows last; after a crash the next run continues at any of these.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ..clock import Clock, utc_now
from ..domain.actions import Action
from ..domain.audit import GENESIS, AuditDraft, AuditRecord, ChainCheck
from ..domain.export import ExportFormat, export_line
from ..domain.model import Record
from ..ledger import Conflict, Ledger, keys
from ..ledger.archive import Archive, ArchiveDamaged, Segment
from ..ledger.chain_anchors import ChainAnchors
from ..ledger.installation import InstallationLedger
from ..ledger.table import UnreadableRow

log = logging.getLogger(__name__)

RECORDS_PER_DOCUMENT: Final = 1000
"""The most records of one document."""
BYTES_PER_DOCUMENT: Final = 8 * 1024 * 1024
"""Uncompressed bytes after which a document is full."""
LONGEST_WAIT: Final = timedelta(days=31)
"""Once the oldest record has waited this long, even a part that is not full is moved."""
PARTS_AT_ONCE: Final = 10
"""The most parts of one chain in one run, so that a run stays below the function timeout."""


class RetentionRun(Record):
    """The result of one run."""

    moved: int = 0
    """Records that are now only in the archive."""
    parts: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Retention:
    """Archives old records. A failure in one chain does not stop the others."""

    ledger: Ledger
    archive: Archive
    anchors: ChainAnchors
    installation: InstallationLedger
    age: timedelta
    part: int = RECORDS_PER_DOCUMENT
    clock: Clock = utc_now

    def run(self) -> RetentionRun:
        """Raises `LedgerUnavailable`, `KeysUnavailable`."""
        moved, parts, problems = 0, 0, list[str]()
        for name in self.anchors.applications():
            newest = self.anchors.newest(name)
            if newest is None:
                continue
            try:
                for segment in self._segments(name, until=newest.head.sequence):
                    moved += self._finish(segment)
                    parts += 1
            except (ArchiveDamaged, Conflict, UnreadableRow) as error:
                log.error("retention: %s: %s", name, error)  # noqa: TRY400 - the message says it all
                problems.append(f"{name}: {error}")
        return RetentionRun(moved=moved, parts=parts, problems=tuple(problems))

    def _segments(self, name: str, *, until: int) -> Iterator[Segment]:
        """Segments that an earlier run left unfinished, then new ones of records that are old enough."""
        end: Segment | None = None
        for segment in self.archive.segments(name):
            end = segment
            if not segment.moved:
                yield segment
        for _ in range(PARTS_AT_ONCE):
            records = self._next(name, end, until=until)
            if not records:
                return
            end = self.archive.write(records, now=self.clock())
            yield end

    def _next(self, name: str, end: Segment | None, *, until: int) -> list[AuditRecord]:
        """The oldest records that may move; empty until they fill a part or have waited for `LONGEST_WAIT`."""
        first, limit, size = (end.last if end else 0) + 1, self.clock() - self.age, 0
        before, records = end.hash if end else GENESIS, list[AuditRecord]()
        check = ChainCheck(name, keys=self.ledger.public_keys, after=first - 1, previous=before)
        for item in self.ledger.audit(name, first=first, last=until, limit=self.part):
            if not isinstance(item, AuditRecord):
                raise ArchiveDamaged(f"record {check.count + 1} is not an audit record any more; nothing was moved")
            if item.time >= limit:
                break
            if fault := check.feed(item):
                raise ArchiveDamaged(f"record {fault.sequence}: {fault.reason}; nothing was moved")
            records.append(item)
            size += len(export_line(ExportFormat.JSONL, item.model_dump(mode="json")))
            if size > BYTES_PER_DOCUMENT:
                break
        full = len(records) >= self.part or size > BYTES_PER_DOCUMENT
        return records if full or self._waited(records, limit) else []

    def _waited(self, records: list[AuditRecord], limit: datetime) -> bool:
        return bool(records) and records[0].time < limit - LONGEST_WAIT

    def _finish(self, segment: Segment) -> int:
        details = {
            "application": segment.application,
            "first": segment.first,
            "last": segment.last,
            "hash": segment.hash,
            "document": segment.document,
        }
        draft = AuditDraft(action=Action.AUDIT_ARCHIVED, actor="slipway", details=details)
        key = keys.archived(segment.application, segment.last)
        self.installation.note(draft, key=key, values={"Document": segment.document}, now=self.clock())
        return self.archive.remove_rows(segment)
