"""The reason why a row of the inbox cannot be decided yet: the worker notes it, and the pages show it.

A note lies next to the place of the row's answer. It decides nothing, and is removed together with old answers.
"""

from typing import Final

from ..domain.answers import RowOutcome
from . import keys
from .rows import read_row
from .table import Act, Table, Write

LONGEST_WHY: Final = 500


class WaitingNotes:
    """Notes by waiting row. Its methods raise `LedgerUnavailable`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def reason(self, partition: str, inbox: str) -> str:
        """The reason why the row waits; empty if none was noted."""
        return self.answered(partition, inbox)[1]

    def answered(self, partition: str, inbox: str) -> tuple[RowOutcome | None, str]:
        """The row's answer, if there is one, and the note about it; in one request, since they are neighbours."""
        rows = {row.key: row for row in self._table.rows(partition, keys.answer(inbox), keys.waits(inbox))}
        answer, note = rows.get(keys.answer(inbox)), rows.get(keys.waits(inbox))
        return read_row(RowOutcome, answer) if answer else None, note.text("Why") if note else ""

    def note(self, partition: str, inbox: str, why: str) -> None:
        """Note what the row waits for, unless the same is noted already."""
        short = why[:LONGEST_WHY]
        if self.reason(partition, inbox) != short:
            self._table.transact(partition, [Write(act=Act.PUT, key=keys.waits(inbox), values={"Why": short})])
