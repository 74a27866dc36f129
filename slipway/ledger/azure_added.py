"""Blobs that are only added, on Blob Storage, through `azure-storage-blob`. Imported by the wiring only."""

from collections.abc import Iterator
from typing import Self

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob import ContainerClient, ContentSettings

from ..domain.chain_anchor import LIMIT
from .chain_anchors import limited
from .containers import made
from .table import Conflict, LedgerUnavailable

PAGE = 5
"""Names in one answer: the newest is nearly always the one that is wanted."""


class AzureAdded:
    """Block blobs of one container."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    @classmethod
    def open(cls, container: ContainerClient) -> Self:
        """Raises `LedgerUnavailable`."""
        return cls(made(container))

    def add(self, name: str, content: bytes) -> None:
        settings = ContentSettings(content_type="application/json")
        try:
            self._container.upload_blob(name, limited(content), overwrite=False, content_settings=settings)
        except ResourceExistsError as error:
            raise Conflict(f"{name} is there already") from error
        except AzureError as error:
            raise LedgerUnavailable(f"blob {name}: {type(error).__name__}") from error

    def listed(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        try:
            for blob in self._container.list_blobs(name_starts_with=prefix, results_per_page=PAGE):
                yield blob.name, self._container.download_blob(blob.name, offset=0, length=LIMIT).readall()
        except AzureError as error:
            raise LedgerUnavailable(f"blobs {prefix}…: {type(error).__name__}") from error
