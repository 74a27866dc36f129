"""The app's components, built once per worker process and shared by the blueprints."""

import logging
import threading
from functools import cache

import azure.functions as func

from slipway.bootstrap import App, Settings, app
from slipway.bootstrap.azure import azure_ports
from slipway.bootstrap.roles import AppRole
from slipway.telemetry import logs

from .tracing import TracedBlueprint

_lock = threading.Lock()


@cache
def _parts() -> App:
    settings = Settings.read()
    return app(azure_ports(settings), settings)


def parts() -> App:
    """The components of this process. An invalid setting raises an error that names it."""
    with _lock:
        return _parts()


def role_of_app() -> AppRole:
    """What this app is. Raises `SettingsError` for a role that there is not."""
    return parts().settings.role


def check_at_start() -> None:
    """Called while the app is being loaded: a misconfigured app must fail here rather than lose messages later."""
    for chatty in ("azure", "urllib3"):
        # They log every request and every change of a link's state, which is noise and costs money in Azure.
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logs.guard()
    _ = parts().telemetry
    if parts().settings.role.works:
        _ = parts().private_keys


def new_blueprint() -> func.Blueprint:
    return TracedBlueprint()  # type: ignore[no-untyped-call] # the library leaves its constructor untyped
