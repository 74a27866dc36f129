"""Serves both hosts of Azure DevOps over HTTP, each on a port of its own.

with AzureDevOps(organization) as azure:
    azure.url, azure.people_url, azure.token(oid)
"""

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from . import hooks, reading_code, reading_people, reading_runs
from .access import Gate, Keys, Tenant, key_of_this_process
from .answers import Refusal, Response, SignIn, list_response
from .locations import LOCATIONS
from .organization import Organization
from .routes import ApiRequest, Call, Host, Route
from .seeding import deliver_over_http
from .versions import VERSION, Versions

ROUTES: tuple[Route, ...] = (*reading_runs.table.routes, *reading_code.table.routes, *reading_people.table.routes)
MAX_BODY = 4 * 2**20
type HandleLocal = Callable[[str, bytes], Response]
"""Handles the requests under `/local`: takes the path below it, and the body."""


class Handler(BaseHTTPRequestHandler):
    organization: Organization
    host: Host
    keys: Keys
    handle_local: HandleLocal
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_OPTIONS(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, MAX_BODY))
        request = ApiRequest.of(self.command, self.path, self.headers.get("Accept", ""))
        organization = self.organization
        if request.organization == "local":
            self._send(self.handle_local("/".join(request.steps), body), VERSION)
            return
        organization.requests.append(f"{self.command} {self.path.partition('?')[0]}")
        try:
            response = self._respond(request, body)
        except Refusal as refusal:
            response = refusal.response()
        except SignIn:
            plainly = self.headers.get("X-TFS-FedAuthRedirect", "").casefold() == "suppress"
            response = (
                SignIn.unauthorized()
                if plainly
                else SignIn.response(redirects=organization.faults.redirects_to_sign_in)
            )
        self._send(response, request.version or VERSION)

    def _respond(self, request: ApiRequest, body: bytes) -> Response:
        organization, authorization = self.organization, self.headers.get("Authorization", "")
        faults = organization.faults
        if faults.stopped:
            raise Refusal(
                503,
                "HostShutdownException",
                f"TF24668: The following team project collection is stopped: {organization.name}. Start the collection "
                "and then try again.",
            )
        if hooks.handles(request) and self.host is Host.MAIN and authorization.startswith("Basic "):
            return hooks.respond(organization, request, authorization, body)
        reader = Gate(organization, self.keys, organization.clock).enter(authorization)
        if faults.blocked:
            raise Refusal(
                429,
                "RequestBlockedException",
                "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource "
                "'Concurrency' in namespace 'User'.",
                headers=_limits(30),
            )
        if request.organization.casefold() != organization.name.casefold():
            raise Refusal(404, "HostDoesNotExistException", "TF400797: The organization cannot be found.")
        if (request.method, request.steps, self.host) == ("OPTIONS", ("_apis",), Host.MAIN):
            return list_response([location.as_json() for location in LOCATIONS])
        route, words = request.route(self.host, ROUTES)
        request.check_version(_versions(route, attachments_in_preview=faults.attachments_in_preview))
        request.check_query(route.takes)
        response = route.handler(
            Call(organization=organization, reader=reader, words=words, query=request.query, body=body)
        )
        if faults.retry_after:
            return Response(
                content=response.content,
                status=response.status,
                headers={**response.headers, **_limits(faults.retry_after)},
            )
        return response

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _send(self, response: Response, version: str) -> None:
        body, activity = response.body, str(uuid.uuid4())
        self.send_response(response.status)
        if response.status != 204:
            self.send_header("Content-Type", response.type(version))
            self.send_header("Content-Length", str(len(body)))
        for name, value in response.headers.items():
            if name != "Content-Type":
                self.send_header(name, value)
        self.send_header("Cache-Control", "no-cache")
        self.send_header("ActivityId", activity)
        self.send_header("X-VSS-E2EID", activity)
        self.end_headers()
        if response.status != 204:
            self.wfile.write(body)


def _versions(route: Route, *, attachments_in_preview: bool) -> Versions:
    if attachments_in_preview and "attachments" in route.steps:
        return replace(route.versions, released=False)
    return route.versions


def _limits(seconds: int) -> dict[str, str]:
    return {
        "Retry-After": str(seconds),
        "X-RateLimit-Resource": "Core/TSTU",
        "X-RateLimit-Delay": str(seconds),
        "X-RateLimit-Limit": "200",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1780000000",
    }


def serve(
    organization: Organization,
    port: int = 0,
    *,
    host: Host = Host.MAIN,
    keys: Keys = lambda _: None,
    handle_local: HandleLocal | None = None,
) -> ThreadingHTTPServer:
    """A server that listens; the caller runs and stops it. Without keys it accepts no access token at all."""
    takes = handle_local or partial(deliver_over_http, organization)
    bound: dict[str, Any] = {
        "organization": organization,
        "host": host,
        "keys": staticmethod(keys),
        "handle_local": staticmethod(takes),
    }
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Bound", (Handler,), bound))
    server.daemon_threads = True
    return server


class AzureDevOps:
    """Both hosts in threads of this process. Without `keys` it accepts only the tokens that it issues itself."""

    def __init__(
        self,
        organization: Organization,
        *,
        keys: Keys | None = None,
        port: int = 0,
        handle_local: HandleLocal | None = None,
    ) -> None:
        self.organization = organization
        self._tenant = Tenant(organization.tenant, clock=organization.clock, key=key_of_this_process())
        accepted_keys = keys or self._tenant.keys
        self._servers = [
            serve(
                organization, port if host is Host.MAIN else 0, host=host, keys=accepted_keys, handle_local=handle_local
            )
            for host in Host
        ]
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True) for server in self._servers
        ]

    @property
    def port(self) -> int:
        return int(self._servers[0].server_port)

    @property
    def url(self) -> str:
        """Instead of `https://dev.azure.com`."""
        return f"http://127.0.0.1:{self._servers[0].server_port}"

    @property
    def people_url(self) -> str:
        """Instead of `https://vssps.dev.azure.com`."""
        return f"http://127.0.0.1:{self._servers[1].server_port}"

    def token(self, oid: str, /, **changes: object) -> str:
        """An access token of a service principal; see `Tenant.token`."""
        return self._tenant.token(oid, **changes)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()
