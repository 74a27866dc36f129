"""A process that can die: each of its writes to the outside (rows, messages, documents) is a point where it may end.

Nothing changes outside between two points, so a death at each point covers every death. A dead process does nothing
more: even its `finally` blocks have no effect, as if the machine were gone.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from slipway.bootstrap import Ports
from slipway.domain.fence import Claim
from slipway.domain.pruning import Deleted, Deletion
from slipway.domain.steps import Outgoing
from slipway.effects.cluster import AppliedObject, Cluster, ClusterUnreachable, FencedCluster, Manifest
from slipway.effects.messaging import Bus, DeadLetter, QueueUnavailable, RawMessage, WaitingMessage
from slipway.effects.registry import Denied, ErrorSubject, Registry
from slipway.effects.registry import Unreachable as RegistryUnreachable
from slipway.ledger import LedgerUnavailable, Table
from slipway.ledger.table import PagedTable, Row, Write


class Crash(BaseException):
    """The process has died. No `except Exception` catches it."""


@dataclass
class Life:
    """The life of a process: counts the points, and ends or disturbs the process at chosen ones."""

    crash_at: frozenset[int] = frozenset()
    fail_at: frozenset[int] = frozenset()
    """Points at which the service that is called is away, or a registry refuses."""
    points: list[str] = field(default_factory=list)
    dead: bool = False
    counting: threading.Lock = field(default_factory=threading.Lock)
    """A copy writes on several threads."""

    def go_on(self, place: str) -> None:
        """The requests of a dead process never arrive."""
        if self.dead:
            raise Crash(place)

    def reach(self, point: str) -> None:
        with self.counting:
            self.go_on(point)
            number = len(self.points)
            self.points.append(point)
            if number in self.crash_at:
                self.dead = True
                raise Crash(point)
        if number in self.fail_at and point.startswith(("table", "index", "anchors")):
            raise LedgerUnavailable(f"switched off: {point}")
        if number in self.fail_at and point.startswith("bus"):
            raise QueueUnavailable(f"switched off: {point}")
        if number in self.fail_at and point.startswith("cluster"):
            raise ClusterUnreachable(f"switched off: {point}")
        if number in self.fail_at and point.startswith("registry"):
            where = ErrorSubject("registry.test")
            raise Denied(where, point) if number % 2 else RegistryUnreachable(where, f"switched off: {point}")

    def restart(self) -> None:
        self.dead = False


class MortalTable:
    """A table of a mortal process, which may be away before a write, or after the write took effect."""

    def __init__(self, table: Table, life: Life) -> None:
        self._table, self._life = table, life

    def get(self, partition: str, key: str) -> Row | None:
        self._life.go_on("table")
        return self._table.get(partition, key)

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        self._life.go_on("table")
        yield from self._table.rows(partition, first, last, limit=limit)

    def transact(self, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        kinds = ",".join(sorted({write.key.partition("!")[0] for write in writes}))
        self._life.reach(f"table before {kinds}")
        etags = self._table.transact(partition, writes)
        self._life.reach(f"table after {kinds}")
        return etags


class MortalBus:
    """Queues that a mortal process sends to; it may end, or they may be away, between any two messages."""

    def __init__(self, bus: Bus, life: Life) -> None:
        self._bus, self._life = bus, life

    def send(self, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            self._life.reach("bus before send")
            self._bus.send([message])
            self._life.reach("bus after send")

    def send_raw(self, message: RawMessage) -> None:
        self._life.reach("bus before raw")
        self._bus.send_raw(message)
        self._life.reach("bus after raw")

    def drain(self, queue: str, keep: Callable[[DeadLetter], None], *, limit: int = 100) -> int:
        return self._bus.drain(queue, keep, limit=limit)

    def take_free_sessions(self, queue: str, take: Callable[[WaitingMessage], None], *, limit: int = 100) -> int:
        return self._bus.take_free_sessions(queue, take, limit=limit)

    def probe(self, queue: str) -> datetime | None:
        self._life.go_on("bus")
        return self._bus.probe(queue)


class Mortal:
    """Any other port of a mortal process: before and after each of its writes the process may end."""

    def __init__(self, port: object, life: Life, name: str, *writes: str) -> None:
        self._port, self._life, self._name, self._writes = port, life, name, writes

    def __getattr__(self, method: str) -> Any:
        member = getattr(self._port, method)
        if not callable(member):
            return member

        def called(*args: Any, **kwargs: Any) -> Any:
            if method not in self._writes:
                self._life.go_on(self._name)
                return member(*args, **kwargs)
            self._life.reach(f"{self._name} before {method}")
            result = member(*args, **kwargs)
            self._life.reach(f"{self._name} after {method}")
            return result

        return called


class MortalCluster(Mortal):
    """A cluster of a mortal process, which may end between any two objects."""

    def __init__(self, cluster: Cluster, life: Life) -> None:
        super().__init__(cluster, life, "cluster")
        self._cluster = cluster

    def fenced(self, namespace: str, claim: Callable[[], Claim]) -> "MortalFenced":
        return MortalFenced(self._cluster.fenced(namespace, claim), self._life)


class MortalFenced(Mortal):
    """The writes of a mortal process to a cluster."""

    def __init__(self, fenced: FencedCluster, life: Life) -> None:
        super().__init__(
            fenced, life, "cluster", "start_job", "run_once", "withdraw_job", "roll_back", "free_stuck_pod"
        )
        self._fenced = fenced

    def apply(self, manifests: Sequence[Manifest]) -> list[AppliedObject]:
        applied = list[AppliedObject]()
        for manifest in manifests:
            self._life.reach("cluster before apply")
            applied += self._fenced.apply([manifest])
            self._life.reach("cluster after apply")
        return applied

    def prune(self, deletions: Sequence[Deletion], *where: Any, **how: Any) -> tuple[Deleted, ...]:
        deleted = list[Deleted]()
        for deletion in deletions:
            self._life.reach("cluster before prune")
            deleted += self._fenced.prune([deletion], *where, **how)
            self._life.reach("cluster after prune")
        return tuple(deleted)


def mortal_port[Port](port: Port, life: Life, name: str, *writes: str) -> Port:
    """The port, used by a mortal process. Its methods come from `__getattr__`, which no type checker sees."""
    return cast(Port, Mortal(port, life, name, *writes))


def mortal_ports(ports: Ports, life: Life) -> Ports:
    """Every effect of the process on the outside goes through one of these ports."""

    def registry(name: str) -> Registry:
        return mortal_port(ports.registry(name), life, "registry", *REGISTRY_READS, *REGISTRY_WRITES)

    def index_table() -> PagedTable:
        return mortal_port(ports.index_table(), life, "index", "transact")

    return replace(
        ports,
        table=lambda: MortalTable(ports.table(), life),
        index_table=index_table,
        bus=lambda: MortalBus(ports.bus(), life),
        blobs=lambda: mortal_port(ports.blobs(), life, "blobs", "put"),
        archive=lambda: mortal_port(ports.archive(), life, "blobs", "put"),
        added_blobs=lambda: mortal_port(ports.added_blobs(), life, "anchors", "add"),
        registry=registry,
        cluster=lambda name: cast(Cluster, MortalCluster(ports.cluster(name), life)),
        channel=lambda name: mortal_port(ports.channel(name), life, "channel", "send"),
    )


REGISTRY_READS = ("resolve", "manifest", "referrers", "blob_exists", "open_blob")
"""These calls change nothing outside: a process that dies there has died before its next write."""
REGISTRY_WRITES = ("put_blob", "mount_blob", "put_manifest", "lock", "unlock_tag")


def is_service(point: str) -> bool:
    """Whether a service can be away at the point. The index accepts rows that it has already: to it, after a write is
    as before it."""
    return point.startswith(("table", "index before", "anchors before", "bus", "cluster", "registry before"))


def is_read(point: str) -> bool:
    return point.startswith("registry") and point.endswith(REGISTRY_READS)
