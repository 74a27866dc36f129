"""The one place that builds clients and puts the parts together. Everything slow is built when first needed."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, overload

from . import observation
from .config import Known, load_deliveries
from .domain.errors import UnknownName
from .domain.tokens import Keys
from .effects.messaging import Bus
from .flow.catalogue import Catalogue
from .flow.clock import Clock, Patience, utc_now
from .flow.commanding import Commander
from .flow.freezing import Freezer
from .flow.gateway import AZURE_DEVOPS, EVENT_GRID, Gateway
from .flow.inbound import EventSource
from .flow.intake import Intake
from .flow.links import Links
from .flow.numbers import Numbers
from .flow.observing import ObservedBus
from .flow.outbox import Outbox
from .flow.parking import Parking
from .flow.provenance import Provenance
from .flow.reading import Reader
from .flow.receiving import Receiver
from .flow.trail import Trail
from .http.callers import Access, NamedKey
from .ledger import Blobs, Ledger, Table
from .ledger.audit_index import AuditIndex
from .ledger.indexing import Indexer
from .ledger.installation import Installation
from .ledger.leases import Leases
from .ledger.reindexing import Reindexing
from .ledger.weeks import Weeks
from .settings import FOREIGN, ClusterSettings, RegistrySettings, Settings

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient
    from azure.identity import DefaultAzureCredential
    from azure.storage.blob import BlobServiceClient

    from .effects.cluster import Cluster, ClusterAccess
    from .effects.notification import Channel
    from .effects.registry import Credential, Importer, Pool, Registry
    from .flow.anchoring import Anchoring, Anchors
    from .flow.doctor import Doctor
    from .flow.exporting import ContainerExport
    from .flow.perform import Performer
    from .flow.retention import Retention
    from .flow.sweep import Sweep
    from .ledger.logs import AppendLog
    from .telemetry.sdk import Sdk

log = logging.getLogger(__name__)

ACR_SCOPE = "https://containerregistry.azure.net/.default"
SERVICE_BUS = FOREIGN["service_bus"]
"""Name of the triggers' connection: the setting itself is a connection string, or `…__fullyQualifiedNamespace`."""


class Named[T]:
    """Things that the settings name, each opened once, when first asked for."""

    def __init__(self, kind: str, names: frozenset[str], build: Callable[[str], T]) -> None:
        self._kind, self._names, self._build = kind, names, build
        self._built: dict[str, T] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> T:
        with self._lock:
            if name not in self._built:
                if name not in self._names:
                    known = ", ".join(sorted(self._names)) or "none"
                    raise UnknownName(f"the settings know no {self._kind} {name!r} (known: {known})")
                self._built[name] = self._build(name)
            return self._built[name]


class part[T]:  # noqa: N801 - a decorator, like functools.cached_property
    """A property that is built when first asked for, and only once: requests and messages come on many threads."""

    def __init__(self, build: Callable[[Any], T]) -> None:
        self._build = build

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, parts: None, owner: type) -> Self: ...
    @overload
    def __get__(self, parts: "Parts", owner: type) -> T: ...
    def __get__(self, parts: "Parts | None", owner: type) -> Self | T:
        if parts is None:
            return self
        with parts.building:
            built: dict[str, T] = parts.__dict__
            if self._name not in built:
                built[self._name] = self._build(parts)
            return built[self._name]


@dataclass(frozen=True)
class Parts:
    """All parts of the app, from its settings."""

    settings: Settings
    clock: Clock = utc_now
    building: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    # ---- what operators see
    @part
    def telemetry(self) -> "Sdk | None":
        """Starts sending, where the settings name a destination."""
        return observation.begin(self.settings, lambda: self.credential)

    @property
    def _observes(self) -> bool:
        return observation.wanted(self.settings)

    # ---- what Azure offers
    @part
    def credential(self) -> "DefaultAzureCredential":
        from azure.identity import DefaultAzureCredential

        client_id = self.settings.client_id
        return DefaultAzureCredential(managed_identity_client_id=client_id) if client_id else DefaultAzureCredential()

    @part
    def tables(self) -> "TableServiceClient":
        from azure.data.tables import TableServiceClient

        connection = self.settings.storage_connection.get_secret_value()
        if connection:
            return TableServiceClient.from_connection_string(connection)
        return TableServiceClient(self.settings.table_endpoint, credential=self.credential)

    @part
    def table(self) -> Table:
        from .ledger.azure_table import AzureTable

        opened = AzureTable.open(self.tables, self.settings.table)
        return observation.table(opened) if self._observes else opened

    @part
    def index(self) -> AuditIndex:
        from .ledger.azure_table import AzureTable

        opened = AzureTable.open(self.tables, self.settings.index_table)
        return AuditIndex(observation.table(opened) if self._observes else opened)

    @part
    def indexer(self) -> Indexer:
        return Indexer(table=self.table, index=self.index)

    @part
    def blobs(self) -> Blobs:
        from .ledger.azure_blobs import AzureBlobs

        opened = AzureBlobs.open(self._blob_service.get_container_client(self.settings.container))
        return observation.blobs(opened) if self._observes else opened

    @part
    def audit_log(self) -> "AppendLog":
        from .ledger.azure_logs import AzureLog

        return AzureLog.open(self._blob_service.get_container_client(self.settings.audit_container))

    @part
    def _blob_service(self) -> "BlobServiceClient":
        from azure.storage.blob import BlobServiceClient

        connection = self.settings.storage_connection.get_secret_value()
        if connection:
            return BlobServiceClient.from_connection_string(connection)
        return BlobServiceClient(self.settings.blob_endpoint, credential=self.credential)

    @part
    def bus(self) -> Bus:
        from .effects.messaging.service_bus import ServiceBus

        opened = ServiceBus(self._connect_bus)
        return ObservedBus(opened) if self._observes else opened

    def _connect_bus(self) -> Any:
        from azure.servicebus import ServiceBusClient

        connection = self.settings.service_bus.get_secret_value()
        if connection:
            return ServiceBusClient.from_connection_string(connection)
        return ServiceBusClient(self.settings.service_bus_namespace, self.credential)

    # ---- what the settings name
    @part
    def registry(self) -> "Named[Registry]":
        return Named("registry", frozenset(self.settings.registries), self._open_registry)

    def _open_registry(self, name: str) -> "Registry":
        from .effects.registry import Registry, RegistryEndpoint

        given = self.settings.registries[name]
        endpoint, credential = RegistryEndpoint(login_server=given.login_server), self._registry_credential(given)
        opened = Registry(endpoint, credential, pool=self._pool(name))
        return observation.registry(opened, name) if self._observes else opened

    def _pool(self, name: str) -> "Pool | None":
        from .effects.registry import new_pool

        return observation.ObservedPool(new_pool(), name) if self._observes else None

    def _registry_credential(self, given: RegistrySettings) -> "Credential":
        from .effects.registry import Anonymous, BasicCredential, EntraCredential

        secret = given.secret.get_secret_value()
        match given.credential:
            case "basic":
                return BasicCredential(given.username, secret)
            case "anonymous":
                return Anonymous()
            case "token":
                return EntraCredential(lambda: secret)
            case "entra":
                return EntraCredential(lambda: self.credential.get_token(ACR_SCOPE).token)

    @part
    def importer(self) -> "Importer":
        from .effects.registry import Importer

        given, endpoint = self.settings.arm_token.get_secret_value(), self.settings.arm_endpoint.rstrip("/")
        scope = f"{endpoint}/.default"
        return Importer(
            lambda: given or self.credential.get_token(scope).token, endpoint=endpoint, pool=self._pool("arm")
        )

    @part
    def cluster(self) -> "Named[Cluster]":
        return Named("cluster", frozenset(self.settings.clusters), self._open_cluster)

    def _open_cluster(self, name: str) -> "Cluster":
        from .effects.cluster import connect

        opened = connect(self._access(self.settings.clusters[name]))
        return observation.cluster(opened, name) if self._observes else opened

    def _access(self, given: ClusterSettings) -> "ClusterAccess":
        from .effects.cluster import ClusterAccess, entra_token

        if given.credential == "kubeconfig":
            return ClusterAccess(kubeconfig=given.kubeconfig, context=given.context)
        if given.credential == "token":
            token = given.token.get_secret_value()
            return ClusterAccess(server=given.server, ca_data=given.ca_data or None, token=lambda: token)
        return ClusterAccess(server=given.server, ca_data=given.ca_data or None, token=entra_token(self.credential))

    @part
    def channel(self) -> "Named[Channel]":
        return Named("channel", frozenset(self.settings.channels), self._open_channel)

    def _open_channel(self, name: str) -> "Channel":
        from .opening import open_channel

        opened = open_channel(name, self.settings.channels[name], credential=lambda: self.credential)
        return observation.channel(opened, name) if self._observes else opened

    @part
    def event_sources(self) -> dict[str, EventSource]:
        return {
            given.login_server.casefold(): EventSource(
                name=name, login_server=given.login_server, resource_id=given.resource_id
            )
            for name, given in self.settings.registries.items()
        }

    # ---- our own parts
    @part
    def keys(self) -> Keys:
        from .opening import open_keys

        return open_keys(self.settings, credential=lambda: self.credential, clock=self.clock)

    @part
    def access(self) -> Access:
        given = self.settings.api_keys.items()
        return Access(
            easy_auth=self.settings.sign_in == "easy-auth",
            host_keys=self.settings.api_access == "host-keys",
            host_key_role=self.settings.host_key_role,
            keys={name: NamedKey(role=key.role, sha256=key.sha256) for name, key in given},
        )

    @part
    def links(self) -> Links:
        signs_in = self.settings.sign_in == "easy-auth"
        return Links(base=self.settings.public_url.rstrip("/"), keys=self.keys, sign_in=signs_in)

    @part
    def catalogue(self) -> Catalogue:
        known = Known(
            registries=frozenset(self.settings.registries),
            clusters=frozenset(self.settings.clusters),
            channels=frozenset(self.settings.channels),
        )
        return Catalogue(load_deliveries(self.settings.deliveries, known=known))

    @part
    def ledger(self) -> Ledger:
        return Ledger(self.table, documents=lambda: self.archive_documents)

    @part
    def archive_documents(self) -> Blobs:
        from .ledger.azure_blobs import AzureBlobs

        return AzureBlobs.open(self._blob_service.get_container_client(self.settings.audit_container))

    @part
    def outbox(self) -> Outbox:
        return Outbox(self.ledger, self.bus, self.parking)

    @part
    def intake(self) -> Intake:
        return Intake(
            ledger=self.ledger,
            catalogue=self.catalogue,
            outbox=self.outbox,
            indexer=self.indexer,
            clock=self.clock,
            patience=Patience(),
        )

    @part
    def performer(self) -> "Performer":
        from .flow.perform import Performer
        from .flow.steps.places import Places
        from .flow.steps.table import effects

        places = Places(
            registry=self.registry,
            cluster=self.cluster,
            channel=self.channel,
            ledger=self.ledger,
            blobs=self.blobs,
            links=self.links,
            importer=self.importer,
            resource_ids={name: given.resource_id for name, given in self.settings.registries.items()},
            promotion_time=timedelta(seconds=self.settings.promotion_seconds),
        )
        return Performer(
            ledger=self.ledger,
            leases=Leases(self.table),
            catalogue=self.catalogue,
            intake=self.intake,
            bus=self.bus,
            effects=effects(places, self.clock),
            clock=self.clock,
        )

    @part
    def installation(self) -> Installation:
        return Installation(self.table, self.indexer)

    @part
    def parking(self) -> Parking:
        again = {EVENT_GRID: self.gateway.registry_event, AZURE_DEVOPS: self.gateway.hook}
        return Parking(installation=self.installation, bus=self.bus, again=again, clock=self.clock)

    @part
    def gateway(self) -> Gateway:
        organizations = frozenset(name.casefold() for name in self.settings.organizations)
        return Gateway(bus=self.bus, sources=self.event_sources, organizations=organizations, clock=self.clock)

    @part
    def receiver(self) -> Receiver:
        return Receiver(parking=self.parking, bus=self.bus, clock=self.clock)

    @part
    def sweep(self) -> "Sweep":
        from .flow.sweep import Sweep

        return Sweep(
            ledger=self.ledger,
            catalogue=self.catalogue,
            intake=self.intake,
            outbox=self.outbox,
            indexer=self.indexer,
            numbers=self.numbers,
            registry=self.registry,
            freezer=self.freezer,
            clock=self.clock,
        )

    @part
    def reindexing(self) -> Reindexing:
        return Reindexing(table=self.table, index=self.index, archive=self.ledger.archive)

    @part
    def numbers(self) -> Numbers:
        return Numbers(ledger=self.ledger, weeks=Weeks(self.table), catalogue=self.catalogue, clock=self.clock)

    @part
    def trail(self) -> Trail:
        return Trail(index=self.index)

    @part
    def anchors(self) -> "Anchors":
        from .flow.anchoring import Anchors

        return Anchors(log=self.audit_log)

    @part
    def retention(self) -> "Retention | None":
        """None where records stay in the table for ever."""
        from .flow.retention import Retention

        age, archive = self.settings.retention, self.ledger.archive
        if age is None or archive is None:
            return None
        return Retention(
            ledger=self.ledger,
            archive=archive,
            anchors=self.anchors,
            installation=self.installation,
            age=age,
            clock=self.clock,
        )

    @part
    def container_export(self) -> "ContainerExport | None":
        """None where nothing is exported by itself."""
        from .domain.export import Form
        from .flow.exporting import ContainerExport

        if not self.settings.export:
            return None
        form = Form(self.settings.export)
        return ContainerExport(ledger=self.ledger, log=self.audit_log, catalogue=self.catalogue, form=form)

    @part
    def anchoring(self) -> "Anchoring":
        from .flow.anchoring import Anchoring

        return Anchoring(
            anchors=self.anchors,
            ledger=self.ledger,
            installation=self.installation,
            catalogue=self.catalogue,
            channel=self.channel,
            witnesses=tuple(self.settings.witnesses),
            base=self.settings.public_url.rstrip("/"),
            clock=self.clock,
        )

    @part
    def provenance(self) -> Provenance:
        return Provenance(reader=self.reader, trail=self.trail)

    @part
    def commander(self) -> Commander:
        return Commander(intake=self.intake, reader=self.reader, freezer=self.freezer, clock=self.clock)

    @part
    def freezer(self) -> Freezer:
        return Freezer(installation=self.installation, catalogue=self.catalogue, intake=self.intake, clock=self.clock)

    @part
    def reader(self) -> Reader:
        return Reader(ledger=self.ledger, blobs=self.blobs, catalogue=self.catalogue, clock=self.clock)

    @part
    def doctor(self) -> "Doctor":
        from .doctoring import doctor

        return doctor(self)
