"""Answers to looks: rows of the installation's partition, each with a time to live."""

from datetime import datetime

from ..domain.answers import RowOutcome
from ..domain.inbox import InboxKind, is_inbox_id
from ..domain.looks import LookAnswer
from . import keys
from .rows import answer_writes, pack, read_row
from .table import Act, Exists, Row, Table, UnreadableRow, Write


class LookAnswers:
    """Keeps answers until they expire."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def keep(self, look: LookAnswer) -> None:
        """Keep the answer. A second answer to the same look is dropped."""
        row = Write(act=Act.CREATE, key=keys.look(look.id), values=pack(look))
        try:
            self._table.transact(keys.INSTALLATION, [row, *answer_writes(look.id, RowOutcome(kind=InboxKind.LOOK))])
        except Exists:
            return

    def get(self, id: str) -> LookAnswer | None:
        row = self._table.get(keys.INSTALLATION, keys.look(id)) if is_inbox_id(id) else None
        return _read(row) if row else None

    def prune(self, now: datetime, *, limit: int = 100) -> int:
        """Delete answers that have expired or cannot be read; returns how many. The oldest come first, so one pass is
        short."""
        expired = list[str]()
        for row in self._table.rows(keys.INSTALLATION, *keys.range_of(keys.LOOK), limit=limit):
            if (look := _read(row)) is not None and look.expires_at > now:
                break
            expired.append(row.key)
        for key in expired:
            self._table.transact(keys.INSTALLATION, [Write(act=Act.DELETE, key=key)])
        return len(expired)


def _read(row: Row) -> LookAnswer | None:
    try:
        return read_row(LookAnswer, row)
    except UnreadableRow:
        return None
