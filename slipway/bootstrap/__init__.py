"""How the app is put together: settings, Azure's ports, and `app(ports, settings)`.

`slipway/testing` has other ports, in memory, for the same app.
"""

from .assembly import App, app
from .once import Named, part
from .ports import Ports
from .settings import Settings

__all__ = ["App", "Named", "Ports", "Settings", "app", "part"]
