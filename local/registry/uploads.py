"""Uploads in progress: chunks are appended to a file and hashed as they arrive, so that memory use stays flat.

A location carries a signed state with its offset. As in docker-registry, writing requires the newest location; a client
that lost it requests the status, which returns a new one.
"""

import hashlib
import re
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from .errors import Code, OciError
from .names import is_digest
from .tokens import Signer

if TYPE_CHECKING:
    from hashlib import _Hash

CHUNK_BYTES = 2**20
CONTENT_RANGE = re.compile(r"(?:bytes )?(\d{1,15})-(\d{1,15})(?:/(?:\*|\d{1,15}))?")


@dataclass(kw_only=True)
class Upload:
    """One upload; `size` and `hasher` always match the bytes in the file."""

    uuid: str
    repository: str
    path: Path
    size: int = 0
    hasher: "_Hash" = field(default_factory=hashlib.sha256, repr=False)
    busy: bool = False


class Uploads:
    """The uploads of one process; they do not outlive it."""

    def __init__(self, signer: Signer, *, max_bytes: int) -> None:
        self._signer = signer
        self._max_bytes = max_bytes
        self._by_uuid: dict[str, Upload] = {}
        self._directory = Path()

    def open(self, directory: Path) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self._directory = directory

    def close(self) -> None:
        for upload in list(self._by_uuid.values()):
            self.cancel(upload)

    def start(self, repository: str) -> Upload:
        uuid = secrets.token_hex(16)
        upload = Upload(uuid=uuid, repository=repository, path=self._directory / uuid)
        upload.path.touch()
        self._by_uuid[uuid] = upload
        return upload

    def find(self, request: web.Request, repository: str) -> Upload:
        upload = self._by_uuid.get(request.match_info["uuid"])
        if upload is None or upload.repository != repository:
            raise OciError(Code.BLOB_UPLOAD_UNKNOWN)
        if not self._signer.matches(_state_text(upload, _offset(request)), request.query.get("_state", "")):
            raise OciError(
                Code.BLOB_UPLOAD_INVALID, "_state: expected the one of a Location that this registry returned"
            )
        return upload

    def check_state(self, upload: Upload, request: web.Request) -> None:
        """Refuse a location that is not the newest, and a chunk that does not start where the last one ended."""
        if upload.busy:
            raise OciError(Code.BLOB_UPLOAD_INVALID, "another request is writing to this upload")
        is_wrong = _offset(request) != upload.size
        if content_range := request.headers.get("Content-Range"):
            parts = CONTENT_RANGE.fullmatch(content_range)
            is_wrong |= parts is None or int(parts[1]) != upload.size
            if parts and not is_wrong and request.content_length not in (None, int(parts[2]) - int(parts[1]) + 1):
                raise OciError(
                    Code.SIZE_INVALID, f"Content-Range {content_range}, Content-Length {request.content_length}"
                )
        if is_wrong:
            detail = f"expected a chunk that starts at {upload.size}"
            raise OciError(Code.RANGE_INVALID, detail, headers=self.headers(upload))

    async def append(self, upload: Upload, request: web.Request) -> None:
        """Append the body. If the client goes away, what has arrived is kept."""
        upload.busy = True
        try:
            with upload.path.open("ab") as file:
                async for chunk in request.content.iter_chunked(CHUNK_BYTES):
                    if upload.size + len(chunk) > self._max_bytes:
                        self.cancel(upload)
                        raise OciError(Code.SIZE_INVALID, f"expected at most {self._max_bytes} bytes", status=413)
                    file.write(chunk)
                    upload.hasher.update(chunk)
                    upload.size += len(chunk)
        finally:
            upload.busy = False

    def finish(self, upload: Upload, digest: str, path_of: Callable[[str], Path]) -> None:
        """Store the bytes under their digest; a wrong digest ends the upload."""
        actual = f"sha256:{upload.hasher.hexdigest()}"
        if not is_digest(digest) or digest != actual:
            self.cancel(upload)
            raise OciError(Code.DIGEST_INVALID, f"digest: expected {actual} of the bytes sent, got {digest[:100]!r}")
        del self._by_uuid[upload.uuid]
        upload.path.replace(path_of(digest))

    def store(self, data: bytes, path: Path) -> None:
        """Store small content, never half-written under its digest."""
        draft = self._directory / secrets.token_hex(16)
        draft.write_bytes(data)
        draft.replace(path)

    def cancel(self, upload: Upload) -> None:
        self._by_uuid.pop(upload.uuid, None)
        upload.path.unlink(missing_ok=True)

    def headers(self, upload: Upload) -> dict[str, str]:
        state = self._signer.sign(_state_text(upload, upload.size))
        return {
            "Location": f"/v2/{upload.repository}/blobs/uploads/{upload.uuid}?_at={upload.size}&_state={state}",
            "Range": f"0-{max(upload.size - 1, 0)}",
            "Docker-Upload-UUID": upload.uuid,
        }


def _state_text(upload: Upload, offset: int) -> str:
    return f"upload {upload.repository} {upload.uuid} {offset}"


def _offset(request: web.Request) -> int:
    text = request.query.get("_at", "")
    return int(text) if text.isdecimal() and len(text) < 16 else -1
