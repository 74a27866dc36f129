"""The ports: every external dependency of the app, as a function that opens it. Those for Azure are in `azure.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..catalogue.entries import Catalogue
from ..clock import Clock
from ..domain.identity import AccessTokenReader, TokenReader
from ..domain.signing import KeySource, PublicKeys, Signer
from ..effects.messaging import Bus
from ..engine.backoff import Backoff
from ..http.saying import VotesProvider
from ..http.signing_in import SignInProvider
from ..inbound.proving import RunSource
from ..ledger import Blobs, Table
from ..ledger.blobs import IncomingBlobs
from ..ledger.chain_anchors import AddedBlobs
from ..ledger.table import PagedTable, RowTable
from ..maintenance.run_rights import RunRights

if TYPE_CHECKING:
    from ..effects.cluster import Cluster
    from ..effects.notification import Channel
    from ..effects.registry import Importer, Registry
    from ..telemetry.sdk import Sdk


class CheckedRunSource(RunSource, RunRights, Protocol):
    """A source of runs that the doctor can also ask for its rights."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The app opens each port once, on first use.

    To observe a port or inject faults, replace its function with one that wraps the opened port.
    """

    table: Callable[[], Table]
    """The ledger's table."""
    index_table: Callable[[], PagedTable]
    """The audit index's table."""
    inbox_table: Callable[[], RowTable]
    """The table of people's statements that the worker has not answered yet."""
    challenges_table: Callable[[], RowTable]
    """Statements on their way to the identity provider and back."""
    incoming: Callable[[], IncomingBlobs]
    """The store of content that the front passes on because no row or message can hold it."""
    blobs: Callable[[], Blobs]
    """The store of plans and logs."""
    archive: Callable[[], Blobs]
    """The store of audit records that were moved out of the table."""
    added_blobs: Callable[[], AddedBlobs]
    """Anchors and exports: blobs that are only added."""
    bus: Callable[[], Bus]
    registry: "Callable[[str], Registry]"
    """Opens a registry by its name in the settings; likewise `cluster` and `channel`."""
    importer: "Callable[[], Importer]"
    cluster: "Callable[[str], Cluster]"
    channel: "Callable[[str], Channel]"
    private_keys: Callable[[], KeySource]
    """The worker's keys, newest first. They sign records and links, and the keys for our messages' MACs are derived
    from them. Nothing that a front does opens them."""
    signer: Callable[[], Signer]
    """Signs audit records and links."""
    public_keys: Callable[[], PublicKeys]
    """The keys with which everybody verifies them."""
    provider: Callable[[], SignInProvider]
    """The identity provider, for the sign-in of the pages."""
    votes: Callable[[], VotesProvider]
    """The identity provider, for people's proofs."""
    proofs: Callable[[], TokenReader]
    """Reads the ID tokens of proofs."""
    access_tokens: Callable[[], AccessTokenReader]
    """Reads the tokens with which the API is called."""
    run_source: Callable[[], CheckedRunSource]
    """The system that runs pipelines, asked about them."""
    telemetry: "Callable[[], Sdk | None]"
    """Starts exporting telemetry; None if the settings name no destination."""
    clock: Clock
    backoff: Backoff
    owner: Callable[[], str]
    """Returns a unique name for the holder of a lease."""
    catalogue: Callable[[], Catalogue] | None = None
    """Applications that never change, instead of those in the ledger: for tests."""
