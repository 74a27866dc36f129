"""Content kept by a docker-registry: blobs and uploads are relayed, manifests are read and written there.

docker-registry 2.8 has no locks, no referrers and no deletion of tags: these stay in the index in front of it. At the
start, the backend's catalog is read, and its existing content is indexed.
"""

import hashlib
from collections.abc import AsyncIterator
from typing import override
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from . import documents
from .content import Content
from .documents import DOCKER_IMAGE, DOCKER_LIST, MAX_MANIFEST_BYTES, OCI_IMAGE, OCI_INDEX, PLATFORM_CONFIGS, Document
from .errors import Code, OciError
from .index import Index

ACCEPT = ", ".join((OCI_INDEX, DOCKER_LIST, OCI_IMAGE, DOCKER_IMAGE))
CHUNK_BYTES = 2**20
FORWARDED = ("Content-Type", "Content-Range", "Content-Length", "Range")
RETURNED = (
    "Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "Docker-Content-Digest", "Docker-Upload-UUID",
    "Range", "Etag",
)  # fmt: skip


class BackendContent(Content):
    """Leaves the bytes to a registry that requires no credentials, such as one that listens only on this machine."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        assert self._session is not None, "open() comes first"
        return self._session

    @override
    async def open(self, index: Index) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
        self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        await self._index_existing(index)

    @override
    async def close(self) -> None:
        if self._session:
            await self._session.close()

    # Blobs and uploads

    @override
    async def has_blob(self, repository: str, digest: str) -> bool:
        async with self.session.head(f"{self._url}/v2/{repository}/blobs/{digest}") as response:
            return response.status == 200

    @override
    async def blob_head(self, request: web.Request, repository: str, digest: str) -> web.StreamResponse:
        return await self._relay(request, f"/v2/{repository}/blobs/{digest}")

    @override
    async def blob_get(self, request: web.Request, repository: str, digest: str) -> web.StreamResponse:
        return await self._relay(request, f"/v2/{repository}/blobs/{digest}")

    @override
    async def blob_delete(self, request: web.Request, repository: str, digest: str) -> web.StreamResponse:
        return await self._relay(request, f"/v2/{repository}/blobs/{digest}")

    @override
    async def upload_start(
        self, request: web.Request, repository: str, mount: tuple[str, str] | None
    ) -> web.StreamResponse:
        path = f"/v2/{repository}/blobs/uploads/"
        if mount is not None:
            return await self._relay(request, f"{path}?mount={mount[1]}&from={mount[0]}")
        return await self._relay(request, path)

    @override
    async def upload_request(self, request: web.Request, repository: str) -> web.StreamResponse:
        return await self._relay(request, request.rel_url.raw_path_qs)

    @override
    async def read_small_blob(self, repository: str, digest: str) -> bytes | None:
        async with self.session.get(f"{self._url}/v2/{repository}/blobs/{digest}") as response:
            if response.status != 200 or (response.content_length or 0) > MAX_MANIFEST_BYTES:
                return None
            return await response.read()

    # Manifests

    @override
    async def put_manifest(self, repository: str, reference: str, document: Document) -> None:
        url = f"{self._url}/v2/{repository}/manifests/{reference}"
        async with self.session.put(url, data=document.body, headers={"Content-Type": document.media_type}) as response:
            if response.status != 201:
                raise await _failure(response)
            stored = response.headers.get("Docker-Content-Digest")
        if stored != document.digest:
            raise OciError(Code.BACKEND_FAILED, f"expected the backend to store {document.digest}, it stored {stored}")

    @override
    async def get_manifest(self, repository: str, digest: str) -> bytes:
        body, _ = await self._manifest(repository, digest)
        if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
            raise OciError(Code.BACKEND_FAILED, f"expected the bytes of {digest}, the backend returned others")
        return body

    @override
    async def drop_manifest(self, repository: str, digest: str) -> None:
        async with self.session.delete(f"{self._url}/v2/{repository}/manifests/{digest}") as response:
            if response.status not in (202, 404):
                raise await _failure(response)

    async def _manifest(self, repository: str, reference: str) -> tuple[bytes, str]:
        url = f"{self._url}/v2/{repository}/manifests/{reference}"
        async with self.session.get(url, headers={"Accept": ACCEPT}) as response:
            if response.status != 200:
                raise await _failure(response)
            return await response.read(), response.headers.get("Content-Type", "")

    # Relaying

    async def _relay(self, request: web.Request, path: str) -> web.StreamResponse:
        """Pass on a request and return the response, both as streams."""
        headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
        body = request.content if request.can_read_body else None
        async with self.session.request(
            request.method, self._url + path, headers=headers, data=body, allow_redirects=False
        ) as backend_response:
            response = web.StreamResponse(status=backend_response.status)
            for name in RETURNED:
                if name in backend_response.headers:
                    response.headers[name] = backend_response.headers[name]
            if location := backend_response.headers.get("Location"):
                parts = urlsplit(location)
                response.headers["Location"] = parts.path + (f"?{parts.query}" if parts.query else "")
            await response.prepare(request)
            async for chunk in backend_response.content.iter_chunked(CHUNK_BYTES):
                await response.write(chunk)
            await response.write_eof()
            return response

    # Existing content

    async def _index_existing(self, index: Index) -> None:
        async for repository in self._names("/v2/_catalog", "repositories"):
            async for tag in self._names(f"/v2/{repository}/tags/list", "tags"):
                await self._index_manifest(index, repository, tag, tag)

    async def _index_manifest(self, index: Index, repository: str, reference: str, tag: str | None) -> None:
        body, media_type = await self._manifest(repository, reference)
        document = documents.parse(body, media_type)
        for child in document.children:
            if not index.manifest(repository, child.digest):
                await self._index_manifest(index, repository, child.digest, None)
        architecture = system = None
        if document.config and document.config.media_type in PLATFORM_CONFIGS:
            config = await self.read_small_blob(repository, document.config.digest)
            architecture, system = documents.platform(config or b"")
        index.put_manifest(repository, document, tag=tag, architecture=architecture, os=system)

    async def _names(self, path: str, field: str) -> AsyncIterator[str]:
        """All names of a list that comes in pages."""
        next_path: str | None = path
        while next_path:
            async with self.session.get(self._url + next_path) as response:
                if response.status == 404:
                    return  # docker-registry lists repositories whose last tag is gone, but has no tags of them
                if response.status != 200:
                    raise await _failure(response)
                names = (await response.json()).get(field) or []
                link = response.links.get("next")
                next_path = URL(link["url"]).raw_path_qs if link else None
            for name in names:
                yield name


async def _failure(response: aiohttp.ClientResponse) -> OciError:
    """The backend's own error if it is a standard one, otherwise 502."""
    try:
        error = (await response.json(content_type=None))["errors"][0]
        return OciError(Code[error["code"]], error.get("detail"), status=response.status)
    except (ValueError, LookupError, TypeError):
        return OciError(Code.BACKEND_FAILED, f"{response.method} got the status {response.status}")
