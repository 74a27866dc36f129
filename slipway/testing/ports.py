"""The in-memory ports: everything outside the app, for tests to inspect and disturb."""

from dataclasses import dataclass, field
from pathlib import Path

from ..bootstrap import Ports
from ..domain.signing import FixedKeys
from ..effects.cluster import Cluster
from ..effects.identity import IdTokens
from ..effects.notification import Channel
from ..effects.registry import Importer, Registry
from ..engine.backoff import Backoff
from ..ledger import Blobs, Table
from ..ledger.blobs import INCOMING_LIMIT, IncomingBlobs
from ..ledger.chain_anchors import AddedBlobs
from ..ledger.table import PagedTable, RowTable
from .applications import catalogue_of
from .chains import PUBLIC_KEYS, SIGNER, SIGNING_KEYS
from .channel import MemoryChannel
from .clock import ManualClock
from .cluster import MemoryCluster
from .queues import MemoryBus
from .registry import RegistryDouble
from .runs import RunsInMemory
from .sign_in import VOTES_CLIENT, MemoryProvider
from .storage import MemoryAdded, MemoryBlobs, MemoryTable
from .votes import MemoryVotes


@dataclass(kw_only=True)
class Outside:
    """The app's surroundings: two registries, two clusters, a channel, storage and queues."""

    clock: ManualClock = field(default_factory=ManualClock)
    table: Table = field(default_factory=MemoryTable)
    index_table: PagedTable = field(default_factory=MemoryTable)
    inbox_table: RowTable = field(init=False)
    """The clock gives the times of its rows."""
    challenges_table: RowTable = field(init=False)
    votes: MemoryVotes = field(init=False)
    """The provider, for the registration of the votes."""
    incoming: IncomingBlobs = field(init=False)
    blobs: Blobs = field(default_factory=MemoryBlobs)
    archive: Blobs = field(default_factory=MemoryBlobs)
    added: AddedBlobs = field(default_factory=MemoryAdded)
    bus: MemoryBus = field(default_factory=MemoryBus)
    staging: MemoryCluster = field(default_factory=MemoryCluster)
    production: MemoryCluster = field(default_factory=MemoryCluster)
    inbox: MemoryChannel = field(default_factory=MemoryChannel)
    runs: RunsInMemory = field(default_factory=RunsInMemory)
    provider: MemoryProvider = field(default_factory=MemoryProvider)

    def __post_init__(self) -> None:
        if isinstance(self.table, MemoryTable):
            self.table.use_clock(self.clock)
        self.inbox_table, self.challenges_table = MemoryTable(clock=self.clock), MemoryTable(clock=self.clock)
        self.incoming = MemoryBlobs(limit=INCOMING_LIMIT, clock=self.clock)
        self.votes = MemoryVotes(self.provider.issuer, self.clock)
        self.nonprod, self.prod = RegistryDouble("nonprod", self.clock), RegistryDouble("prod", self.clock)
        self.registries: dict[str, Registry] = {"nonprod": self.nonprod, "prod": self.prod}
        self.clusters: dict[str, Cluster] = {"staging": self.staging, "production": self.production}
        self.channels: dict[str, Channel] = {"inbox": self.inbox}
        self._owners = 0

    def as_ports(self, deliveries: Path) -> Ports:
        return Ports(
            table=lambda: self.table,
            index_table=lambda: self.index_table,
            inbox_table=lambda: self.inbox_table,
            challenges_table=lambda: self.challenges_table,
            incoming=lambda: self.incoming,
            blobs=lambda: self.blobs,
            archive=lambda: self.archive,
            added_blobs=lambda: self.added,
            bus=lambda: self.bus,
            registry=self.registries.__getitem__,
            importer=_importer,
            cluster=self.clusters.__getitem__,
            channel=self.channels.__getitem__,
            private_keys=lambda: FixedKeys(SIGNING_KEYS),
            signer=lambda: SIGNER,
            public_keys=lambda: PUBLIC_KEYS,
            provider=lambda: self.provider,
            votes=lambda: self.votes,
            proofs=lambda: IdTokens(self.provider.issuer, VOTES_CLIENT),
            access_tokens=self.provider.access_tokens,
            catalogue=lambda: catalogue_of(deliveries),
            run_source=lambda: self.runs,
            telemetry=lambda: None,
            clock=self.clock,
            backoff=Backoff(pause=lambda seconds: None, jitter=lambda: 0.5),
            owner=self._next_owner,
        )

    def _next_owner(self) -> str:
        self._owners += 1
        return f"owner-{self._owners}"


def _importer() -> Importer:
    """An importer that fails on use, since there is no in-memory Resource Manager."""

    def no_token() -> str:
        raise NotImplementedError("no Resource Manager is in memory: give the installation an importer of your own")

    return Importer(no_token)
