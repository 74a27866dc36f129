"""Assembles the app: settings, the ports to Azure, and `app(ports, settings)`.

`slipway/testing` has in-memory ports for the same app.
"""

from .assembly import App, app
from .lazy import LazyRegistry, lazy
from .ports import Ports
from .settings import Settings

__all__ = ["App", "LazyRegistry", "Ports", "Settings", "app", "lazy"]
