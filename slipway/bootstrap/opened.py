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
from .once import Named, part
from .ports import AskedSource, Ports
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

    @part
    def telemetry(self) -> "Sdk | None":
        """Starts exporting telemetry; None if the settings name no destination."""
        return self.ports.telemetry()

    @part
    def table(self) -> Table:
        return self.ports.table()

    @part
    def index(self) -> AuditIndex:
        return AuditIndex(self.ports.index_table())

    @part
    def blobs(self) -> Blobs:
        return self.ports.blobs()

    @part
    def incoming(self) -> IncomingBlobs:
        return self.ports.incoming()

    @part
    def archive_documents(self) -> Blobs:
        return self.ports.archive()

    @part
    def added_blobs(self) -> AddedBlobs:
        return self.ports.added_blobs()

    @part
    def bus(self) -> Bus:
        return self.ports.bus()

    @part
    def registry(self) -> "Named[Registry]":
        return Named("registry", frozenset(self.settings.registries), self.ports.registry)

    @part
    def cluster(self) -> "Named[Cluster]":
        return Named("cluster", frozenset(self.settings.clusters), self.ports.cluster)

    @part
    def channel(self) -> "Named[Channel]":
        return Named("channel", frozenset(self.settings.channels), self.ports.channel)

    @part
    def signer(self) -> Signer:
        return self.ports.signer()

    @part
    def public_keys(self) -> PublicKeys:
        return self.ports.public_keys()

    @part
    def private_keys(self) -> KeySource:
        return self.ports.private_keys()

    @part
    def run_source(self) -> AskedSource | None:
        """None if the installation takes runs at their word."""
        return self.ports.run_source() if self.settings.runs is Runs.PROVED else None

    @part
    def event_sources(self) -> dict[str, EventSource]:
        return {
            registry.login_server.casefold(): EventSource(
                name=name, login_server=registry.login_server, resource_id=registry.resource_id
            )
            for name, registry in self.settings.registries.items()
        }

    @part
    def envelopes(self) -> Envelopes:
        return Envelopes(source=self.private_keys)
