"""An honest double of Azure Container Registry, for the laptop and for tests.

What it does as the real one does, and what it leaves out, is in README.md beside this file.
"""

from .server import Registry
from .settings import EventEndpoint, Events, Principal, Settings

__all__ = ["EventEndpoint", "Events", "Principal", "Registry", "Settings"]
