"""Each role's rights in the local stack, derived from the one table of rights: SAS tokens for Azurite, rules for the
bus.

Azurite does not check role assignments, so there is a token for each table and container instead (`c` stands for the
right to add a blob without replacing one). With a token for a single table, Azurite allows no transactions; a role that
may do everything with a table therefore gets an account token for it, which allows more than the table of rights says.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import (
    AccountSasPermissions,
    ResourceTypes,
    TableSasPermissions,
    TableServiceClient,
    generate_account_sas,
    generate_table_sas,
)
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from slipway.domain.queues import Queue
from slipway.domain.rights import OPERATIONS, Container, Operation, Party, Rights, TableName, may, rights_of

from .azurite import ACCOUNT, KEY

LIFE = timedelta(days=7)
"""The lifetime of a token; the stack makes new ones at each start of a host."""
PARTIES = (Party.FRONT, Party.WORKER)
CLAIMS = {Operation.SEND: "send", Operation.LISTEN: "listen"}


def make_storage(connection: str) -> None:
    """Create the tables and containers, as the deployment does in Azure, since no role of the app may."""
    with TableServiceClient.from_connection_string(connection) as tables:
        for table in TableName:
            tables.create_table_if_not_exists(table)
    with BlobServiceClient.from_connection_string(connection) as blobs:
        for container in Container:
            if not (client := blobs.get_container_client(container)).exists():
                client.create_container()


def storage_tokens(party: Party) -> dict[str, str]:
    """Table or container → the token that gives the party its rights on it."""
    rights = rights_of(party)
    return {str(resource): token for resource in (*TableName, *Container) if (token := _token(rights, resource))}


def _token(rights: Rights, resource: TableName | Container) -> str:
    if not rights.get(resource):
        return ""
    expiry = datetime.now(UTC) + LIFE
    if isinstance(resource, Container):
        return generate_container_sas(
            ACCOUNT, resource, account_key=KEY, permission=_container_permissions(rights, resource), expiry=expiry
        )
    credential = AzureNamedKeyCredential(ACCOUNT, KEY)
    if rights[resource] == OPERATIONS[TableName]:
        all_permissions = AccountSasPermissions(
            read=True, write=True, delete=True, list=True, add=True, create=True, update=True
        )
        rows = ResourceTypes(object=True, container=True)  # listing rows is an operation on their table
        return generate_account_sas(credential, resource_types=rows, permission=all_permissions, expiry=expiry)
    permission = TableSasPermissions(
        read=may(rights, resource, Operation.READ),
        add=may(rights, resource, Operation.ADD),
        update=may(rights, resource, Operation.CHANGE),
        delete=may(rights, resource, Operation.DELETE),
    )
    return generate_table_sas(credential, resource, permission=permission, expiry=expiry)


def _container_permissions(rights: Rights, container: Container) -> ContainerSasPermissions:
    reads, changes = may(rights, container, Operation.READ), may(rights, container, Operation.CHANGE)
    return ContainerSasPermissions(
        read=reads,
        list=reads,
        create=may(rights, container, Operation.ADD),
        add=changes,
        write=changes,
        delete=may(rights, container, Operation.DELETE),
    )


def queue_rules(queue: Queue, keys: dict[Party, str]) -> list[dict[str, Any]]:
    """The rules of a queue in the bus double: one for each party with rights on it."""
    return list(_rules(queue, keys))


def _rules(queue: Queue, keys: dict[Party, str]) -> Iterator[dict[str, Any]]:
    for party, key in keys.items():
        rights = rights_of(party, event_grid_function=True)
        claims = [CLAIMS[operation] for operation in CLAIMS if may(rights, queue, operation)]
        if claims:
            yield {"name": str(party), "key": key, "claims": claims}
