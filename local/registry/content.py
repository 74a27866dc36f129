"""The store of bytes: its interface, and the implementation that keeps them as files named by digest.

The other implementation, in `backend.py`, leaves the bytes to a docker-registry.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Protocol, override

from aiohttp import web

from .documents import MAX_MANIFEST_BYTES, Document
from .errors import Code, OciError
from .index import Index
from .uploads import Upload, Uploads


class Content(Protocol):
    """Blobs, uploads and the bytes of manifests. Callers have checked names, rights and locks."""

    async def open(self, index: Index) -> None: ...

    async def close(self) -> None: ...

    async def has_blob(self, repository: str, digest: str) -> bool: ...

    async def blob_head(self, request: web.Request, repository: str, digest: str) -> web.StreamResponse: ...

    async def blob_get(self, request: web.Request, repository: str, digest: str) -> web.StreamResponse: ...

    async def blob_delete(self, request: web.Request, repository: str, digest: str) -> web.StreamResponse: ...

    async def upload_start(
        self, request: web.Request, repository: str, mount: tuple[str, str] | None
    ) -> web.StreamResponse: ...

    async def upload_request(self, request: web.Request, repository: str) -> web.StreamResponse: ...

    async def read_small_blob(self, repository: str, digest: str) -> bytes | None:
        """A blob that is at most as large as a manifest, such as an image's config; None if it is absent or larger."""

    async def put_manifest(self, repository: str, reference: str, document: Document) -> None: ...

    async def get_manifest(self, repository: str, digest: str) -> bytes: ...

    async def drop_manifest(self, repository: str, digest: str) -> None: ...


class LocalContent(Content):
    """Files below one directory. Blobs are shared by all repositories, and linked in the index."""

    def __init__(self, directory: Path | None, uploads: Uploads) -> None:
        self._temporary = directory is None
        self._root = directory or Path(tempfile.mkdtemp(prefix="slipway-registry-"))
        self._blobs = self._root / "blobs" / "sha256"
        self._uploads = uploads
        self._index: Index | None = None

    @property
    def index_path(self) -> Path:
        self._root.mkdir(parents=True, exist_ok=True)
        return self._root / "index.sqlite"

    @property
    def index(self) -> Index:
        assert self._index is not None, "open() comes first"
        return self._index

    @override
    async def open(self, index: Index) -> None:
        self._index = index
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._uploads.open(self._root / "uploads")

    @override
    async def close(self) -> None:
        self._uploads.close()
        if self._temporary:
            shutil.rmtree(self._root, ignore_errors=True)

    # Blobs

    @override
    async def has_blob(self, repository: str, digest: str) -> bool:
        return self.index.has_blob(repository, digest)

    @override
    async def blob_head(self, request: web.Request, repository: str, digest: str) -> web.StreamResponse:
        size = self._linked_path(repository, digest).stat().st_size
        # A Response without a body would announce a length of 0; HEAD must announce that of the blob.
        response = web.StreamResponse(headers=_blob_headers(digest))
        response.content_length = size
        await response.prepare(request)
        await response.write_eof()
        return response

    @override
    async def blob_get(self, request: web.Request, repository: str, digest: str) -> web.StreamResponse:
        return web.FileResponse(self._linked_path(repository, digest), chunk_size=2**20, headers=_blob_headers(digest))

    @override
    async def blob_delete(self, request: web.Request, repository: str, digest: str) -> web.StreamResponse:
        self._linked_path(repository, digest)
        self.index.unlink_blob(repository, digest)
        return web.Response(status=202)

    @override
    async def read_small_blob(self, repository: str, digest: str) -> bytes | None:
        path = self._path(digest)
        if not self.index.has_blob(repository, digest) or path.stat().st_size > MAX_MANIFEST_BYTES:
            return None
        return path.read_bytes()

    # Uploads

    @override
    async def upload_start(
        self, request: web.Request, repository: str, mount: tuple[str, str] | None
    ) -> web.StreamResponse:
        if mount is not None and self.index.has_blob(*mount):
            self.index.link_blob(repository, mount[1])
            return self._created_response(repository, mount[1])
        upload = self._uploads.start(repository)
        if digest := request.query.get("digest"):
            await self._uploads.append(upload, request)
            return self._finish(upload, digest)
        return web.Response(status=202, headers=self._uploads.headers(upload))

    @override
    async def upload_request(self, request: web.Request, repository: str) -> web.StreamResponse:
        upload = self._uploads.find(request, repository)
        if request.method == "GET":
            return web.Response(status=204, headers=self._uploads.headers(upload))
        if request.method == "DELETE":
            self._uploads.cancel(upload)
            return web.Response(status=204)
        self._uploads.check_state(upload, request)
        if request.method == "PATCH":
            await self._uploads.append(upload, request)
            return web.Response(status=202, headers=self._uploads.headers(upload))
        if request.can_read_body:
            await self._uploads.append(upload, request)
        return self._finish(upload, request.query.get("digest", ""))

    def _finish(self, upload: Upload, digest: str) -> web.Response:
        self._uploads.finish(upload, digest, self._path)
        self.index.link_blob(upload.repository, digest)
        return self._created_response(upload.repository, digest)

    def _created_response(self, repository: str, digest: str) -> web.Response:
        headers = {"Location": f"/v2/{repository}/blobs/{digest}", "Docker-Content-Digest": digest}
        return web.Response(status=201, headers=headers)

    # Manifests

    @override
    async def put_manifest(self, repository: str, reference: str, document: Document) -> None:
        missing = [blob.digest for blob in document.blobs if not self.index.has_blob(repository, blob.digest)]
        missing += [child.digest for child in document.children if not self.index.manifest(repository, child.digest)]
        if missing:
            raise OciError(Code.MANIFEST_BLOB_UNKNOWN, {"digest": missing[0]})
        self._uploads.store(document.body, self._path(document.digest))

    @override
    async def get_manifest(self, repository: str, digest: str) -> bytes:
        return self._path(digest).read_bytes()

    @override
    async def drop_manifest(self, repository: str, digest: str) -> None:
        """Do nothing: other repositories may hold the same bytes, and the double collects no garbage."""

    def _path(self, digest: str) -> Path:
        return self._blobs / digest.removeprefix("sha256:")

    def _linked_path(self, repository: str, digest: str) -> Path:
        if not self.index.has_blob(repository, digest):
            raise OciError(Code.BLOB_UNKNOWN, {"digest": digest})
        return self._path(digest)


def _blob_headers(digest: str) -> dict[str, str]:
    return {
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": digest,
        "Accept-Ranges": "bytes",
        "Etag": f'"{digest}"',
    }
