"""The one table of rights, for both roles and every other party.

The laptop makes SAS tokens and queue rules from it, each role assignment in Azure is compared with it, and
`docs/reference/rights.md` is made from it. An operation that is not in it is refused.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from .keyring import PUBLIC_SECRET, VAULT_SECRET
from .queues import Queue


class Operation(StrEnum):
    """Something that can be done to a table, a container or a queue."""

    READ = "read"
    """Read and list rows or blobs."""
    ADD = "add"
    """Add a row or a blob that does not exist yet; neither change nor replace one."""
    CHANGE = "change"
    """Change or replace rows, and write blobs."""
    DELETE = "delete"
    """Delete rows or blobs."""
    SEND = "send"
    """Send messages."""
    LISTEN = "listen"
    """Receive, peek and settle messages, dead letters included."""


_ROWS: Final = frozenset({Operation.READ, Operation.ADD, Operation.CHANGE, Operation.DELETE})
_BOTH_WAYS: Final = frozenset({Operation.SEND, Operation.LISTEN})


class TableName(StrEnum):
    """A table of the storage account."""

    LEDGER = "ledger"
    """State, trail and outbox."""
    INDEX = "auditindex"
    """Copies of audit records by search axis; and ended sessions."""
    INBOX = "inbox"
    """People's statements that the worker has not answered yet."""
    CHALLENGES = "challenges"
    """Statements between the button and the way back from the identity provider."""


class Container(StrEnum):
    """A blob container."""

    EVIDENCE = "evidence"
    """Plans, manifests, proofs and logs, by their hash."""
    AUDIT = "audit"
    """Anchors, exports and archived records."""
    INCOMING = "incoming"
    """Content of inbox rows that is too large for a row, by its hash."""


class Secret(StrEnum):
    """A secret of the vault. A party that may read it gets it as a setting, or reads it in the vault; no app writes
    one."""

    SIGNING_KEY = VAULT_SECRET
    """The private keys of audit records and approval links."""
    PUBLIC_KEYS = PUBLIC_SECRET
    """The public keys of all signing keys. They are not secret, but are kept where the rotation of keys writes them."""
    SESSION_KEYS = "slipway-session-keys"
    """The keys that seal the sessions of the pages."""
    HOOK_SECRETS = "slipway-hook-secrets"
    """The secrets that identify the senders of hooks."""
    API_KEYS = "slipway-api-keys"
    """The hashes of API keys with a name of their own."""
    CHANNELS = "slipway-channels"
    """The channels of notices, with their secrets."""


class Beyond(StrEnum):
    """Something that a party may do outside the ledger's storage, the queues and the vault."""

    HOST = "host"
    """Everything in the storage account of its own Functions host: its package, its locks, its keys."""
    TELEMETRY = "telemetry"
    """Send traces, metrics and logs."""
    COUNT = "count-messages"
    """Count the messages that wait in the queues: the platform does it with the identity of the app that it scales."""
    READ_PUSHED = "read-pushed"
    """Read the registry into which pipelines push."""
    PUSH = "push"
    """Write into the registry into which pipelines push."""
    COPY = "copy"
    """Write into the registry of production."""
    IMPORT = "import"
    """Let one registry fetch from the other."""
    PULL = "pull"
    """Read the registry of its environment."""
    DEPLOY = "deploy"
    """Change objects in the listed namespaces, and in no others."""
    MAIL = "mail"
    """Send mail."""
    KEEP_DEAD_EVENTS = "keep-dead-events"
    """Write events that could not be delivered into their container."""
    JOIN_SUBNET = "join-subnet"
    """Give load balancers addresses in its own subnet."""


type Resource = TableName | Container | Queue

OPERATIONS: Final[Mapping[type[StrEnum], frozenset[Operation]]] = {
    TableName: _ROWS,
    Container: _ROWS,
    Queue: _BOTH_WAYS,
}
"""The operations on each kind of resource."""
RESOURCES: Final[tuple[Resource, ...]] = (*TableName, *Container, *Queue)


class Party(StrEnum):
    """An app, service or person with rights in an installation."""

    FRONT = "front"
    """The function app with pages, API and hooks."""
    WORKER = "worker"
    """The function app behind the queues, the only one that writes the ledger."""
    EVENT_GRID = "event-grid"
    """The Event Grid topics of the registries."""
    PIPELINES = "pipelines"
    """The service connections of pipelines that report their runs."""
    APPROVAL_SENDERS = "approval-senders"
    """The identities of the parameter `approvalSenders`, and the Teams flow."""
    NODES = "nodes"
    """The nodes of the clusters."""
    CLUSTERS = "clusters"
    """The clusters that the installation made."""


type Rights = Mapping[Resource, frozenset[Operation]]
_READ: Final = frozenset({Operation.READ})
_SEND: Final = frozenset({Operation.SEND})

RIGHTS: Final[Mapping[Party, Rights]] = {
    Party.FRONT: {
        TableName.LEDGER: _READ,
        TableName.INDEX: _READ,
        TableName.INBOX: frozenset({Operation.READ, Operation.ADD}),
        TableName.CHALLENGES: frozenset({Operation.READ, Operation.ADD}),
        Container.EVIDENCE: _READ,
        Container.AUDIT: _READ,
        Container.INCOMING: frozenset({Operation.ADD}),
        Queue.HINTS: _SEND,
    },
    Party.WORKER: {
        TableName.LEDGER: _ROWS,
        TableName.INDEX: _ROWS,
        TableName.INBOX: frozenset({Operation.READ, Operation.DELETE}),
        TableName.CHALLENGES: frozenset({Operation.READ, Operation.DELETE}),
        Container.EVIDENCE: frozenset({Operation.READ, Operation.ADD}),
        Container.AUDIT: frozenset({Operation.READ, Operation.ADD, Operation.CHANGE}),
        Container.INCOMING: frozenset({Operation.READ, Operation.DELETE}),
        **dict.fromkeys(Queue, _BOTH_WAYS),
    },
    Party.EVENT_GRID: {Queue.EVENTS: _SEND},
    Party.PIPELINES: {Queue.RUNS: _SEND},
    Party.APPROVAL_SENDERS: {Queue.APPROVALS: _SEND},
    Party.NODES: {},
    Party.CLUSTERS: {},
}
"""The worker also sends to each queue that it reads, to put a message off by sending a later copy, or to replay one."""

SECRETS: Final[Mapping[Party, frozenset[Secret]]] = {
    Party.FRONT: frozenset({Secret.PUBLIC_KEYS, Secret.SESSION_KEYS, Secret.HOOK_SECRETS, Secret.API_KEYS}),
    Party.WORKER: frozenset({Secret.SIGNING_KEY, Secret.PUBLIC_KEYS, Secret.CHANNELS}),
    **dict.fromkeys(frozenset(Party) - {Party.FRONT, Party.WORKER}, frozenset()),
}
"""The secrets that a party reads."""

BEYOND: Final[Mapping[Party, frozenset[Beyond]]] = {
    Party.FRONT: frozenset({Beyond.HOST, Beyond.TELEMETRY}),
    Party.WORKER: frozenset(
        {
            *(Beyond.HOST, Beyond.TELEMETRY, Beyond.COUNT),
            *(Beyond.READ_PUSHED, Beyond.COPY, Beyond.IMPORT, Beyond.DEPLOY, Beyond.MAIL),
        }
    ),
    Party.EVENT_GRID: frozenset({Beyond.KEEP_DEAD_EVENTS}),
    Party.PIPELINES: frozenset({Beyond.PUSH}),
    Party.APPROVAL_SENDERS: frozenset(),
    Party.NODES: frozenset({Beyond.PULL}),
    Party.CLUSTERS: frozenset({Beyond.JOIN_SUBNET}),
}
"""A party's rights outside storage, queues and vault; an optional right applies only once the option is chosen."""

EVENT_GRID_FUNCTION: Final[Rights] = {Queue.EVENTS: _SEND}
"""The rights that the front has in addition if its Event Grid function is on."""


def rights_of(party: Party, *, event_grid_function: bool = False) -> Rights:
    """The rights of a party. The front's include those of its Event Grid function if that is on."""
    more = EVENT_GRID_FUNCTION if event_grid_function and party is Party.FRONT else {}
    return {**RIGHTS[party], **more}


def may(rights: Rights, resource: Resource, operation: Operation) -> bool:
    """Whether the rights allow the operation on the resource."""
    return operation in rights.get(resource, frozenset())


def every_call() -> Iterator[tuple[Resource, Operation]]:
    """Each operation on each resource, allowed or not; in the same order in every process."""
    for resource in RESOURCES:
        for operation in sorted(OPERATIONS[type(resource)]):
            yield resource, operation
