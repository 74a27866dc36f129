"""Blobs that are only added, on Blob Storage, through `azure-storage-blob`. Imported by the wiring only."""

from collections.abc import Iterator

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob import BlobPrefix, ContainerClient, ContentSettings

from ..domain.chain_anchor import LIMIT
from .containers import place_of_container
from .table import Conflict, LedgerUnavailable

PAGE = 5
"""Names in one answer: the newest is nearly always the one that is wanted."""


class AzureAdded:
    """Block blobs of one container."""

    def __init__(self, client: ContainerClient, *, makes: bool = False) -> None:
        """`makes`: the container is made on first use if it is missing."""
        self._place = place_of_container(client, makes=makes)

    def add(self, name: str, content: bytes, content_type: str = "application/json") -> None:
        settings = ContentSettings(content_type=content_type)
        try:
            self._place.client.upload_blob(name, content, overwrite=False, content_settings=settings)
        except ResourceExistsError as error:
            raise Conflict(f"{name} is there already") from error
        except AzureError as error:
            raise LedgerUnavailable(f"blob {name}: {type(error).__name__}") from error

    def folders(self, prefix: str) -> Iterator[str]:
        try:
            for item in self._place.client.walk_blobs(name_starts_with=prefix, delimiter="/"):
                if isinstance(item, BlobPrefix):
                    yield str(item.name).removeprefix(prefix).rstrip("/")
        except AzureError as error:
            raise LedgerUnavailable(f"blobs {prefix}…: {type(error).__name__}") from error

    def listed(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        try:
            for blob in self._place.client.list_blobs(name_starts_with=prefix, results_per_page=PAGE):
                yield blob.name, self._place.client.download_blob(blob.name, offset=0, length=LIMIT).readall()
        except AzureError as error:
            raise LedgerUnavailable(f"blobs {prefix}…: {type(error).__name__}") from error
