"""Tables and blob containers that are made on first use, if the app may make them.

Opening one sends no request, so a worker starts even while storage is away. A message that needs the table or container
then finds it missing and is put off, and the next message tries again.
"""

import threading
from collections.abc import Callable
from contextlib import suppress

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.data.tables import TableClient
from azure.storage.blob import ContainerClient

from .table import LedgerUnavailable


class LazyClient[Client]:
    """The client of a table or container, with the call that makes it; None where it exists already."""

    def __init__(self, client: Client, make: Callable[[], object] | None, name: str) -> None:
        self._client, self._make, self._name = client, make, name
        self._making = threading.Lock()

    @property
    def client(self) -> Client:
        """The client; makes the table or container first if that is needed. Raises `LedgerUnavailable`."""
        if self._make is not None:
            with self._making:
                self._ensure()
        return self._client

    def _ensure(self) -> None:
        if self._make is None:
            return  # another thread was quicker
        try:
            with suppress(ResourceExistsError):  # nearly always: it was made long ago
                self._make()
        except AzureError as error:
            raise LedgerUnavailable(f"{self._name}: {type(error).__name__}") from error
        self._make = None


def lazy_table(client: TableClient, *, makes: bool = False) -> LazyClient[TableClient]:
    return LazyClient(client, client.create_table if makes else None, f"table {client.table_name}")


def lazy_container(client: ContainerClient, *, makes: bool = False) -> LazyClient[ContainerClient]:
    return LazyClient(client, client.create_container if makes else None, f"blob container {client.container_name}")
