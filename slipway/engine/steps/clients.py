"""The clients that steps use: registries, clusters and channels by the names in the installation's settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from ...effects.cluster import Cluster
from ...effects.notification import Channel
from ...effects.registry import Importer, Registry
from ...ledger import Blobs, Ledger
from ..fencing import Fences
from ..links import Links


@dataclass(frozen=True, kw_only=True)
class Clients:
    """Clients are opened on first use; a name that the settings lack raises `UnknownName` listing the known ones."""

    registry: Callable[[str], Registry]
    cluster: Callable[[str], Cluster]
    channel: Callable[[str], Channel]
    ledger: Ledger
    blobs: Blobs
    links: Links
    fences: Fences
    importer: Importer
    """Starts and polls server-side imports between registries."""
    resource_ids: Mapping[str, str]
    """Azure resource ids of the registries, by their names in the settings."""
    copy_time: timedelta
    """The time for which one message keeps copying before it leaves the rest to the next."""
