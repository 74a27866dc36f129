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
    """The API of the installation. Whoever calls without a token of their own calls with one of `who`: by default of
    somebody with these roles, or else with the role platform."""
    home.restart(**{"public_url": f"{BASE}/"} | settings)
    use(monkeypatch, home, *MODULES, guard)
    caller = who or person(7, "Olga", *(roles or (Role.PLATFORM,)))
    return Served(lambda: bearer(home.app, caller))


def use(monkeypatch: pytest.MonkeyPatch, home: Installation, *modules: ModuleType) -> None:
    """The modules' functions work on this installation."""
    for module in modules:
        if hasattr(module, "parts"):
            monkeypatch.setattr(module, "parts", lambda: home.app)


def shared_parts(module: ModuleType) -> App:
    """The installation on which the module's functions work."""
    app: App = vars(module)["parts"]()
    return app


def is_anonymous(handler: Callable[..., Any]) -> bool:
    """Whether people bring something else than a token of the API: a link."""
    return any(each.name == "api_vote" and each.handler is handler for each in registered(votes))


class Served:
    """A WSGI application."""

    def __init__(self, known: Callable[[], dict[str, str]]) -> None:
        self.known = known
        """The headers of a caller without a token of their own."""
        # The first that fits by the name of its function, as in the host.
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
            values = route.match(path)
            if values is None or method not in methods:
                continue
            given_headers = {**({} if is_anonymous(handler) else self.known()), **(headers or {})}
            given = dict(parse_qsl(query, keep_blank_values=True, errors="replace"))
            found: func.HttpResponse = handler(
                func.HttpRequest(
                    method, BASE + path, headers=given_headers, params=given, route_params=values, body=body
                )
            )
            return found
        return func.HttpResponse(status_code=404)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = {key[5:].replace("_", "-"): value for key, value in environ.items() if key.startswith("HTTP_")}
        if content_type := environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = content_type
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        answer = self.route(environ["REQUEST_METHOD"], path, environ["QUERY_STRING"], headers=headers, body=body)
        status = f"{answer.status_code} {PHRASES.get(answer.status_code, 'Other')}"
        sent = [*answer.headers.items()]
        if answer.status_code != 304:
            sent.append(("Content-Type", f"{answer.mimetype}; charset={answer.charset}"))
        start_response(status, sent)
        return [answer.get_body()]
