"""Where steps have their effects: the registries, clusters and channels that the installation's settings name."""

from collections.abc import Callable
from dataclasses import dataclass

from ...effects.cluster import Cluster
from ...effects.notification import Channel
from ...effects.registry import Registry
from ...ledger import Blobs, Ledger
from ..links import Links


@dataclass(frozen=True, kw_only=True)
class Places:
    """Opened when first asked for; a name that the settings do not know raises KeyError with the known ones."""

    registry: Callable[[str], Registry]
    cluster: Callable[[str], Cluster]
    channel: Callable[[str], Channel]
    ledger: Ledger
    blobs: Blobs
    links: Links
