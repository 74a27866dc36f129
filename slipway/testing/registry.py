"""An in-memory registry, and a urllib3 pool that connects to it without sockets.

Like real registries it refuses a manifest whose blobs or children it does not have. It logs all requests.
"""

import io
import json
import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import urllib3

from ..effects.registry import Anonymous, Lock, Registry, RegistryEndpoint, RegistryError, TagInfo
from .artifacts import DOCKER_FOREIGN, OCI_INDEX, ArtifactDouble, digest_of

_MANIFEST = re.compile(r"/v2/(.+)/manifests/([^/]+)")
_BLOB = re.compile(r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})")
_UPLOADS = re.compile(r"/v2/(.+)/blobs/uploads/")
_UPLOAD = re.compile(r"/v2/(.+)/blobs/uploads/([0-9]+)")
_REFERRERS = re.compile(r"/v2/(.+)/referrers/(sha256:[0-9a-f]{64})")
_TAGS = re.compile(r"/v2/(.+)/tags/list")


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.url).query).items()}


@dataclass(frozen=True, kw_only=True)
class RegistryReply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def error(status: int, code: str, message: str = "") -> RegistryReply:
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return RegistryReply(status=status, headers={"Content-Type": "application/json"}, body=body)


class MemoryRegistry:
    """The content of a registry, and its HTTP API."""

    def __init__(self, *, referrers_api: bool = True) -> None:
        self.referrers_api = referrers_api
        self.lists_answer = RegistryReply(status=404, body=b"404 page not found")
        """Its answer to a question for referrers if it has no such API."""
        self.subject_answer: RegistryReply | None = None
        """Its answer to a manifest with a subject, if it does not accept any."""
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[bytes, str]] = {}
        self.tags: dict[tuple[str, str], str] = {}
        self.log: list[Request] = []
        self._uploads = 0

    def writes(self) -> list[str]:
        return [
            f"{request.method} {request.path}"
            for request in self.log
            if request.method in ("PUT", "POST", "PATCH", "DELETE")
        ]

    def seed(self, repository: str, built: ArtifactDouble, tag: str | None = None) -> str:
        for part in built.parts():
            self.blobs |= {(repository, digest_of(blob)): blob for blob in part.blobs}
            self.manifests[repository, part.digest] = (part.raw, part.media_type)
        if tag:
            self.tags[repository, tag] = built.digest
        return built.digest

    def handle(self, request: Request) -> RegistryReply:
        self.log.append(request)
        for pattern, handler in (
            (_UPLOADS, self._start),
            (_UPLOAD, self._upload),
            (_BLOB, self._blob),
            (_MANIFEST, self._manifest),
            (_REFERRERS, self._referrers),
            (_TAGS, self._tags),
        ):
            match = pattern.fullmatch(request.path)
            if match:
                return handler(request, *match.groups())
        return RegistryReply(status=200 if request.path == "/v2/" else 404, body=b"404 page not found")

    def _start(self, request: Request, repository: str) -> RegistryReply:
        mount = (request.query.get("from", ""), request.query.get("mount", ""))
        if mount in self.blobs:
            self.blobs[repository, mount[1]] = self.blobs[mount]
            return RegistryReply(status=201)
        self._uploads += 1
        return RegistryReply(
            status=202, headers={"Location": f"/v2/{repository}/blobs/uploads/{self._uploads}?_state=s"}
        )

    def _upload(self, request: Request, repository: str, number: str) -> RegistryReply:
        if request.method == "DELETE":
            return RegistryReply(status=204)
        digest = request.query["digest"]
        if digest_of(request.body) != digest:
            return error(400, "DIGEST_INVALID")
        self.blobs[repository, digest] = request.body
        return RegistryReply(status=201, headers={"Docker-Content-Digest": digest})

    def _blob(self, request: Request, repository: str, digest: str) -> RegistryReply:
        data = self.blobs.get((repository, digest))
        if data is None:
            return error(404, "BLOB_UNKNOWN")
        start = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if start:
            remainder = data[int(start[1]) :]
            extent = f"bytes {start[1]}-{len(data) - 1}/{len(data)}"
            return RegistryReply(status=206, headers={"Content-Range": extent}, body=remainder)
        return RegistryReply(status=200, body=data)

    def _manifest(self, request: Request, repository: str, reference: str) -> RegistryReply:
        if request.method == "PUT":
            return self._put_manifest(request, repository, reference)
        digest = self.tags.get((repository, reference), reference)
        if (repository, digest) not in self.manifests:
            return error(404, "MANIFEST_UNKNOWN")
        raw, media_type = self.manifests[repository, digest]
        return RegistryReply(
            status=200, headers={"Content-Type": media_type, "Docker-Content-Digest": digest}, body=raw
        )

    def _put_manifest(self, request: Request, repository: str, reference: str) -> RegistryReply:
        document = json.loads(request.body)
        if "subject" in document and self.subject_answer is not None:
            return self.subject_answer
        for layer in document.get("layers", ()):
            if layer["mediaType"] == DOCKER_FOREIGN and not layer.get("urls"):
                return error(400, "MANIFEST_INVALID", "missing URL on layer")
        config = [document["config"]] if "config" in document else []
        missing = [
            descriptor["digest"]
            for descriptor in (*config, *document.get("layers", ()))
            if (repository, descriptor["digest"]) not in self.blobs and not descriptor.get("urls")
        ] + [
            descriptor["digest"]
            for descriptor in document.get("manifests", ())
            if (repository, descriptor["digest"]) not in self.manifests
        ]
        if missing:
            return error(400, "MANIFEST_BLOB_UNKNOWN", missing[0])
        digest = digest_of(request.body)
        self.manifests[repository, digest] = (request.body, request.headers["Content-Type"])
        if ":" not in reference:
            self.tags[repository, reference] = digest
        return RegistryReply(status=201, headers={"Docker-Content-Digest": digest})

    def _referrers(self, request: Request, repository: str, digest: str) -> RegistryReply:
        if not self.referrers_api:
            return self.lists_answer
        descriptors = []
        for (manifest_repository, manifest_digest), (raw, media_type) in self.manifests.items():
            if manifest_repository == repository and _subject_of(raw) == digest:
                descriptors.append({"mediaType": media_type, "digest": manifest_digest, "size": len(raw)})
        body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors}).encode()
        return RegistryReply(status=200, headers={"Content-Type": OCI_INDEX}, body=body)

    def _tags(self, request: Request, repository: str) -> RegistryReply:
        names = sorted(tag for tagged_repository, tag in self.tags if tagged_repository == repository)
        after, count = request.query.get("last", ""), int(request.query.get("n", "1000"))
        following = [name for name in names if name > after]
        headers = {}
        if len(following) > count:
            following = following[:count]
            headers["Link"] = f'</v2/{repository}/tags/list?n={count}&last={following[-1]}>; rel="next"'
        return RegistryReply(
            status=200, headers=headers, body=json.dumps({"name": repository, "tags": following}).encode()
        )


class MemoryPool:
    """A pool that passes each request to the handler of its host."""

    def __init__(self, **hosts: Any) -> None:
        self.hosts: dict[str, Any] = hosts

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        body = options.get("body") or b""
        request = Request(
            method=method,
            url=url,
            headers=dict(options["headers"]),
            body=body if isinstance(body, bytes) else b"".join(_bytes(body)),
        )
        reply: RegistryReply = self.hosts[urlsplit(url).netloc](request)
        return urllib3.HTTPResponse(
            body=io.BytesIO(b"" if method == "HEAD" else reply.body),
            headers={"Content-Length": str(len(reply.body)), **reply.headers},
            status=reply.status,
            preload_content=False,
            decode_content=False,
            request_method=method,
        )


def _bytes(chunks: Iterable[bytes]) -> Iterable[bytes]:
    yield from chunks


def _subject_of(raw: bytes) -> str | None:
    """The subject of a manifest; None also for invalid JSON, which a test may have stored."""
    try:
        document = json.loads(raw)
    except ValueError:
        return None
    subject: str | None = document.get("subject", {}).get("digest")
    return subject


class RegistryDouble(Registry):
    """An in-memory registry, accessed with the real client.

    Overrides the methods that use Azure's metadata API, which has no double without sockets.
    """

    def __init__(self, name: str, clock: Callable[[], datetime]) -> None:
        self.held = MemoryRegistry()
        self.errors: list[RegistryError] = []
        """Raised by the next requests, one each."""
        self.locked: dict[tuple[str, str], str] = {}
        self.pushed: dict[tuple[str, str], datetime] = {}
        self.lists = 0
        self._name, self._clock = name, clock
        host = f"{name}.test"
        self.pool = MemoryPool(**{host: self._handle})
        super().__init__(RegistryEndpoint(host), Anonymous(), pool=self.pool, pause=lambda seconds: None)

    def __deepcopy__(self, known: dict[int, Any]) -> "RegistryDouble":
        duplicate = RegistryDouble(self._name, deepcopy(self._clock, known))
        for name in ("held", "errors", "locked", "pushed", "lists"):
            setattr(duplicate, name, deepcopy(getattr(self, name), known))
        return duplicate

    def _handle(self, request: Request) -> RegistryReply:
        if self.errors:
            raise self.errors.pop(0)
        return self.held.handle(request)

    def seed(self, repository: str, built: ArtifactDouble, tag: str) -> str:
        self.pushed[repository, tag] = self._clock()
        return self.held.seed(repository, built, tag)

    def lose(self, repository: str, digest: str) -> None:
        """Delete the manifest, as a purge would."""
        del self.held.manifests[repository, digest]

    def lock(self, repository: str, tag: str, digest: str) -> Lock:
        assert self.resolve(repository, tag) == digest
        self.locked[repository, tag] = digest
        return Lock.LOCKED

    def recent_tags(self, repository: str, limit: int) -> list[TagInfo]:
        self.lists += 1
        if self.errors:
            raise self.errors.pop(0)
        infos = [
            TagInfo(tag=tag, digest=self.held.tags[tagged_repository, tag], updated_at=at)
            for (tagged_repository, tag), at in self.pushed.items()
            if tagged_repository == repository
        ]
        return sorted(infos, key=lambda info: info.updated_at or self._clock(), reverse=True)[:limit]
