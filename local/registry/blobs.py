"""`/v2/<repository>/blobs/…`: rights, mounting, and redirects to signed URLs; the bytes are in `content.py`.

ACR responds to a blob GET with 307 to storage, which takes a signature in the query and refuses an Authorization
header. The double redirects clients to itself under another host name, to catch clients that would leak their token.
"""

from datetime import timedelta
from urllib.parse import urlencode

from aiohttp import web

from . import names
from .auth import Scope
from .content import Content
from .errors import Code, OciError
from .gate import Gate
from .index import Index
from .tokens import Now, Signer

DATA_URL_LIFE = timedelta(minutes=20)


class Blobs:
    """Blob and upload requests."""

    def __init__(
        self, *, gate: Gate, index: Index, content: Content, signer: Signer, now: Now, data_host: str | None
    ) -> None:
        self._gate = gate
        self._index = index
        self._content = content
        self._signer = signer
        self._now = now
        self._data_host = data_host

    def routes(self) -> list[web.RouteDef]:
        upload = "/v2/{name:.+}/blobs/uploads/{uuid:[A-Za-z0-9-]+}"
        return [
            web.post("/v2/{name:.+}/blobs/uploads/", self.start),
            *(web.route(method, upload, self.upload) for method in ("GET", "PATCH", "PUT", "DELETE")),
            web.head("/v2/{name:.+}/blobs/{digest}", self.head),
            web.get("/v2/{name:.+}/blobs/{digest}", self.get, allow_head=False),
            web.delete("/v2/{name:.+}/blobs/{digest}", self.delete),
            web.get("/data/{name:.+}/{digest}", self.data),
        ]

    async def head(self, request: web.Request) -> web.StreamResponse:
        repository, digest = self._parse(request)
        self._gate.require_actions(request, repository, "pull")
        return await self._content.blob_head(request, repository, digest)

    async def get(self, request: web.Request) -> web.StreamResponse:
        repository, digest = self._parse(request)
        self._gate.require_actions(request, repository, "pull")
        if self._data_host is None:
            return await self._content.blob_get(request, repository, digest)
        if not await self._content.has_blob(repository, digest):
            raise OciError(Code.BLOB_UNKNOWN, {"digest": digest})
        expiry = str(int((self._now() + DATA_URL_LIFE).timestamp()))
        query = {"se": expiry, "sig": self._signer.sign(f"data {repository} {digest} {expiry}")}
        port = request.url.port
        location = f"{request.scheme}://{self._data_host}:{port}/data/{repository}/{digest}?{urlencode(query)}"
        return web.Response(status=307, headers={"Location": location, "Docker-Content-Digest": digest})

    async def data(self, request: web.Request) -> web.StreamResponse:
        repository, digest = self._parse(request)
        if "Authorization" in request.headers:
            raise OciError(
                Code.BODY_INVALID, "InvalidAuthenticationInfo: expected no Authorization header next to a signed URL"
            )
        expiry, signature = request.query.get("se", ""), request.query.get("sig", "")
        if not self._signer.matches(f"data {repository} {digest} {expiry}", signature):
            raise OciError(Code.DENIED, "AuthenticationFailed: the signature does not match")
        if self._now().timestamp() >= int(expiry):
            raise OciError(Code.DENIED, "AuthenticationFailed: the signed URL has expired")
        return await self._content.blob_get(request, repository, digest)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        repository, digest = self._parse(request)
        self._gate.require_actions(request, repository, "delete")
        return await self._content.blob_delete(request, repository, digest)

    async def start(self, request: web.Request) -> web.StreamResponse:
        repository = names.repository(request)
        mount = _mount(request)
        scopes = [Scope.repository(repository, "pull", "push")]
        # Mounting requires the right to pull from the source, and the challenge names both repositories.
        scopes += [Scope.repository(mount[0], "pull")] if mount else []
        self._gate.require(request, *scopes)
        self._refuse_locked(repository)
        return await self._content.upload_start(request, repository, mount)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        repository = names.repository(request)
        self._gate.require_actions(request, repository, "pull", "push")
        return await self._content.upload_request(request, repository)

    def _refuse_locked(self, repository: str) -> None:
        stored = self._index.repository(repository)
        if stored and not stored.attributes.write_enabled:
            raise OciError(Code.REGISTRY_DISALLOWED_OPERATION, {"reason": "writeEnabled is false"})

    def _parse(self, request: web.Request) -> tuple[str, str]:
        return names.repository(request), names.digest(request.match_info["digest"])


def _mount(request: web.Request) -> tuple[str, str] | None:
    """Repository and digest to mount, if the client asks for that."""
    digest, source = request.query.get("mount"), request.query.get("from")
    return (names.valid_repository(source), names.digest(digest)) if digest and source else None
