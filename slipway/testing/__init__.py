"""A complete in-memory installation, for tests and benchmarks; not part of the package deployed to Azure.

`Installation` is the app that Azure runs, assembled by `slipway.bootstrap`, with in-memory ports.
"""

from .applications import ADA, APPLICATION, BEN, documents_in, write_application, write_project
from .chains import PUBLIC_KEYS
from .channel import MemoryChannel
from .clock import MORNING, ManualClock
from .cluster import MemoryCluster
from .installation import BASE, CLEO, Installation
from .queues import MemoryBus
from .registry import RegistryDouble
from .storage import MemoryAdded, MemoryBlobs, MemoryTable

__all__ = [
    "ADA",
    "APPLICATION",
    "BASE",
    "BEN",
    "CLEO",
    "MORNING",
    "PUBLIC_KEYS",
    "Installation",
    "ManualClock",
    "MemoryAdded",
    "MemoryBlobs",
    "MemoryBus",
    "MemoryChannel",
    "MemoryCluster",
    "MemoryTable",
    "RegistryDouble",
    "documents_in",
    "write_application",
    "write_project",
]
