"""What a row of the inbox waits for that cannot be decided yet: told by the worker, so that the pages can say it.

A note lies beside where the row's answer will be. It decides nothing, and is removed with the answers that are old.
"""

from typing import Final

from . import keys
from .table import Act, Table, Write

LONGEST_WHY: Final = 500


class WaitingNotes:
    """Notes by the row that waits. Its methods raise `LedgerUnavailable`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def why(self, partition: str, inbox: str) -> str:
        """What the row waits for; empty if nobody has noted anything."""
        row = self._table.get(partition, keys.waits(inbox))
        return str(row.values["Why"]) if row else ""

    def note(self, partition: str, inbox: str, why: str) -> None:
        """Say what the row waits for, unless that is noted already."""
        short = why[:LONGEST_WHY]
        if self.why(partition, inbox) != short:
            self._table.transact(partition, [Write(act=Act.PUT, key=keys.waits(inbox), values={"Why": short})])
