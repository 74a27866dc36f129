"""What the blueprints share: the app's parts, built once per worker process."""

import logging
import threading
from functools import cache

import azure.functions as func

from slipway.bootstrap import App, Settings, app
from slipway.bootstrap.azure import azure_ports
from slipway.telemetry import logs

from .tracing import TracedBlueprint

_lock = threading.Lock()


@cache
def _parts() -> App:
    settings = Settings.read()
    return app(azure_ports(settings), settings)


def parts() -> App:
    """The parts of this process. A wrong setting or delivery.yaml raises, naming what is wrong."""
    with _lock:
        return _parts()


def check_at_start() -> None:
    """Called while the app is being loaded: better not to start than to lose messages later."""
    for chatty in ("azure", "urllib3"):
        # They tell of every request and every change of a link's state: a bill in Azure, and noise for the reader.
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logs.guard()
    _ = parts().telemetry
    _ = parts().catalogue
    _ = parts().keys


def new_blueprint() -> func.Blueprint:
    return TracedBlueprint()  # type: ignore[no-untyped-call] # the library leaves its constructor untyped
