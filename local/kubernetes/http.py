"""The socket: parses requests, finds the resource, checks access, and sends what the other parts answer."""

import re
import select
import socket
import sys
import traceback
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from . import known
from .access import Access, Attempt, attempt
from .errors import ApiError, bad_request, not_implemented, not_there
from .exchange import Reply, Request
from .resources import (
    ACCESS_REVIEWS,
    NAMESPACES,
    SELF_REVIEWS,
    Json,
    Resource,
    absent,
    aggregated,
    discovery,
    is_known_group,
)
from .settings import Token
from .store import Store
from .subresources import Subresources
from .verbs import Verbs
from .watch import Watch

MAX_BODY = 3 * 1024 * 1024
KEPT_REQUESTS = 10_000
_PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+)/(?P<version>[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/[^/]))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>[^/]+)(?:/(?P<rest>.*))?)?)?"
)


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request that came in, for tests to look at: never its headers."""

    method: str
    path: str
    query: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestTarget:
    """The target of a path."""

    resource: Resource
    namespace: str | None
    name: str | None
    subresource: str
    rest: str


def parse_path(path: str, store: Store) -> RequestTarget | None:
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    part = {k: unquote(v) if v is not None else None for k, v in found.groupdict().items()}
    namespace, plural, name, sub = part["namespace"], part["plural"], part["name"], part["sub"]
    if namespace and part["core"] and plural in NAMESPACES.subresources and name is None:
        plural, name, sub, namespace = NAMESPACES.plural, namespace, plural, None
    resource = store.at_path(part["core"] or f"{part['group']}/{part['version']}", plural or "")
    if resource is None:
        return None
    rest = found["rest"] or ""
    return RequestTarget(resource=resource, namespace=namespace, name=name, subresource=sub or "", rest=rest)


class Api:
    """Routes a request to what answers it."""

    def __init__(self, *, store: Store, access: Access, verbs: Verbs, subresources: Subresources) -> None:
        self.store = store
        self.seen: deque[SeenRequest] = deque(maxlen=KEPT_REQUESTS)
        self._access = access
        self._verbs = verbs
        self._subresources = subresources

    def answer(self, request: Request) -> Reply | Watch:
        """The reply, or a watch to stream. Raises ApiError."""
        self.seen.append(SeenRequest(request.method, request.path, request.raw_query))
        if request.path in ("/healthz", "/livez", "/readyz"):
            return Reply.text(b"ok")
        place = parse_path(request.path, self.store)
        below = place.subresource if place is not None else ""
        if below != "proxy" and request.method in known.QUERIES:
            known.check_request(request, log=below == "log")
        who = self._access.who(request.headers.get("authorization", ""))
        asks_for_kinds = place is None and request.method == "GET"
        document = _discovered(request, self.store.resources()) if asks_for_kinds else None
        return self._route(request, who) if document is None else Reply.of(document)

    def _route(self, request: Request, who: Token) -> Reply | Watch:
        place = parse_path(request.path, self.store)
        if place is None:
            if unknown := absent(request.path):
                raise not_implemented(unknown)
            if is_known_group(request.path):
                raise not_there()
            return Reply.text(b"404 page not found\n", 404)
        resource = place.resource
        if place.subresource and place.subresource not in resource.subresources:
            raise not_there()
        if resource is ACCESS_REVIEWS:
            return self._review(who, request)
        if resource is SELF_REVIEWS:
            return self._introduce(who, request)
        self._access.check(who, self._attempt(place, request))
        return self._resource(place, request, who)

    def _attempt(self, place: RequestTarget, request: Request) -> Attempt:
        watch = request.method == "GET" and request.flag("watch")
        name = place.name
        if place.subresource == "proxy" and name:
            name = name.split(":")[1 if name.count(":") == 2 else 0]
        return attempt(request.method, place.resource, place.namespace, name, place.subresource, watch=watch)

    def _review(self, who: Token, request: Request) -> Reply:
        if request.method != "POST":
            raise _not_allowed()
        return Reply.of(self._access.review(who, request.object()), 201)

    def _introduce(self, who: Token, request: Request) -> Reply:
        if request.method != "POST":
            raise _not_allowed()
        asked = request.object()
        if asked.get("kind") not in (None, SELF_REVIEWS.kind):
            wrong, kind, version = asked["kind"], SELF_REVIEWS.kind, SELF_REVIEWS.api_version
            raise bad_request(
                f'{wrong} in version "v1" cannot be handled as a {kind}: no kind "{wrong}" is registered for version '
                f'"{version}" in scheme "pkg/runtime/scheme.go:111"'
            )
        made = {"kind": SELF_REVIEWS.kind, "apiVersion": SELF_REVIEWS.api_version}
        return Reply.of(
            made | {"metadata": {"creationTimestamp": self.store.timestamp()}} | self._access.introduce(who), 201
        )

    def _resource(self, place: RequestTarget, request: Request, who: Token) -> Reply | Watch:
        if place.subresource in ("log", "proxy", "scale"):
            return self._below(place, request)
        if request.method == "GET":
            return self._read(place, request)
        with self.store.changed:
            return self._write(place, request, who)

    def _read(self, place: RequestTarget, request: Request) -> Reply | Watch:
        resource, namespace, name = place.resource, place.namespace, place.name
        if request.flag("watch"):
            if known.names_only(request):
                raise not_implemented("a watch of metadata alone")
            return Watch(self.store, resource, namespace, request, name=name)
        little = known.names_only(request)
        found = self._verbs.read(resource, namespace, name) if name else self._verbs.list(resource, namespace, request)
        return Reply.of(known.without_all_but_metadata(found)) if little else Reply.of(found)

    def _write(self, place: RequestTarget, request: Request, who: Token) -> Reply:
        resource, namespace, name = place.resource, place.namespace, place.name
        match request.method, name:
            case "POST", None if namespace or not resource.namespaced:
                return self._verbs.create(resource, namespace, request)
            case "PUT", str():
                return self._verbs.replace(resource, namespace, name, place.subresource, request)
            case "PATCH", str():
                return self._verbs.patch(resource, namespace, name, place.subresource, request, who=who)
            case "DELETE", str() if not place.subresource:
                return self._verbs.delete(resource, namespace, name, request)
            case "DELETE", None if namespace or not resource.namespaced:
                return self._verbs.delete_collection(resource, namespace, request)
            case _:
                raise _not_allowed()

    def _below(self, place: RequestTarget, request: Request) -> Reply:
        name = place.name or ""
        if place.subresource == "proxy":
            return self._subresources.proxy(place.resource, place.namespace, name, place.rest, request)
        if place.subresource == "log" and request.method == "GET":
            return self._subresources.log(place.namespace, name, request)
        if place.subresource == "scale" and request.method in ("GET", "PUT", "PATCH"):
            with self.store.changed:
                return self._subresources.scale(place.resource, place.namespace, name, request)
        raise _not_allowed()


def _not_allowed() -> ApiError:
    text = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", text)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # with it every reply takes 40 ms longer
    timeout = 120.0
    api: Api
    server: "ApiServer"

    def handle_one(self) -> None:
        try:
            answer = self.api.answer(self._request())
        except ApiError as error:
            answer = Reply.of(error.status(), error.code)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
            return
        except Exception as error:  # noqa: BLE001 - a fault of ours in one request: shown here, told as a 500
            traceback.print_exc()
            answer = Reply.of(ApiError(500, "InternalError", f"Internal error occurred: {error!r}").status(), 500)
        try:
            if isinstance(answer, Watch):
                self._stream(answer)
            else:
                self._send(answer)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    do_GET = handle_one  # noqa: N815 - the base class looks for these names
    do_HEAD = handle_one  # noqa: N815
    do_POST = handle_one  # noqa: N815
    do_PUT = handle_one  # noqa: N815
    do_PATCH = handle_one  # noqa: N815
    do_DELETE = handle_one  # noqa: N815

    def _request(self) -> Request:
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise ApiError(411, "LengthRequired", "a body needs a Content-Length")
        stated = self.headers.get("Content-Length") or "0"
        length = int(stated) if stated.isdigit() else MAX_BODY + 1
        if length > MAX_BODY:
            self.close_connection = True
            text = f"Request entity too large: limit is {MAX_BODY} bytes, got {stated[:20]}"
            raise ApiError(413, "RequestEntityTooLarge", text)
        body = self.rfile.read(length) if length else b""
        url = urlsplit(self.path)
        return Request(
            method=self.command,
            path=url.path,
            query={k: v[0] for k, v in parse_qs(url.query, keep_blank_values=True).items()},
            raw_query=url.query,
            headers={k.lower(): v for k, v in self.headers.items()},
            body=body,
        )

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.code)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def _stream(self, watch: Watch) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in watch.lines(self._listening):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = self.server.stopping

    def _listening(self) -> bool:
        if self.server.stopping:
            return False
        readable, _, _ = select.select([self.connection], [], [], 0)
        return not readable or bool(self.connection.recv(1, socket.MSG_PEEK))

    def log_message(self, format: str, *args: object) -> None:
        """Requests are kept in `Api.seen`, not printed."""


class ApiServer(ThreadingHTTPServer):
    """Listens on this machine only."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, api: Api, port: int) -> None:
        self.stopping = False
        handler = type("Handler", (_Handler,), {"api": api})
        super().__init__(("127.0.0.1", port), handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is not news; anything else is shown by the base class."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _discovered(request: Request, resources: tuple[Resource, ...]) -> Json | None:
    document = discovery(request.path, resources)
    return aggregated(request.path, resources) if document is not None and known.aggregated(request) else document
