"""`/v2/<repository>/manifests/…`, tags, the catalog and referrers."""

import json

from aiohttp import web

from . import documents, locks, names
from .auth import CATALOG
from .content import Content
from .documents import MAX_MANIFEST_BYTES, OCI_IMAGE, OCI_INDEX, PLATFORM_CONFIGS, Document
from .errors import Code, OciError
from .events import Announcer
from .gate import Gate
from .index import Index
from .names import Page, is_digest
from .records import Manifest

KINDS = {OCI_IMAGE: "OCI manifest", OCI_INDEX: "OCI index"}


class Manifests:
    """Manifests by tag and by digest. Every accepted push is announced."""

    def __init__(self, *, gate: Gate, index: Index, content: Content, announcer: Announcer) -> None:
        self._gate = gate
        self._index = index
        self._content = content
        self._announcer = announcer

    def routes(self) -> list[web.RouteDef]:
        manifest = "/v2/{name:.+}/manifests/{reference}"
        return [
            web.get("/v2/", self.check),
            web.get("/v2/_catalog", self.catalog),
            web.get("/v2/{name:.+}/tags/list", self.tags),
            web.get("/v2/{name:.+}/referrers/{digest}", self.referrers),
            web.get(manifest, self.get),  # answers HEAD too
            web.put(manifest, self.put),
            web.delete(manifest, self.delete),
        ]

    async def check(self, request: web.Request) -> web.Response:
        self._gate.require(request)
        return web.json_response({})

    async def catalog(self, request: web.Request) -> web.Response:
        self._gate.require(request, CATALOG)
        page = Page.of(request)
        repositories = self._index.repositories(page)
        return web.json_response({"repositories": repositories[: page.size]}, headers=page.link(request, repositories))

    async def tags(self, request: web.Request) -> web.Response:
        repository, page = names.repository(request), Page.of(request)
        self._gate.require_actions(request, repository, "pull")
        if self._index.repository(repository) is None:
            raise OciError(Code.NAME_UNKNOWN, {"name": repository})
        tags = [tag.name for tag in self._index.tags(repository, page)]
        return web.json_response({"name": repository, "tags": tags[: page.size]}, headers=page.link(request, tags))

    async def get(self, request: web.Request) -> web.Response:
        repository, reference = names.repository(request), names.reference(request)
        self._gate.require_actions(request, repository, "pull")
        digest, tag = locks.resolve(self._index, repository, reference)
        locks.check_read(self._index, repository, digest, tag)
        manifest = self._index.manifest(repository, digest)
        if manifest is None:
            raise OciError(Code.MANIFEST_UNKNOWN, {"Name": repository, "Revision": digest})
        _refuse_unacceptable(request, manifest.media_type)
        body = await self._content.get_manifest(repository, digest)
        headers = {"Content-Type": manifest.media_type, "Docker-Content-Digest": digest, "Etag": f'"{digest}"'}
        return web.Response(body=body, headers=headers)

    async def put(self, request: web.Request) -> web.Response:
        repository, reference = names.repository(request), names.reference(request)
        self._gate.require_actions(request, repository, "pull", "push")
        document = documents.parse(await _manifest_body(request), request.headers.get("Content-Type", ""))
        tag = None if is_digest(reference) else reference
        if tag is None and reference != document.digest:
            raise OciError(Code.DIGEST_INVALID, f"expected {document.digest} of the bytes sent, got {reference}")
        locks.check_push(self._index, repository, document.digest, tag)
        await self._content.put_manifest(repository, reference, document)
        architecture, system = await self._platform(repository, document)
        self._index.put_manifest(repository, document, tag=tag, architecture=architecture, os=system)
        self._announcer.announce_push(request, repository, document, tag)
        headers = {
            "Location": f"/v2/{repository}/manifests/{document.digest}",
            "Docker-Content-Digest": document.digest,
        }
        if document.subject:
            headers["OCI-Subject"] = document.subject
        return web.Response(status=201, headers=headers)

    async def delete(self, request: web.Request) -> web.Response:
        repository, reference = names.repository(request), names.reference(request)
        self._gate.require_actions(request, repository, "delete")
        digest, tag = locks.resolve(self._index, repository, reference)
        if tag is not None:
            locks.check_delete_tag(self._index, repository, tag)
            self._index.drop_tag(repository, tag)
            return web.Response(status=202)
        await self._delete_with_referrers(request, repository, digest)
        return web.Response(status=202)

    async def referrers(self, request: web.Request) -> web.Response:
        """The manifests whose subject is this digest; an empty index if there are none, or the digest is unknown."""
        repository, digest = names.repository(request), names.digest(request.match_info["digest"])
        self._gate.require_actions(request, repository, "pull")
        manifests = self._index.referrers(repository, digest)
        headers = {"Content-Type": OCI_INDEX}
        if artifact_type := request.query.get("artifactType"):
            manifests = [manifest for manifest in manifests if manifest.artifact_type == artifact_type]
            headers["OCI-Filters-Applied"] = "artifactType"
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [_descriptor(manifest) for manifest in manifests],
        }
        return web.Response(body=json.dumps(document).encode(), headers=headers)

    async def _delete_with_referrers(self, request: web.Request, repository: str, digest: str) -> None:
        """As on ACR, everything that refers to a deleted subject is deleted with it; a single lock among these keeps
        all of them."""
        to_delete = [digest]
        for subject in to_delete:
            locks.check_delete_manifest(self._index, repository, subject)
            to_delete += [m.digest for m in self._index.referrers(repository, subject) if m.digest not in to_delete]
        for target in reversed(to_delete):
            manifest = self._index.manifest(repository, target)
            if manifest is not None:
                await self._content.drop_manifest(repository, target)
                self._index.drop_manifest(repository, target)
                self._announcer.announce_deletion(request, repository, manifest)

    async def _platform(self, repository: str, document: Document) -> tuple[str | None, str | None]:
        if document.config is None or document.config.media_type not in PLATFORM_CONFIGS:
            return None, None
        config = await self._content.read_small_blob(repository, document.config.digest)
        return documents.platform(config) if config else (None, None)


def _descriptor(manifest: Manifest) -> dict[str, object]:
    descriptor: dict[str, object] = {
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": manifest.size,
        "artifactType": manifest.artifact_type,
        "annotations": manifest.annotations,
    }
    return {name: value for name, value in descriptor.items() if value}


def _refuse_unacceptable(request: web.Request, media_type: str) -> None:
    """OCI manifests are only returned to clients that name their type, as in the code that ACR and docker-registry
    share."""
    accepted = {
        part.partition(";")[0].strip() for value in request.headers.getall("Accept", []) for part in value.split(",")
    }
    if media_type in KINDS and media_type not in accepted:
        kind = KINDS[media_type]
        raise OciError(Code.MANIFEST_UNKNOWN, f"{kind} found, but accept header does not support {kind}s")


async def _manifest_body(request: web.Request) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_chunked(2**16):
        body += chunk
        if len(body) > MAX_MANIFEST_BYTES:
            raise OciError(Code.MANIFEST_INVALID, f"expected at most {MAX_MANIFEST_BYTES} bytes", status=413)
    return bytes(body)
