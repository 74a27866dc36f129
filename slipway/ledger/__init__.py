"""The ledger: state, audit trail and outbox in one table, one partition per application.

`keys.py` names every row. `table.py` is the small port to Table Storage, with a double in `slipway/testing`.
`ledger.py` loads a state and commits a decision as one transaction. The other modules read and tidy.
"""

from .blobs import Blobs
from .ledger import AlreadySeen, Ledger, LoadedSnapshot
from .pruning import SEEN_PARTS
from .rows import OutboxEntry
from .table import Conflict, LedgerRefused, LedgerUnavailable, Table

__all__ = [
    "SEEN_PARTS",
    "AlreadySeen",
    "Blobs",
    "Conflict",
    "Ledger",
    "LedgerRefused",
    "LedgerUnavailable",
    "LoadedSnapshot",
    "OutboxEntry",
    "Table",
]
