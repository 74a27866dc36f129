"""The ports, each opened once, and the parts that follow from the settings alone: the lowest layer of the app."""

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..clock import Clock
from ..domain.envelopes import Envelopes
from ..domain.signing import KeySource, PublicKeys, Signer
from ..effects.messaging import Bus
from ..inbound import EventSource
from ..ledger import Blobs, Table
from ..ledger.audit_index import AuditIndex
from ..ledger.blobs import IncomingBlobs
from ..ledger.chain_anchors import AddedBlobs
from .lazy import LazyRegistry, lazy
from .ports import CheckedRunSource, Ports
from .settings import Runs, Settings

if TYPE_CHECKING:
    from ..effects.cluster import Cluster
    from ..effects.notification import Channel
    from ..effects.registry import Registry
    from ..telemetry.sdk import Sdk


@dataclass(frozen=True)
class Opened:
    """Each part is built once, on first use."""

    ports: Ports
    settings: Settings
    building: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False, compare=False)

    @property
    def clock(self) -> Clock:
        return self.ports.clock

    @lazy
    def telemetry(self) -> "Sdk | None":
        """Starts exporting telemetry; None if the settings name no destination."""
        return self.ports.telemetry()

    @lazy
    def table(self) -> Table:
        return self.ports.table()

    @lazy
    def index(self) -> AuditIndex:
        return AuditIndex(self.ports.index_table())

    @lazy
    def blobs(self) -> Blobs:
        return self.ports.blobs()

    @lazy
    def incoming(self) -> IncomingBlobs:
        return self.ports.incoming()

    @lazy
    def archive_documents(self) -> Blobs:
        return self.ports.archive()

    @lazy
    def added_blobs(self) -> AddedBlobs:
        return self.ports.added_blobs()

    @lazy
    def bus(self) -> Bus:
        return self.ports.bus()

    @lazy
    def registry(self) -> "LazyRegistry[Registry]":
        return LazyRegistry("registry", frozenset(self.settings.registries), self.ports.registry)

    @lazy
    def cluster(self) -> "LazyRegistry[Cluster]":
        return LazyRegistry("cluster", frozenset(self.settings.clusters), self.ports.cluster)

    @lazy
    def channel(self) -> "LazyRegistry[Channel]":
        return LazyRegistry("channel", frozenset(self.settings.channels), self.ports.channel)

    @lazy
    def signer(self) -> Signer:
        return self.ports.signer()

    @lazy
    def public_keys(self) -> PublicKeys:
        return self.ports.public_keys()

    @lazy
    def private_keys(self) -> KeySource:
        return self.ports.private_keys()

    @lazy
    def run_source(self) -> CheckedRunSource | None:
        """None if the installation takes runs at their word."""
        return self.ports.run_source() if self.settings.runs is Runs.PROVED else None

    @lazy
    def event_sources(self) -> dict[str, EventSource]:
        return {
            registry.login_server.casefold(): EventSource(
                name=name, login_server=registry.login_server, resource_id=registry.resource_id
            )
            for name, registry in self.settings.registries.items()
        }

    @lazy
    def envelopes(self) -> Envelopes:
        return Envelopes(source=self.private_keys)
