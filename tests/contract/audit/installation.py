"""An installation whose JSON API is served over HTTP by the functions themselves, for the command to call."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import azure.functions as func
import pytest

from functions import api, audit_api, guard, proof
from slipway.domain.audit import AuditDraft
from slipway.domain.export import ExportFormat
from slipway.domain.release import Phase
from slipway.domain.signed_head import sign_head
from slipway.ledger import keys
from slipway.ledger.rows import pack, pack_audit
from slipway.ledger.table import Act, Write
from slipway.maintenance.exporting import ContainerExport
from slipway.maintenance.retention import Retention
from slipway.testing import BASE, Installation
from slipway.testing.chains import PUBLIC_KEYS, SIGNER, signed_chain
from tests.serving import in_a_thread

KEY = "the-key"


class Audited(Installation):
    """An installation with a history, whose API is served. Use as a context manager."""

    def __post_init__(self) -> None:
        self.settings = {"retention": "7d", "export": "jsonl", **self.settings}
        super().__post_init__()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler())
        self._ends = ExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def retention(self, age: timedelta, *, part: int = 10) -> Retention:
        base = self.app.retention
        assert base is not None
        return replace(base, age=age, part=part)

    def container_export(self, form: ExportFormat = ExportFormat.JSONL, *, part: int = 10) -> ContainerExport:
        export = self.app.container_export
        assert export is not None
        return replace(export, form=form, part=part)

    def deliver(self, tag: str) -> None:
        """A release goes through staging, is approved, and is brought to production."""
        number = self.app.ledger.head("shop").next_release
        self.push(tag)
        self.settle()
        self.vote(number)
        self.settle()
        assert self.phase(number) is Phase.COMPLETED

    def append(self, *drafts: AuditDraft) -> None:
        """Append records as the ledger writes them, with any content."""
        table, row = self.app.table, self.app.table.get("shop", keys.HEAD)
        assert row is not None
        head = self.app.ledger.head("shop")
        records = signed_chain(drafts, application="shop", time=self.now, sequence=head.sequence, previous=head.hash)
        new_head = head.evolve(sequence=records[-1].sequence, hash=records[-1].hash)
        new_head = sign_head(new_head, before=head, changes={}, signer=SIGNER, keys=PUBLIC_KEYS)
        writes = [Write(act=Act.CREATE, key=keys.audit(r.sequence), values=pack_audit(r)) for r in records]
        table.transact("shop", [*writes, Write(act=Act.PUT, key=keys.HEAD, values=pack(new_head))])
        self.app.index.write(records)

    def reindex(self, *partitions: str) -> None:
        """Copy trails into the index that were put into the table directly."""
        for partition in partitions:
            head = self.app.ledger.head(partition).sequence
            self.app.reindexing.compare(partition, head=head, repair=True, limit=head)

    def serve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the functions serve this installation."""
        for module in (api, audit_api, guard, proof):
            monkeypatch.setattr(module, "parts", lambda: self.app)

    def __enter__(self) -> Self:
        self._ends.enter_context(in_a_thread(self._server))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()


def respond(method: str, target: str) -> func.HttpResponse:
    """Call the function behind the route."""
    parts = urlsplit(target)
    path = [unquote(part) for part in parts.path.removeprefix("/api/v1/").split("/")]
    request = func.HttpRequest(
        method,
        BASE + target,
        params=dict(parse_qsl(parts.query)),
        route_params={"application": path[1 if path[-1] == "index" else -1]},
        headers={},
        body=b"",
    )
    match path:
        case ["applications"]:
            return api.list_applications(request)
        case ["audit", _]:
            return audit_api.list_chain(request)
        case ["public-keys"]:
            return proof.public_keys(request)
        case ["anchors", _]:
            return proof.anchors(request)
        case ["anchors"]:
            return proof.anchored_chains(request)
        case ["verification", _, "index"]:
            return proof.index_verification(request)
        case _:
            return func.HttpResponse(status_code=404)


def _handler() -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            response = respond("GET", self.path)
            body = response.get_body()
            self.send_response(response.status_code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests print nothing."""

    return Handler
