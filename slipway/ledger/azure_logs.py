"""The append log on Blob Storage, through `azure-storage-blob`. Imported by the wiring only."""

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobClient, ContainerClient, ContentSettings

from .containers import place_of_container
from .logs import check_block_size
from .table import Conflict, LedgerUnavailable


class AzureLog:
    """Append blobs of one container."""

    def __init__(self, client: ContainerClient, *, makes: bool = False) -> None:
        """`makes`: the container is made on first use if it is missing."""
        self._place = place_of_container(client, makes=makes)

    def names(self, prefix: str) -> list[str]:
        try:
            return sorted(blob.name for blob in self._place.client.list_blobs(name_starts_with=prefix))
        except AzureError as error:
            raise LedgerUnavailable(f"blobs {prefix}…: {type(error).__name__}") from error

    def read(self, name: str) -> bytes:
        try:
            return self._place.client.download_blob(name).readall()
        except ResourceNotFoundError:
            return b""
        except AzureError as error:
            raise LedgerUnavailable(f"blob {name}: {type(error).__name__}") from error

    def append(self, name: str, content: bytes, *, at: int) -> None:
        blob = self._place.client.get_blob_client(name)
        try:
            if at == 0:
                _begin(blob)
            blob.append_block(check_block_size(content), appendpos_condition=at)
        except HttpResponseError as error:
            if error.status_code == 412 or getattr(error, "error_code", "") == "BlobNotFound":  # noqa: PLR2004 - precondition failed
                raise Conflict(f"{name} is not {at} bytes long") from error
            raise LedgerUnavailable(f"blob {name}: {type(error).__name__}") from error
        except AzureError as error:
            raise LedgerUnavailable(f"blob {name}: {type(error).__name__}") from error


def _begin(blob: BlobClient) -> None:
    """Create the blob unless it exists."""
    settings = ContentSettings(content_type="application/jsonl")
    try:
        blob.create_append_blob(content_settings=settings, match_condition=MatchConditions.IfMissing)
    except (ResourceExistsError, HttpResponseError) as error:
        if error.status_code not in (409, 412):
            raise
