"""The input of the checks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...catalogue.entries import Catalogue
from ...clock import Clock, utc_now
from ...domain.rules import RuleResult
from ...domain.signing import KeySource
from ...effects.cluster import ClusterIdentity, Owner, Search
from ...effects.messaging import Bus
from ...effects.registry import Registry
from ...ledger import Blobs, Table
from ...ledger.installation import InstallationLedger
from ..run_rights import RunRights
from .fix_hints import FixHints


class ReviewableCluster(Protocol):
    """The part of a cluster's interface that the checks use."""

    def missing_rights(self, manifests: Sequence[Any], namespace: str) -> tuple[Any, ...]: ...

    def search(self, namespace: str, owner: Owner) -> Search: ...

    def identity(self) -> ClusterIdentity: ...

    def namespace_id(self, namespace: str) -> str: ...

    def other_role(self, manifests: Sequence[Any], kinds: Sequence[str], namespace: str) -> list[Any]: ...


class ReachableChannel(Protocol):
    """The part of a channel that the checks use."""

    def reach(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class CheckInput:
    """The input of all checks. Clients given as functions are opened by the check that needs them."""

    table: Callable[[], Table]
    blobs: Callable[[], Blobs]
    bus: Callable[[], Bus]
    installation: Callable[[], InstallationLedger]
    registry: Callable[[str], Registry]
    cluster: Callable[[str], ReviewableCluster]
    channel: Callable[[str], ReachableChannel]
    runs: Callable[[], RunRights | None]
    """The source of runs; None if none is asked."""
    registries: tuple[str, ...]
    clusters: tuple[str, ...]
    channels: tuple[str, ...]
    catalogue: Catalogue
    keys: KeySource
    """The private keys, of which only the ids are used."""
    whole: Callable[[str], RuleResult]
    """Whether an application's ledger holds the record that its newest anchor names."""
    fix_hints: FixHints = field(default_factory=FixHints)
    clock: Clock = utc_now
