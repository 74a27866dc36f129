"""The app's own HTTP functions behind a socket, over an installation in memory: what attackers and browsers talk to.

The routes are those that the app registers. Once somebody has signed in, every request carries their cookies, whichever
site sent it: `SameSite`, which browsers heed, must not be the only protection.
"""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import azure.functions as func

from functions import approvals, changes, guard, operate, pages, signing_in, votes
from slipway.bootstrap import App
from slipway.domain.release import Release
from slipway.testing.sign_in import signed_in
from tests.registered import registered
from tests.serving import in_a_thread
from tests.unit.web.installation import ScriptedInstallation
from tests.unit.web.visitors import token_person

MODULES = (pages, approvals, changes, operate, signing_in, votes, guard)


class Site:
    """One installation that is being served."""

    def __init__(self, home: ScriptedInstallation, subject: Release) -> None:
        self.home, self.subject = home, subject
        home.hear_at_once()
        self.signed_in: dict[str, str] = {}
        """Cookies of the person who has signed in, as a header; see `sign_in`."""
        self.lock = threading.Lock()

    @property
    def base(self) -> str:
        return self.home.app.settings.public_url

    def sign_in(self, name: str) -> None:
        """Sign somebody in, in the only browser that there is."""
        self.signed_in = signed_in(self.home.app, token_person(name)).headers

    def link(self, approver: str) -> str:
        return f"{self.base}/approvals/{self.home.token(self.subject, approver)}"

    def state(self) -> Any:
        """Everything that is stored and everything that was sent, to be compared before and after."""
        return {p: dict(rows) for p, rows in self.home.table._rows.items()}, list(self.home.bus.sent)

    def votes(self) -> list[tuple[str, str]]:
        gate = self.home.release(self.subject.number).gate
        return [(vote.voter, str(vote.decision)) for vote in gate.votes] if gate else []

    def actions(self, chain: str = "") -> list[str]:
        return self.home.actions(chain)

    def parts(self) -> App:
        return self.home.app


def _routes() -> list[tuple[re.Pattern[str], frozenset[str], Any]]:
    """The routes in the order in which the host tries them: that of the functions' names."""
    routes = []
    functions = registered(pages, approvals, changes, operate, signing_in, votes)
    for function in sorted(functions, key=lambda function: function.name):
        path = "/" + str(function.trigger["route"]).strip("/")
        pattern = re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)) + "$")
        routes.append((pattern, frozenset(function.methods), function.handler))
    return routes


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    routes = _routes()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            for pattern, methods, function in routes:
                match = pattern.match(parts.path)
                if match and self.command in methods:
                    route = {name: unquote(value) for name, value in match.groupdict().items()}
                    self._send(function(self._request(parts.query, route, body)))
                    return
            self._send(func.HttpResponse(status_code=404))

        def _request(self, query: str, route: Mapping[str, str], body: bytes) -> func.HttpRequest:
            headers = dict(self.headers.items())
            headers = {name: value for name, value in headers.items() if name != "Cookie"} | site.signed_in
            return func.HttpRequest(
                self.command,
                site.base + self.path,
                headers=headers,
                params=dict(parse_qsl(query)),
                route_params=dict(route),
                body=body,
            )

        def _send(self, response: func.HttpResponse) -> None:
            body = response.get_body()
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                self.send_header(name, value)
            if not response.headers.get("Content-Type"):
                self.send_header("Content-Type", f"{response.mimetype}; charset={response.charset}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_OPTIONS = do_PUT = do_DELETE = _answer  # noqa: N815 - as the base class has it

    return Handler


@contextmanager
def serving_site(site: Site) -> Iterator[Site]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    site.home.restart(public_url=f"http://127.0.0.1:{server.server_port}")
    with in_a_thread(server):
        yield site
