"""Puts the doctor together; a part of the wiring, in a file of its own."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .flow.doctor import Doctor, Facts, Remedies
from .settings import Settings

if TYPE_CHECKING:
    from .wiring import Parts


def doctor(parts: "Parts") -> Doctor:
    settings = parts.settings
    return Doctor(
        facts=Facts(
            table=lambda: parts.table,
            blobs=lambda: parts.blobs,
            bus=lambda: parts.bus,
            installation=lambda: parts.installation,
            registry=parts.registry,
            cluster=parts.cluster,
            channel=parts.channel,
            registries=tuple(settings.registries),
            channels=tuple(settings.channels),
            catalogue=parts.catalogue,
            keys=parts.keys,
            remedies=remedies(settings),
            clock=parts.clock,
        )
    )


def remedies(settings: Settings) -> Remedies:
    """What the settings know of Azure's resources: nothing where connection strings and tokens take their place."""
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
