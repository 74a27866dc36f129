"""An honest double of Azure Container Registry, for the laptop and for tests.

README.md beside this file lists what it does as the real one does, and what it leaves out.
"""

from .server import Registry
from .settings import EventEndpoint, Events, Principal, Settings

__all__ = ["EventEndpoint", "Events", "Principal", "Registry", "Settings"]
