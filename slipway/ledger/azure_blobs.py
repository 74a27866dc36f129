"""The ports of blobs on Blob Storage, through `azure-storage-blob`. Imported by the wiring only."""

import re
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobPrefix, ContainerClient, ContentSettings

from ..domain.chain_anchor import LIMIT
from ..domain.model import DIGEST_PATTERN, sha256
from .blobs import BLOB_LIMIT, check_blob_size, check_hash
from .containers import lazy_container
from .table import Conflict, LedgerUnavailable

PAGE = 5
"""Names in one answer: nearly always only the newest is wanted."""


class AzureBlobs:
    """Documents named by their hash."""

    def __init__(self, client: ContainerClient, *, limit: int = BLOB_LIMIT, makes: bool = False) -> None:
        """`limit` is the size of the largest blob; `makes`: the container is made on first use if it is missing."""
        self._lazy, self._limit = lazy_container(client, makes=makes), limit

    def put(self, content: bytes, content_type: str) -> str:
        digest = sha256(check_blob_size(content, self._limit))
        settings = ContentSettings(content_type=content_type)
        try:
            self._lazy.client.upload_blob(_name(digest), content, overwrite=False, content_settings=settings)
        except ResourceExistsError:
            return digest
        except AzureError as error:
            if isinstance(error, HttpResponseError) and error.status_code == HTTPStatus.FORBIDDEN and self._has(digest):
                return digest  # with only a right to create, the service denies access to a blob that exists
            raise LedgerUnavailable(f"blob {digest}: {type(error).__name__}") from error
        return digest

    def _has(self, digest: str) -> bool:
        try:
            return bool(self._lazy.client.get_blob_client(_name(digest)).exists())
        except AzureError:
            return False  # without a right to read, whether the blob exists cannot be told

    def get(self, digest: str) -> bytes | None:
        if re.fullmatch(DIGEST_PATTERN, digest) is None:
            return None
        try:
            download = self._lazy.client.download_blob(_name(digest))
            if download.size > self._limit:
                raise ValueError(
                    f"the document {digest} was changed: it has {download.size} bytes, more than any of ours"
                )
            return check_hash(digest, download.readall())
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            raise LedgerUnavailable(f"blob {digest}: {type(error).__name__}") from error

    def remove(self, digest: str) -> None:
        if re.fullmatch(DIGEST_PATTERN, digest) is None:
            return
        try:
            self._delete(_name(digest))
        except AzureError as error:
            raise LedgerUnavailable(f"blob {digest}: {type(error).__name__}") from error

    def remove_old(self, before: datetime, *, limit: int = 1000) -> int:
        removed = 0
        try:
            for blob in self._lazy.client.list_blobs():
                if removed < limit and blob.last_modified < before:
                    self._delete(blob.name)
                    removed += 1
        except AzureError as error:
            raise LedgerUnavailable(f"blobs: {type(error).__name__}") from error
        return removed

    def _delete(self, name: str) -> None:
        try:
            self._lazy.client.delete_blob(name)
        except ResourceNotFoundError:
            return


def _name(digest: str) -> str:
    return digest.replace(":", "/")


class AzureAdded:
    """Blobs that are only added."""

    def __init__(self, client: ContainerClient, *, makes: bool = False) -> None:
        """`makes`: the container is made on first use if it is missing."""
        self._lazy = lazy_container(client, makes=makes)

    def add(self, name: str, content: bytes, content_type: str = "application/json") -> None:
        settings = ContentSettings(content_type=content_type)
        try:
            self._lazy.client.upload_blob(name, content, overwrite=False, content_settings=settings)
        except ResourceExistsError as error:
            raise Conflict(f"{name} is there already") from error
        except AzureError as error:
            raise LedgerUnavailable(f"blob {name}: {type(error).__name__}") from error

    def folders(self, prefix: str) -> Iterator[str]:
        try:
            for item in self._lazy.client.walk_blobs(name_starts_with=prefix, delimiter="/"):
                if isinstance(item, BlobPrefix):
                    yield str(item.name).removeprefix(prefix).rstrip("/")
        except AzureError as error:
            raise LedgerUnavailable(f"blobs {prefix}…: {type(error).__name__}") from error

    def listed(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        try:
            for blob in self._lazy.client.list_blobs(name_starts_with=prefix, results_per_page=PAGE):
                yield blob.name, self._lazy.client.download_blob(blob.name, offset=0, length=LIMIT).readall()
        except AzureError as error:
            raise LedgerUnavailable(f"blobs {prefix}…: {type(error).__name__}") from error
