"""The app's components, built once per worker process and shared by the blueprints."""

import logging
import threading
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, Final

import azure.functions as func

from slipway.bootstrap import App, Settings, app
from slipway.bootstrap.azure import azure_ports
from slipway.bootstrap.roles import AppRole
from slipway.telemetry import logs

from .tracing import TracedBlueprint

__all__ = ["App", "check_at_start", "new_blueprint", "parts", "role_of_app"]

_ON_EVERY_ANSWER: Final = {
    "Strict-Transport-Security": "max-age=31536000",  # browsers heed it where it came by https
    "X-Content-Type-Options": "nosniff",
}
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
    """The role of this app. Raises `SettingsError` for an unknown role."""
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


class _BlueprintWithHeaders(TracedBlueprint):
    """A blueprint that adds the headers of every response to those of its HTTP functions."""

    def route(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        register = super().route(*args, **kwargs)
        return lambda user: register(_with_headers(user))


def _with_headers(handler: Callable[..., func.HttpResponse]) -> Callable[..., func.HttpResponse]:
    @wraps(handler)
    def with_headers(req: func.HttpRequest) -> func.HttpResponse:
        response = handler(req)
        for name, value in _ON_EVERY_ANSWER.items():
            response.headers[name] = value
        return response

    return with_headers


def new_blueprint() -> func.Blueprint:
    return _BlueprintWithHeaders()  # type: ignore[no-untyped-call] # the library leaves its constructor untyped
