"""The app's HTTP functions behind WSGI, in this process: as the host calls them, without the host."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import azure.functions as func
import pytest

from functions import api, audit_api, commands, doctor, guard, numbers, openapi, proof, votes
from local.functions.routes import compile_route
from slipway.domain.roles import Role
from slipway.flow.anchoring import Anchors
from slipway.flow.commanding import Commander
from slipway.flow.doctor import Finding
from slipway.flow.doctor.checks import Status
from slipway.flow.freezing import Freezer
from slipway.flow.inbound.caller import Access
from slipway.flow.parking import Parking
from slipway.flow.provenance import Provenance
from slipway.ledger.installation import Installation
from slipway.ledger.logs import MemoryLog
from slipway.ledger.reindexing import Reindexing
from tests.unit.pages.installation import BASE, InMemory

MODULES = (api, audit_api, commands, doctor, numbers, openapi, proof, votes)
PHRASES = {200: "OK", 202: "Accepted", 304: "Not Modified"}


def serve(monkeypatch: pytest.MonkeyPatch, home: InMemory, **more: Any) -> "Served":
    """The API over the installation, which believes every caller to be an admin unless `access` says otherwise."""
    installation = Installation(home.table, home.indexer)
    given = {
        "settings": SimpleNamespace(sign_in="none", public_url=f"{BASE}/"),
        "clock": home.desk.clock,
        "keys": home.keys,
        "catalogue": home.catalogue,
        "reader": home.reader,
        "intake": home.intake,
        "commander": Commander(
            intake=home.intake,
            reader=home.reader,
            freezer=Freezer(
                installation=installation, catalogue=home.catalogue, intake=home.intake, clock=home.desk.clock
            ),
            clock=home.desk.clock,
        ),
        "trail": home.trail,
        "provenance": Provenance(reader=home.reader, trail=home.trail),
        "reindexing": Reindexing(table=home.table, index=home.index),
        "installation": installation,
        "numbers": home.numbers,
        "doctor": SimpleNamespace(
            checks={"table": None}, run=lambda name: Finding(check=name, status=Status.OK, said="it answers")
        ),
        "anchors": Anchors(log=MemoryLog()),
        "parking": Parking(installation=installation, bus=home.bus, clock=home.desk.clock),
        "access": Access(easy_auth=False, host_keys=True, host_key_role=Role.ADMIN),
    }
    built = SimpleNamespace(**(given | more))
    for module in (*MODULES, guard):
        if hasattr(module, "parts"):
            monkeypatch.setattr(module, "parts", lambda: built)
    return Served()


class Served:
    """A WSGI application."""

    def __init__(self) -> None:
        app = func.FunctionApp()
        for module in MODULES:
            app.register_functions(module.blueprint)
        self.routes = []
        # The first that fits by the name of its function, as in the host.
        for function in sorted(app.get_functions(), key=lambda function: function.get_function_name().upper()):
            trigger = function.get_trigger().get_dict_repr()
            route = compile_route("/" + trigger["route"])
            self.routes.append((route, trigger["methods"], function.get_user_function()))

    def get(self, target: str, **headers: str) -> func.HttpResponse:
        return self.request("GET", target, headers=headers)

    def request(self, method: str, target: str, *, headers: Any = None, body: bytes = b"") -> func.HttpResponse:
        path, _, query = target.partition("?")
        return self.route(method, path, query, headers=headers, body=body)

    def route(self, method: str, path: str, query: str, *, headers: Any, body: bytes) -> func.HttpResponse:
        for route, methods, handler in self.routes:
            values = route.match(path)
            if values is None or method not in [str(getattr(m, "value", m)) for m in methods]:
                continue
            given = dict(parse_qsl(query, keep_blank_values=True, errors="replace"))
            found: func.HttpResponse = handler(
                func.HttpRequest(
                    method, BASE + path, headers=headers or {}, params=given, route_params=values, body=body
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
