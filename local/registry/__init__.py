"""A double of Azure Container Registry, for the local stack and for tests.

README.md lists what it does as the real one does, and what it leaves out.
"""

from .server import Registry
from .settings import EventEndpoint, Events, Principal, Settings

__all__ = ["EventEndpoint", "Events", "Principal", "Registry", "Settings"]
