"""What the settings tell the doctor of Azure's resources."""

from urllib.parse import urlsplit

from ..maintenance.doctor import Remedies
from .settings import Settings


def remedies(settings: Settings) -> Remedies:
    """Nothing where connection strings and tokens take the place of the app's identity."""
    by_identity = not settings.storage_connection.get_secret_value()
    host = urlsplit(settings.table_endpoint).hostname or ""
    return Remedies(
        client_id=settings.client_id,
        storage_account=host.partition(".")[0] if by_identity else "",
        container=settings.container,
        namespace=settings.service_bus_namespace.partition(".")[0],
        resource_ids={
            name: given.resource_id for name, given in settings.registries.items() if given.credential == "entra"
        },
        cluster_hosts={
            name: urlsplit(given.server).hostname or ""
            for name, given in settings.clusters.items()
            if given.credential == "entra"
        },
    )
