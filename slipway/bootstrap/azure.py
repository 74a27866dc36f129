"""The ports to Azure, according to the settings: the only module that creates clients.

Modules that are slow to import are imported when their port is opened, to keep the app's start fast.
"""

import threading
import uuid
from typing import TYPE_CHECKING, Any

from ..clock import utc_now
from ..domain.envelopes import Envelopes
from ..domain.identity import AccessTokenReader, TokenReader
from ..domain.rights import Container as ContainerName
from ..domain.rights import TableName
from ..domain.signing import KeySource, PrivateSigner, PublicKeys
from ..effects.messaging import Bus
from ..engine.backoff import Backoff
from ..engine.observing import ObservedBus
from ..http.saying import VotesProvider
from ..http.signing_in import SignInProvider
from ..ledger import Blobs, LedgerUnavailable
from ..ledger.blobs import INCOMING_LIMIT, IncomingBlobs
from ..ledger.chain_anchors import AddedBlobs
from ..ledger.table import PagedTable, RowTable
from . import observation
from .lazy import lazy
from .ports import CheckedRunSource, Ports
from .settings import Settings
from .settings_services import ClusterSettings, RegistrySettings

if TYPE_CHECKING:
    import urllib3
    from azure.data.tables import TableClient, TableServiceClient
    from azure.identity import DefaultAzureCredential
    from azure.storage.blob import BlobServiceClient, ContainerClient

    from ..effects.cluster import Cluster, ClusterAccess
    from ..effects.identity import Issuer
    from ..effects.notification import Channel
    from ..effects.registry import Credential, Importer, Pool, Registry
    from ..telemetry.sdk import Sdk

_WAITS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 10, "retry_total": 2}
"""How long storage may keep a request waiting, in seconds, and the number of retries. With the SDK's own limits a
decision could hang for many minutes: longer than anybody waits, and longer than the lock of its session lasts."""
TABLES: dict[str, Any] = {**_WAITS, "retry_backoff_factor": 0.4}
BLOBS: dict[str, Any] = {**_WAITS, "initial_backoff": 1, "increment_base": 2, "random_jitter_range": 1}
ACR_SCOPE = "https://containerregistry.azure.net/.default"


def azure_ports(settings: Settings) -> Ports:
    """The ports to Azure. It makes no network connection before a port is used."""
    azure = _Azure(settings)
    return Ports(
        table=lambda: azure.table(settings.table),
        index_table=lambda: azure.table(settings.index_table),
        inbox_table=lambda: azure.row_table(TableName.INBOX),
        challenges_table=lambda: azure.row_table(TableName.CHALLENGES),
        incoming=azure.incoming,
        blobs=lambda: azure.blobs(settings.container),
        archive=lambda: azure.blobs(settings.audit_container),
        added_blobs=azure.added_blobs,
        bus=azure.bus,
        registry=azure.registry,
        importer=azure.importer,
        cluster=azure.cluster,
        channel=azure.channel,
        private_keys=lambda: azure.private_keys,
        signer=lambda: PrivateSigner(azure.private_keys, azure.public_keys),
        public_keys=lambda: azure.public_keys,
        run_source=azure.run_source,
        provider=azure.provider,
        votes=azure.votes,
        proofs=azure.proofs,
        access_tokens=azure.access_tokens,
        telemetry=azure.telemetry,
        clock=utc_now,
        backoff=Backoff(),
        owner=lambda: uuid.uuid4().hex,
    )


class _Azure:
    """Opens the ports. A client that several of them share is created once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.building = threading.RLock()
        self.observes = observation.is_observed(settings)

    # ---- shared clients
    @lazy
    def credential(self) -> "DefaultAzureCredential":
        from azure.identity import DefaultAzureCredential

        client_id = self.settings.client_id
        return DefaultAzureCredential(managed_identity_client_id=client_id) if client_id else DefaultAzureCredential()

    @lazy
    def _tables(self) -> "TableServiceClient":
        from azure.data.tables import TableServiceClient

        connection = self.settings.storage_connection.get_secret_value()
        if connection:
            return TableServiceClient.from_connection_string(connection, **TABLES)
        return TableServiceClient(self.settings.table_endpoint, credential=self.credential, **TABLES)

    @lazy
    def _blob_service(self) -> "BlobServiceClient":
        from azure.storage.blob import BlobServiceClient

        connection = self.settings.storage_connection.get_secret_value()
        if connection:
            return BlobServiceClient.from_connection_string(connection, **BLOBS)
        return BlobServiceClient(self.settings.blob_endpoint, credential=self.credential, **BLOBS)

    def _table_client(self, name: str) -> "TableClient":
        if not self.settings.storage_sas:
            return self._tables.get_table_client(name)
        from azure.core.credentials import AzureSasCredential
        from azure.data.tables import TableClient

        credential = AzureSasCredential(self._sas(name))
        return TableClient(self.settings.table_endpoint, table_name=name, credential=credential, **TABLES)

    def _container(self, name: str) -> "ContainerClient":
        if not self.settings.storage_sas:
            return self._blob_service.get_container_client(name)
        from azure.core.credentials import AzureSasCredential
        from azure.storage.blob import ContainerClient

        credential = AzureSasCredential(self._sas(name))
        return ContainerClient(self.settings.blob_endpoint, name, credential=credential, **BLOBS)

    def _sas(self, name: str) -> str:
        token = self.settings.storage_sas.get(name)
        if token is None:
            raise LedgerUnavailable(f"{name}: this app was given no token for it")
        return token.get_secret_value()

    @property
    def _makes_storage(self) -> bool:
        """Whether missing tables and containers are created, which only a holder of the account's key can do. In Azure
        the deployment makes them, and none of our identities may."""
        return self.settings.role.works and bool(self.settings.storage_connection.get_secret_value())

    # ---- storage and queues
    def table(self, name: str) -> PagedTable:
        from ..ledger.azure_table import AzureTable

        opened = AzureTable(self._table_client(name), makes=self._makes_storage)
        return observation.table(opened) if self.observes else opened

    def row_table(self, name: str) -> RowTable:
        from ..ledger.azure_table import AzureTable

        opened = AzureTable(self._table_client(name), makes=self._makes_storage)
        return observation.row_table(opened) if self.observes else opened

    def blobs(self, container: str) -> Blobs:
        from ..ledger.azure_blobs import AzureBlobs

        opened = AzureBlobs(self._container(container), makes=self._makes_storage)
        return observation.blobs(opened) if self.observes else opened

    def incoming(self) -> IncomingBlobs:
        from ..ledger.azure_blobs import AzureBlobs

        client = self._container(ContainerName.INCOMING)
        return AzureBlobs(client, limit=INCOMING_LIMIT, makes=self._makes_storage)

    def added_blobs(self) -> AddedBlobs:
        from ..ledger.azure_blobs import AzureAdded

        return AzureAdded(self._container(self.settings.audit_container), makes=self._makes_storage)

    @lazy
    def _envelopes(self) -> Envelopes:
        return Envelopes(source=self.private_keys)

    def bus(self) -> Bus:
        from ..effects.messaging.service_bus import ServiceBus

        opened = ServiceBus(self._connect_bus, encode=lambda message: self._envelopes.seal(message, now=utc_now()))
        return ObservedBus(opened) if self.observes else opened

    def _connect_bus(self) -> Any:
        from azure.servicebus import ServiceBusClient

        connection = self.settings.service_bus.get_secret_value()
        if connection:
            return ServiceBusClient.from_connection_string(connection)
        return ServiceBusClient(self.settings.service_bus_namespace, self.credential)

    # ---- ports named in the settings
    def registry(self, name: str) -> "Registry":
        from ..effects.registry import Registry, RegistryEndpoint

        registry_settings = self.settings.registries[name]
        endpoint, credential = (
            RegistryEndpoint(registry_settings.login_server, frozenset(registry_settings.hosts)),
            self._registry_credential(registry_settings),
        )
        opened = Registry(endpoint, credential, pool=self._pool(name))
        return observation.registry(opened, name) if self.observes else opened

    def _pool(self, name: str) -> "Pool | None":
        from ..effects.registry import new_pool

        return observation.ObservedPool(new_pool(), name) if self.observes else None

    def _registry_credential(self, registry: RegistrySettings) -> "Credential":
        from ..effects.registry import Anonymous, BasicCredential, EntraCredential

        secret = registry.secret.get_secret_value()
        match registry.credential:
            case "basic":
                return BasicCredential(registry.username, secret)
            case "anonymous":
                return Anonymous()
            case "token":
                return EntraCredential(lambda: secret)
            case "entra":
                return EntraCredential(lambda: self.credential.get_token(ACR_SCOPE).token)

    def importer(self) -> "Importer":
        from ..effects.registry import Importer

        fixed_token, endpoint = self.settings.arm_token.get_secret_value(), self.settings.arm_endpoint.rstrip("/")
        scope = f"{endpoint}/.default"
        return Importer(
            lambda: fixed_token or self.credential.get_token(scope).token, endpoint=endpoint, pool=self._pool("arm")
        )

    def cluster(self, name: str) -> "Cluster":
        from ..effects.cluster import connect_cluster

        opened = connect_cluster(self._access(self.settings.clusters[name]))
        return observation.cluster(opened, name) if self.observes else opened

    def _access(self, cluster: ClusterSettings) -> "ClusterAccess":
        from ..effects.cluster import ClusterAccess, entra_token

        if cluster.credential == "kubeconfig":
            return ClusterAccess(kubeconfig=cluster.kubeconfig, context=cluster.context)
        if cluster.credential == "token":
            token = cluster.token.get_secret_value()
            return ClusterAccess(server=cluster.server, ca_data=cluster.ca_data or None, token=lambda: token)
        return ClusterAccess(server=cluster.server, ca_data=cluster.ca_data or None, token=entra_token(self.credential))

    def channel(self, name: str) -> "Channel":
        from .opening import open_channel

        opened = open_channel(name, self.settings.channels[name], credential=lambda: self.credential)
        return observation.channel(opened, name) if self.observes else opened

    def run_source(self) -> CheckedRunSource:
        from ..effects.azure_devops import AZURE_DEVOPS_SCOPE, AzureDevOps, Endpoints, Exchange

        exchange = Exchange(lambda: self.credential.get_token(AZURE_DEVOPS_SCOPE).token)
        endpoints = Endpoints(main=self.settings.azure_devops, people=self.settings.azure_devops_people)
        return AzureDevOps(exchange, endpoints)

    @lazy
    def private_keys(self) -> KeySource:
        from .opening import open_private_keys

        return open_private_keys(self.settings, credential=lambda: self.credential, clock=utc_now)

    @lazy
    def public_keys(self) -> PublicKeys:
        from .opening import open_public_keys

        return open_public_keys(self.settings)

    # ---- people's identity
    @lazy
    def issuer(self) -> "Issuer":
        from ..effects.identity import Issuer

        tenant = self.settings.tenant_id.casefold()
        return Issuer(self.settings.issuer_url, tenant=tenant, pool=self.identity_pool)

    @lazy
    def identity_pool(self) -> "urllib3.PoolManager":
        from ..effects.identity import new_identity_pool

        return new_identity_pool()

    def provider(self) -> SignInProvider:
        from ..effects.identity import Client, managed_assertion
        from .provider import OpenIdProvider

        client = Client(
            client_id=self.settings.sign_in_client_id.casefold(), assertion=managed_assertion(self.credential)
        )
        return OpenIdProvider(issuer=self.issuer, pool=self.identity_pool, client=client)

    def votes(self) -> VotesProvider:
        from ..effects.identity import Client, Registration, managed_assertion
        from ..http.saying import BACK
        from .provider import VOTES_SCOPE

        client_id = self.settings.votes_client_id.casefold()
        return Registration(
            issuer=self.issuer,
            pool=self.identity_pool,
            client=Client(client_id=client_id, assertion=managed_assertion(self.credential)),
            redirect_uri=self.settings.public_url + BACK,
            scope=f"openid profile api://{client_id}/{VOTES_SCOPE}",
        )

    def proofs(self) -> TokenReader:
        from ..effects.identity import IdTokens

        return IdTokens(self.issuer, self.settings.votes_client_id.casefold())

    def access_tokens(self) -> AccessTokenReader:
        from ..effects.identity import AccessTokens
        from .provider import SCOPE

        return AccessTokens(
            source=self.issuer,
            client_id=self.settings.sign_in_client_id.casefold(),
            scope=SCOPE,
            never=frozenset({self.settings.votes_client_id.casefold()}),
        )

    def telemetry(self) -> "Sdk | None":
        return observation.begin_telemetry(self.settings, lambda: self.credential)
