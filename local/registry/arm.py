"""A double of the one operation of Azure Resource Manager that a copy uses: `importImage`.

It stands between registry doubles (or any other registries) and copies as the service does: the image or index by
digest or tag with its platforms, but not what refers to them. The copy is made when the operation is looked at for the
second time, so that every caller has to look twice.

    with Arm(registries, callers) as arm:
        arm.url
"""

import json
import re
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from slipway.effects.registry import BasicCredential, Manifest, Registry, RegistryEndpoint, RegistryError

IMPORT, PULL = "importImage", "pull"
MOST_MANIFESTS: Final = 50
LOOKS: Final = 2
"""How often an operation is looked at until it has ended."""
_LARGEST_BODY: Final = 64 * 1024
_IMAGE: Final = re.compile(r"(?P<repository>[^@:]+)(?:@(?P<digest>sha256:[0-9a-f]{64})|:(?P<tag>[\w.-]+))?")


@dataclass(frozen=True, kw_only=True)
class ArmRegistry:
    """A registry resource, and the credentials with which the service reaches it."""

    resource_id: str
    login_server: str
    username: str
    password: str = field(repr=False)

    def client(self) -> Registry:
        return Registry(RegistryEndpoint(self.login_server), BasicCredential(self.username, self.password))


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A caller's token, and its rights (`importImage`, `pull`) by resource id."""

    token: str = field(repr=False)
    rights: dict[str, frozenset[str]]


class ArmError(Exception):
    """An error response, in Resource Manager's format."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code

    @property
    def error(self) -> dict[str, str]:
        return {"code": self.code, "message": str(self)}


@dataclass
class Operation:
    """An import that was accepted."""

    source: ArmRegistry
    target: ArmRegistry
    repository: str
    reference: str
    tags: list[tuple[str, str]]
    untagged: list[str]
    looks: int = 0
    error: ArmError | None = None

    def poll(self) -> str:
        self.looks += 1
        if self.looks == LOOKS:
            try:
                self._copy()
            except ArmError as error:
                self.error = error
            except RegistryError as error:
                self.error = ArmError(400, "InvalidParameters", f"Error copying: {error.what}")
        if self.looks < LOOKS:
            return "InProgress"
        return "Failed" if self.error else "Succeeded"

    def _copy(self) -> None:
        source, target = self.source.client(), self.target.client()
        manifests = _manifests_of(source, self.repository, self.reference)
        if len(manifests) > MOST_MANIFESTS:
            raise ArmError(400, "InvalidParameters", f"The image has more than {MOST_MANIFESTS} manifests.")
        root = manifests[-1]
        for repository in dict.fromkeys([*(repository for repository, _ in self.tags), *self.untagged]):
            for manifest in manifests:
                _copy_blobs(source, self.repository, target, repository, manifest)
                target.put_manifest(repository, manifest.digest, manifest.raw, manifest.media_type)
        for repository, tag in self.tags:
            target.put_manifest(repository, tag, root.raw, root.media_type)


class Arm:
    """Resource Manager in a thread of this process."""

    def __init__(
        self, registries: Iterable[ArmRegistry], callers: Iterable[Caller], *, async_operation: bool = True
    ) -> None:
        self._registries = {registry.resource_id.casefold(): registry for registry in registries}
        self._callers = {caller.token: caller for caller in callers}
        self._async_operation = async_operation
        self._operations: dict[str, Operation] = {}
        self._lock = threading.Lock()
        self._server = _server(self)
        self.imports: list[dict[str, Any]] = []
        """The bodies of the imports that were accepted."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, name="arm", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def respond(self, method: str, url: str, token: str, body: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Handle a request; returns status, headers and content."""
        parts = urlsplit(url)
        caller = self._callers.get(token)
        if caller is None:
            raise ArmError(401, "InvalidAuthenticationToken", "The access token is invalid.")
        if "api-version" not in parse_qs(parts.query):
            raise ArmError(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        with self._lock:
            if method == "POST" and parts.path.endswith("/importImage"):
                return self._accept(caller, parts.path.removesuffix("/importImage"), body)
            if method == "GET" and parts.path.startswith("/operations/"):
                return self._poll(parts.path.removeprefix("/operations/"))
        raise ArmError(404, "NotFound", f"There is no {method} {parts.path[:200]}.")

    def _accept(self, caller: Caller, resource_id: str, body: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
        target = self._resource(resource_id)
        _require_right(caller, target, IMPORT, "AuthorizationFailed")
        import_request = _parse(body)
        source = self._resource(str(import_request["source"].get("resourceId", "")))
        _require_right(caller, source, PULL, "LinkedAuthorizationFailed")
        image = _IMAGE.fullmatch(str(import_request["source"].get("sourceImage", "")))
        if image is None:
            raise ArmError(400, "InvalidParameters", "source.sourceImage: expected repository@digest or repository:tag")
        tags = [_tag(name) for name in import_request.get("targetTags", [])]
        untagged = [str(name) for name in import_request.get("untaggedTargetRepositories", [])]
        if not tags and not untagged:
            raise ArmError(400, "InvalidParameters", "expected targetTags or untaggedTargetRepositories")
        if import_request.get("mode", "NoForce") != "Force":
            _refuse_existing(target, tags)
        name = secrets.token_hex(8)
        self._operations[name] = Operation(
            source=source,
            target=target,
            repository=image["repository"],
            reference=image["digest"] or image["tag"] or "latest",
            tags=tags,
            untagged=untagged,
        )
        self.imports.append(import_request)
        address = f"{self.url}/operations/{name}?api-version=2023-07-01&s=signature"
        header = "Azure-AsyncOperation" if self._async_operation else "Location"
        return 202, {header: address, "Retry-After": "1"}, {}

    def _poll(self, name: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        operation = self._operations.get(name)
        if operation is None:
            raise ArmError(404, "NotFound", "There is no such operation.")
        status = operation.poll()
        if self._async_operation:
            error = {"error": operation.error.error} if operation.error else {}
            return 200, {"Retry-After": "1"}, {"status": status, **error}
        if operation.error:
            raise operation.error
        return (200 if status == "Succeeded" else 202), {"Retry-After": "1"}, {}

    def _resource(self, resource_id: str) -> ArmRegistry:
        registry = self._registries.get(resource_id.casefold())
        if registry is None:
            raise ArmError(404, "ResourceNotFound", f"The resource {resource_id[:300]!r} was not found.")
        return registry


def _require_right(caller: Caller, registry: ArmRegistry, right: str, code: str) -> None:
    if right not in caller.rights.get(registry.resource_id, frozenset()):
        raise ArmError(403, code, f"The client does not have authorization to perform {right!r} over this scope.")


def _parse(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
        assert isinstance(document["source"], dict)
    except (ValueError, LookupError, TypeError, AssertionError):
        raise ArmError(400, "InvalidRequestContent", "expected a JSON object with a source") from None
    parsed: dict[str, Any] = document
    return parsed


def _tag(name: object) -> tuple[str, str]:
    repository, _, tag = str(name).partition(":")
    return repository, tag or "latest"


def _refuse_existing(target: ArmRegistry, tags: list[tuple[str, str]]) -> None:
    client = target.client()
    for repository, tag in tags:
        if client.resolve(repository, tag) is not None:
            raise ArmError(409, "Conflict", f"Tag {repository}:{tag} already exists in target registry.")


def _manifests_of(source: Registry, repository: str, reference: str) -> list[Manifest]:
    """The manifest with its platforms, children first; not what refers to them."""
    root = source.manifest(repository, reference)
    children = json.loads(root.raw).get("manifests", [])
    platforms = [manifest for child in children for manifest in _manifests_of(source, repository, child["digest"])]
    return [*platforms, root]


def _copy_blobs(source: Registry, origin: str, target: Registry, repository: str, manifest: Manifest) -> None:
    document = json.loads(manifest.raw)
    config = [document["config"]] if "config" in document else []
    for blob in (*config, *document.get("layers", ())):
        digest, size = blob["digest"], blob["size"]
        if not target.blob_exists(repository, digest):
            target.put_blob(repository, digest, size, partial(source.open_blob, origin, digest, size))


def _server(arm: Arm) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), _LARGEST_BODY))
            scheme, _, token = self.headers.get("Authorization", "").partition(" ")
            try:
                response = arm.respond(self.command, self.path, token if scheme == "Bearer" else "", body)
            except ArmError as error:
                response = error.status, {}, {"error": error.error}
            status, headers, content = response
            raw = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = _handle  # noqa: N815 - names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: addresses contain signatures."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server
