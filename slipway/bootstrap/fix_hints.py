"""The names of Azure resources, from the settings, that the doctor puts into its suggested commands."""

from urllib.parse import urlsplit

from ..maintenance.doctor import FixHints
from .settings import Settings


def fix_hints(settings: Settings) -> FixHints:
    """Values are empty for resources that are accessed with connection strings or tokens instead of an identity."""
    by_identity = not settings.storage_connection.get_secret_value()
    host = urlsplit(settings.table_endpoint).hostname or ""
    return FixHints(
        client_id=settings.client_id,
        storage_account=host.partition(".")[0] if by_identity else "",
        container=settings.container,
        namespace=settings.service_bus_namespace.partition(".")[0],
        resource_ids={
            name: entry.resource_id for name, entry in settings.registries.items() if entry.credential == "entra"
        },
        cluster_hosts={
            name: urlsplit(entry.server).hostname or ""
            for name, entry in settings.clusters.items()
            if entry.credential == "entra"
        },
    )
