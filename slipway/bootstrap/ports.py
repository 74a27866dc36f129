"""The ports: everything outside the app, each as a function that opens it. Azure's are in `azure.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..catalogue.entries import Catalogue
from ..clock import Clock
from ..domain.tokens import Keys
from ..effects.messaging import Bus
from ..engine.backoff import Backoff
from ..ledger import Blobs, Table
from ..ledger.logs import AppendLog
from ..ledger.table import PagedTable

if TYPE_CHECKING:
    from ..effects.cluster import Cluster
    from ..effects.notification import Channel
    from ..effects.registry import Importer, Registry
    from ..telemetry.sdk import Sdk


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Nothing is opened before the app needs it, and the app opens each port once.

    To watch or disturb a port, replace its function with one that wraps what the other opens.
    """

    table: Callable[[], Table]
    """The ledger's."""
    index_table: Callable[[], PagedTable]
    """The audit index's."""
    blobs: Callable[[], Blobs]
    """Plans and logs."""
    archive: Callable[[], Blobs]
    """Audit records that are too old for the table."""
    audit_log: Callable[[], AppendLog]
    """Anchors and exports."""
    bus: Callable[[], Bus]
    registry: "Callable[[str], Registry]"
    """By the name that the settings give it; so are clusters and channels."""
    importer: "Callable[[], Importer]"
    cluster: "Callable[[str], Cluster]"
    channel: "Callable[[str], Channel]"
    keys: Callable[[], Keys]
    """Of approval links."""
    catalogue: Callable[[], Catalogue]
    """The applications that are delivered, read from their files."""
    telemetry: "Callable[[], Sdk | None]"
    """Starts sending; None where nobody wants to know."""
    clock: Clock
    patience: Backoff
    owner: Callable[[], str]
    """A name that no other holder of a lease has."""
