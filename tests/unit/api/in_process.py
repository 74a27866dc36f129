"""The app's HTTP functions behind WSGI, in this process: as the host calls them, without the host."""

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

import azure.functions as func
import pytest

from functions import (
    api,
    audit_api,
    catalogue,
    changes_api,
    commands,
    guard,
    inbox,
    looks,
    numbers,
    openapi,
    proof,
    votes,
)
from local.functions.routes import compile_route
from slipway.bootstrap import App
from slipway.domain.identity import TokenPerson
from slipway.domain.roles import Role
from slipway.testing import BASE, Installation
from slipway.testing.sign_in import bearer, person
from tests.registered import registered

MODULES = (api, audit_api, catalogue, changes_api, commands, inbox, looks, numbers, openapi, proof, votes)
PHRASES = {200: "OK", 202: "Accepted", 304: "Not Modified"}


def serve(
    monkeypatch: pytest.MonkeyPatch, home: Installation, *roles: str, who: TokenPerson | None = None, **settings: Any
) -> "Served":
    """The installation's API. A call without a token of its own is made with a token of `who`, by default of somebody
    with these roles, or else with the role platform."""
    home.restart(**{"public_url": f"{BASE}/"} | settings)
    use(monkeypatch, home, *MODULES, guard)
    caller = who or person(7, "Olga", *(roles or (Role.PLATFORM,)))
    return Served(lambda: bearer(home.app, caller))


def use(monkeypatch: pytest.MonkeyPatch, home: Installation, *modules: ModuleType) -> None:
    """Point the modules' functions at this installation."""
    for module in modules:
        if hasattr(module, "parts"):
            monkeypatch.setattr(module, "parts", lambda: home.app)


def shared_parts(module: ModuleType) -> App:
    """The app that the module's functions work on."""
    app: App = vars(module)["parts"]()
    return app


def is_anonymous(handler: Callable[..., Any]) -> bool:
    """Whether the endpoint takes a link instead of an API token."""
    return any(function.name == "api_vote" and function.handler is handler for function in registered(votes))


class Served:
    """A WSGI application."""

    def __init__(self, caller_headers: Callable[[], dict[str, str]]) -> None:
        self.default_headers = caller_headers
        """Makes the headers that are sent with each call which brings none of the same name."""
        # Like the host, take the first route that fits, in the order of the functions' names.
        self.routes = [
            (compile_route("/" + function.trigger["route"]), function.methods, function.handler)
            for function in sorted(registered(*MODULES), key=lambda function: function.name.upper())
        ]

    def get(self, target: str, **headers: str) -> func.HttpResponse:
        return self.request("GET", target, headers=headers)

    def request(self, method: str, target: str, *, headers: Any = None, body: bytes = b"") -> func.HttpResponse:
        path, _, query = target.partition("?")
        return self.route(method, path, query, headers=headers, body=body)

    def route(self, method: str, path: str, query: str, *, headers: Any, body: bytes) -> func.HttpResponse:
        for route, methods, handler in self.routes:
            route_values = route.match(path)
            if route_values is None or method not in methods:
                continue
            given_headers = {**({} if is_anonymous(handler) else self.default_headers()), **(headers or {})}
            parameters = dict(parse_qsl(query, keep_blank_values=True, errors="replace"))
            response: func.HttpResponse = handler(
                func.HttpRequest(
                    method, BASE + path, headers=given_headers, params=parameters, route_params=route_values, body=body
                )
            )
            return response
        return func.HttpResponse(status_code=404)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = {key[5:].replace("_", "-"): value for key, value in environ.items() if key.startswith("HTTP_")}
        if content_type := environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = content_type
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        response = self.route(environ["REQUEST_METHOD"], path, environ["QUERY_STRING"], headers=headers, body=body)
        status = f"{response.status_code} {PHRASES.get(response.status_code, 'Other')}"
        response_headers = [*response.headers.items()]
        if response.status_code != 304:
            response_headers.append(("Content-Type", f"{response.mimetype}; charset={response.charset}"))
        start_response(status, response_headers)
        return [response.get_body()]
