"""Content that a docker-registry keeps: blobs and uploads are relayed, manifests are read and written there.

docker-registry 2.8 has no locks, no referrers and no deletion of tags: those stay in the index in front of it.
At the start it walks the backend's catalog, and indexes what the backend already holds.
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
SENT_ON = ("Content-Type", "Content-Range", "Content-Length", "Range")
SENT_BACK = (
    "Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "Docker-Content-Digest", "Docker-Upload-UUID",
    "Range", "Etag",
)  # fmt: skip


class BackendContent(Content):
    """Leaves the bytes to a registry that asks for no credentials, such as one that listens on this machine only."""

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
        await self._adopt(index)

    @override
    async def close(self) -> None:
        if self._session:
            await self._session.close()

    # Blobs and uploads

    @override
    async def has_blob(self, repository: str, digest: str) -> bool:
        async with self.session.head(f"{self._url}/v2/{repository}/blobs/{digest}") as answer:
            return answer.status == 200

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
        async with self.session.get(f"{self._url}/v2/{repository}/blobs/{digest}") as answer:
            if answer.status != 200 or (answer.content_length or 0) > MAX_MANIFEST_BYTES:
                return None
            return await answer.read()

    # Manifests

    @override
    async def put_manifest(self, repository: str, reference: str, document: Document) -> None:
        url = f"{self._url}/v2/{repository}/manifests/{reference}"
        async with self.session.put(url, data=document.body, headers={"Content-Type": document.media_type}) as answer:
            if answer.status != 201:
                raise await _failure(answer)
            stored = answer.headers.get("Docker-Content-Digest")
        if stored != document.digest:
            raise OciError(Code.BACKEND_FAILED, f"expected the backend to keep {document.digest}, it kept {stored}")

    @override
    async def get_manifest(self, repository: str, digest: str) -> bytes:
        body, _ = await self._manifest(repository, digest)
        if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
            raise OciError(Code.BACKEND_FAILED, f"expected the bytes of {digest}, the backend gave others")
        return body

    @override
    async def drop_manifest(self, repository: str, digest: str) -> None:
        async with self.session.delete(f"{self._url}/v2/{repository}/manifests/{digest}") as answer:
            if answer.status not in (202, 404):
                raise await _failure(answer)

    async def _manifest(self, repository: str, reference: str) -> tuple[bytes, str]:
        url = f"{self._url}/v2/{repository}/manifests/{reference}"
        async with self.session.get(url, headers={"Accept": ACCEPT}) as answer:
            if answer.status != 200:
                raise await _failure(answer)
            return await answer.read(), answer.headers.get("Content-Type", "")

    # Relaying

    async def _relay(self, request: web.Request, path: str) -> web.StreamResponse:
        """Send a request on and its answer back, both as streams."""
        headers = {name: request.headers[name] for name in SENT_ON if name in request.headers}
        body = request.content if request.can_read_body else None
        async with self.session.request(
            request.method, self._url + path, headers=headers, data=body, allow_redirects=False
        ) as answer:
            response = web.StreamResponse(status=answer.status)
            for name in SENT_BACK:
                if name in answer.headers:
                    response.headers[name] = answer.headers[name]
            if location := answer.headers.get("Location"):
                parts = urlsplit(location)
                response.headers["Location"] = parts.path + (f"?{parts.query}" if parts.query else "")
            await response.prepare(request)
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                await response.write(chunk)
            await response.write_eof()
            return response

    # What was there before

    async def _adopt(self, index: Index) -> None:
        async for repository in self._names("/v2/_catalog", "repositories"):
            async for tag in self._names(f"/v2/{repository}/tags/list", "tags"):
                await self._take_in(index, repository, tag, tag)

    async def _take_in(self, index: Index, repository: str, reference: str, tag: str | None) -> None:
        body, media_type = await self._manifest(repository, reference)
        document = documents.parse(body, media_type)
        for child in document.children:
            if not index.manifest(repository, child.digest):
                await self._take_in(index, repository, child.digest, None)
        architecture = system = None
        if document.config and document.config.media_type in PLATFORM_CONFIGS:
            config = await self.read_small_blob(repository, document.config.digest)
            architecture, system = documents.platform(config or b"")
        index.put_manifest(repository, document, tag=tag, architecture=architecture, os=system)

    async def _names(self, path: str, field: str) -> AsyncIterator[str]:
        """All names of a list that comes in pages."""
        following: str | None = path
        while following:
            async with self.session.get(self._url + following) as answer:
                if answer.status == 404:
                    return  # docker-registry lists a repository whose last tag is gone, and then does not know it
                if answer.status != 200:
                    raise await _failure(answer)
                names = (await answer.json()).get(field) or []
                link = answer.links.get("next")
                following = URL(link["url"]).raw_path_qs if link else None
            for name in names:
                yield name


async def _failure(answer: aiohttp.ClientResponse) -> OciError:
    """The backend's own error if it is one of the standard ones, 502 otherwise."""
    try:
        error = (await answer.json(content_type=None))["errors"][0]
        return OciError(Code[error["code"]], error.get("detail"), status=answer.status)
    except (ValueError, LookupError, TypeError):
        return OciError(Code.BACKEND_FAILED, f"{answer.method} answered {answer.status}")
