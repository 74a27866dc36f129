"""Where steps have their effects: the registries, clusters and channels that the installation's settings name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from ...effects.cluster import Cluster
from ...effects.notification import Channel
from ...effects.registry import Importer, Registry
from ...ledger import Blobs, Ledger
from ..links import Links


@dataclass(frozen=True, kw_only=True)
class Clients:
    """Opened when first asked for; a name that the settings do not know raises `UnknownName` with the known ones."""

    registry: Callable[[str], Registry]
    cluster: Callable[[str], Cluster]
    channel: Callable[[str], Channel]
    ledger: Ledger
    blobs: Blobs
    links: Links
    importer: Importer
    """Asks registries to import."""
    resource_ids: Mapping[str, str]
    """Azure Resource Manager's names of the registries, by ours."""
    promotion_time: timedelta
    """How long one message copies before it leaves the rest to the next."""
