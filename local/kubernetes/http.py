"""The socket: parses requests, finds the resource, checks access, and sends the replies of the other parts."""

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
from .access import Access, Attempt, attempt_of
from .errors import ApiError, bad_request, not_implemented, path_not_found
from .exchange import Reply, Request
from .resources import (
    ACCESS_REVIEWS,
    NAMESPACES,
    SELF_REVIEWS,
    Json,
    Resource,
    aggregated_document,
    discovery,
    is_known_group,
    missing_kind,
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
    """A request that arrived, for tests to read: without its headers."""

    method: str
    path: str
    query: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestTarget:
    """What the path of a request refers to."""

    resource: Resource
    namespace: str | None
    name: str | None
    subresource: str
    rest: str


def parse_path(path: str, store: Store) -> RequestTarget | None:
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    part = {k: unquote(v) if v is not None else None for k, v in match.groupdict().items()}
    namespace, plural, name, sub = part["namespace"], part["plural"], part["name"], part["sub"]
    if namespace and part["core"] and plural in NAMESPACES.subresources and name is None:
        plural, name, sub, namespace = NAMESPACES.plural, namespace, plural, None
    resource = store.at_path(part["core"] or f"{part['group']}/{part['version']}", plural or "")
    if resource is None:
        return None
    rest = match["rest"] or ""
    return RequestTarget(resource=resource, namespace=namespace, name=name, subresource=sub or "", rest=rest)


class Api:
    """Routes each request to its handler."""

    def __init__(self, *, store: Store, access: Access, verbs: Verbs, subresources: Subresources) -> None:
        self.store = store
        self.seen: deque[SeenRequest] = deque(maxlen=KEPT_REQUESTS)
        self._access = access
        self._verbs = verbs
        self._subresources = subresources

    def respond(self, request: Request) -> Reply | Watch:
        """The reply, or a watch to stream. Raises ApiError."""
        self.seen.append(SeenRequest(request.method, request.path, request.raw_query))
        if request.path in ("/healthz", "/livez", "/readyz"):
            return Reply.text(b"ok")
        target = parse_path(request.path, self.store)
        subresource = target.subresource if target is not None else ""
        if subresource != "proxy" and request.method in known.QUERIES:
            known.check_request(request, log=subresource == "log")
        who = self._access.token_of(request.headers.get("authorization", ""))
        may_be_discovery = target is None and request.method == "GET"
        document = _discovery_document(request, self.store.resources()) if may_be_discovery else None
        return self._route(request, who) if document is None else Reply.of(document)

    def _route(self, request: Request, who: Token) -> Reply | Watch:
        target = parse_path(request.path, self.store)
        if target is None:
            if unknown := missing_kind(request.path):
                raise not_implemented(unknown)
            if is_known_group(request.path):
                raise path_not_found()
            return Reply.text(b"404 page not found\n", 404)
        resource = target.resource
        if target.subresource and target.subresource not in resource.subresources:
            raise path_not_found()
        if resource is ACCESS_REVIEWS:
            return self._review(who, request)
        if resource is SELF_REVIEWS:
            return self._introduce(who, request)
        self._access.check(who, self._attempt(target, request))
        return self._resource(target, request, who)

    def _attempt(self, target: RequestTarget, request: Request) -> Attempt:
        watch = request.method == "GET" and request.flag("watch")
        name = target.name
        if target.subresource == "proxy" and name:
            name = name.split(":")[1 if name.count(":") == 2 else 0]
        return attempt_of(request.method, target.resource, target.namespace, name, target.subresource, watch=watch)

    def _review(self, who: Token, request: Request) -> Reply:
        if request.method != "POST":
            raise _not_allowed()
        return Reply.of(self._access.review(who, request.object()), 201)

    def _introduce(self, who: Token, request: Request) -> Reply:
        if request.method != "POST":
            raise _not_allowed()
        review = request.object()
        if review.get("kind") not in (None, SELF_REVIEWS.kind):
            given_kind, kind, version = review["kind"], SELF_REVIEWS.kind, SELF_REVIEWS.api_version
            raise bad_request(
                f'{given_kind} in version "v1" cannot be handled as a {kind}: no kind "{given_kind}" is '
                f'registered for version "{version}" in scheme "pkg/runtime/scheme.go:111"'
            )
        review_header = {"kind": SELF_REVIEWS.kind, "apiVersion": SELF_REVIEWS.api_version}
        return Reply.of(
            review_header | {"metadata": {"creationTimestamp": self.store.timestamp()}} | self._access.introduce(who),
            201,
        )

    def _resource(self, target: RequestTarget, request: Request, who: Token) -> Reply | Watch:
        if target.subresource in ("log", "proxy", "scale"):
            return self._subresource_reply(target, request)
        if request.method == "GET":
            return self._read(target, request)
        with self.store.changed:
            return self._write(target, request, who)

    def _read(self, target: RequestTarget, request: Request) -> Reply | Watch:
        resource, namespace, name = target.resource, target.namespace, target.name
        if request.flag("watch"):
            if known.names_only(request):
                raise not_implemented("a watch of metadata alone")
            return Watch(self.store, resource, namespace, request, name=name)
        metadata_only = known.names_only(request)
        document = (
            self._verbs.read(resource, namespace, name) if name else self._verbs.list(resource, namespace, request)
        )
        return Reply.of(known.without_all_but_metadata(document)) if metadata_only else Reply.of(document)

    def _write(self, target: RequestTarget, request: Request, who: Token) -> Reply:
        resource, namespace, name = target.resource, target.namespace, target.name
        match request.method, name:
            case "POST", None if namespace or not resource.namespaced:
                return self._verbs.create(resource, namespace, request)
            case "PUT", str():
                return self._verbs.replace(resource, namespace, name, target.subresource, request)
            case "PATCH", str():
                return self._verbs.patch(resource, namespace, name, target.subresource, request, who=who)
            case "DELETE", str() if not target.subresource:
                return self._verbs.delete(resource, namespace, name, request)
            case "DELETE", None if namespace or not resource.namespaced:
                return self._verbs.delete_collection(resource, namespace, request)
            case _:
                raise _not_allowed()

    def _subresource_reply(self, target: RequestTarget, request: Request) -> Reply:
        name = target.name or ""
        if target.subresource == "proxy":
            return self._subresources.proxy(target.resource, target.namespace, name, target.rest, request)
        if target.subresource == "log" and request.method == "GET":
            return self._subresources.log(target.namespace, name, request)
        if target.subresource == "scale" and request.method in ("GET", "PUT", "PATCH"):
            with self.store.changed:
                return self._subresources.scale(target.resource, target.namespace, name, request)
        raise _not_allowed()


def _not_allowed() -> ApiError:
    text = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", text)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # Nagle's algorithm would delay every reply by 40 ms
    timeout = 120.0
    api: Api
    server: "ApiServer"

    def handle_one(self) -> None:
        try:
            reply = self.api.respond(self._request())
        except ApiError as error:
            reply = Reply.of(error.status(), error.code)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
            return
        except Exception as error:  # noqa: BLE001 - a bug that shows in one request is printed, and answered with 500
            traceback.print_exc()
            reply = Reply.of(ApiError(500, "InternalError", f"Internal error occurred: {error!r}").status(), 500)
        try:
            if isinstance(reply, Watch):
                self._stream(reply)
            else:
                self._send(reply)
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
        stated_length = self.headers.get("Content-Length") or "0"
        length = int(stated_length) if stated_length.isdigit() else MAX_BODY + 1
        if length > MAX_BODY:
            self.close_connection = True
            text = f"Request entity too large: limit is {MAX_BODY} bytes, got {stated_length[:20]}"
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
        for line in watch.lines(self._is_client_connected):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = self.server.stopping

    def _is_client_connected(self) -> bool:
        if self.server.stopping:
            return False
        readable, _, _ = select.select([self.connection], [], [], 0)
        return not readable or bool(self.connection.recv(1, socket.MSG_PEEK))

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: requests are kept in `Api.seen`."""


class ApiServer(ThreadingHTTPServer):
    """Listens on this machine only."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, api: Api, port: int) -> None:
        self.stopping = False
        handler = type("Handler", (_Handler,), {"api": api})
        super().__init__(("127.0.0.1", port), handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that went away; the base class prints anything else."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _discovery_document(request: Request, resources: tuple[Resource, ...]) -> Json | None:
    document = discovery(request.path, resources)
    return (
        aggregated_document(request.path, resources)
        if document is not None and known.wants_aggregated(request)
        else document
    )
