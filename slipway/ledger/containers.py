"""Blob containers on Blob Storage, ready for use. Imported by the wiring only."""

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob import ContainerClient

from .table import LedgerUnavailable


def made(container: ContainerClient) -> ContainerClient:
    """The container, created if it does not exist. Raises `LedgerUnavailable`."""
    try:
        container.create_container()
    except ResourceExistsError:
        return container
    except AzureError as error:
        raise LedgerUnavailable(f"blob container {container.container_name}: {type(error).__name__}") from error
    return container
