"""Every key of the ledger, spelt once. Sorted as text, so numbers have a fixed width.

Characters that Table Storage forbids in keys (/ \\ # ? and control characters) cannot occur: names, tags and
digests are validated when they are parsed, and anything else is hashed before it becomes part of a key.
"""

from typing import Final

from ..domain.model import sha256

TABLE: Final = "ledger"

NUMBERS: Final = "_numbers."
"""Prefix of the partition with an application's metrics."""
WEEK: Final = "week!"
INSTALLATION: Final = "_installation"
"""Partition of the whole installation; application names never begin with an underscore."""
DUE_INDEX: Final = "_due"
"""Partition of the index of what is due."""
DUE: Final = "due!"

HEAD: Final = "head"
LANE: Final = "lane!"
RELEASE: Final = "release!"
AUDIT: Final = "audit!"
OUTBOX: Final = "outbox!"
SEEN: Final = "seen!"
ANSWER: Final = "answer!"
"""The answer to a row of the inbox."""
LOOK: Final = "look!"
"""In the installation's partition: the result of a look."""
LEASE: Final = "lease!"
DIGEST: Final = "artifact!"
TAG: Final = "tag!"
PARKED: Final = "parked!"
SIGNING: Final = "signing"
"""Ids of the signing keys in use at the last check."""
ISSUER_KEYS: Final = "issuer-keys!"
"""In the installation's partition: sets of the identity provider's keys that a record names."""
OPEN: Final = "open!"
PROGRESS: Final = "progress!"
DENIED: Final = "denied"
"""In the installation's partition: whose denied attempts were recorded in this hour."""
HEARTBEAT: Final = "heartbeat!"
ANCHORED: Final = "anchored"
"""In the installation's partition: when all chains were last anchored."""
INDEX_WATCH: Final = "index-watch"
"""In the installation's partition: how far the audit index was compared with the trails."""
OWED: Final = "owed!"
"""In the installation's partition: anchors that still have to be sent to witnesses."""
CONTRADICTED: Final = "contradicted!"
ARCHIVE: Final = "archive!"
ARCHIVED: Final = "archived!"
EXPORT: Final = "export!"
CATALOGUE: Final = "catalogue"
"""In the installation's partition: the row that changes with every change of the catalogue."""
LISTED: Final = "catalogue!"
"""In the installation's partition: everything in the catalogue."""
IN_FORCE: Final = "head!version"
"""The application's version in force: sorts between the head and the lanes, so that it is read with them."""
VERSION: Final = "version!"
FREEZE: Final = "freeze"
"""In the installation's partition: the freeze of everything, also after it has ended."""

PROPOSED: Final = "proposed!"
"""In the installation's partition: proposed changes of the catalogue, by the hash of their changes."""
UNDECIDED: Final = "undecided!"
"""In the same partition: changes that are not over, or about whose end some people were not told yet."""
PROPOSED_TOLD: Final = "told!"

_MADE_AGAIN: Final = (PROGRESS, LOOK, HEARTBEAT, DENIED, ANCHORED, INDEX_WATCH, LEASE)
"""Rows that may be lost: the code that needs one writes it anew."""

_WIDTH: Final = 12
_MAX: Final = 10**_WIDTH - 1
AFTER: Final = "~"
"""Sorts after every character used in keys, so it ends the range of a prefix."""


def lane(environment: str) -> str:
    return LANE + environment


def release(number: int) -> str:
    """Inverted, so that the newest release comes first."""
    return f"{RELEASE}{_MAX - number:0{_WIDTH}d}"


def audit(sequence: int) -> str:
    return f"{AUDIT}{sequence:0{_WIDTH}d}"


def outbox(sequence: int, index: int, id: str) -> str:
    """`id` is the id of the message: its receiver finds the row by it."""
    return f"{OUTBOX}{sequence:0{_WIDTH}d}!{index:03d}{_id_hash(id)}"


def is_outbox_key_of(key: str, id: str) -> bool:
    """Whether it is the row of the outbox of the message with this id."""
    return key.startswith(OUTBOX) and key.endswith(_id_hash(id))


def _id_hash(id: str) -> str:
    return "!" + sha256(id.encode()).removeprefix("sha256:")[:20]


def seen(mark: str) -> str:
    return SEEN + mark


def answer(inbox: str) -> str:
    return ANSWER + inbox


def waits(inbox: str) -> str:
    """The note why the row is not answered yet. It lies beside the answer, so that both are removed together when they
    are old."""
    return f"{ANSWER}{inbox}!waits"


def look(inbox: str) -> str:
    return LOOK + inbox


def lease(mark: str) -> str:
    return LEASE + mark


def artifact(digest: str) -> str:
    return DIGEST + digest.removeprefix("sha256:")


def tag(name: str) -> str:
    return TAG + name


def parked(name: str) -> str:
    return PARKED + name


def open_parked(name: str) -> str:
    """The row that marks parked input as not replayed yet; the input itself has its own row."""
    return OPEN + name


def issuer_keys(digest: str) -> str:
    return ISSUER_KEYS + digest.removeprefix("sha256:")


def progress(release: int, environment: str) -> str:
    return f"{PROGRESS}{release:0{_WIDTH}d}!{environment}"


def owed(anchor: str) -> str:
    """`anchor` is the name of an anchor that still has to be sent to witnesses."""
    return OWED + anchor.replace("/", "!")


def contradicted(application: str, epoch: int, sequence: int) -> str:
    """`sequence` is where the chain ended when it did not hold the record that its newest anchor names."""
    return f"{CONTRADICTED}{application}!{epoch}!{sequence}"


def archive(last: int) -> str:
    """The key has the segment's last sequence, so a record's segment is the first row at or after the record's
    sequence."""
    return f"{ARCHIVE}{last:0{_WIDTH}d}"


def archived(application: str, last: int) -> str:
    """In the installation's partition: marks a segment whose archiving was recorded in the audit trail."""
    return f"{ARCHIVED}{application}!{last:0{_WIDTH}d}"


def listed(subject: str) -> str:
    return LISTED + subject


def in_force(subject: str) -> str:
    """The version in force of a subject that has no partition of its own."""
    return f"{IN_FORCE}!{subject}"


def versions_of(subject: str) -> str:
    return f"{VERSION}{subject}!"


def version(subject: str, number: int) -> str:
    """Inverted, so that the newest version comes first."""
    return f"{versions_of(subject)}{_MAX - number:0{_WIDTH}d}"


def export(application: str) -> str:
    return EXPORT + application


def numbers(application: str) -> str:
    """A partition, not a row: its head is the checkpoint in the trail, its other rows are weeks."""
    return NUMBERS + application


def due(minute: str, application: str) -> str:
    """`minute` looks like 202611282215, so that the earliest entry comes first."""
    return f"{DUE}{minute}!{application}"


def due_application(key: str) -> str:
    return key.rpartition("!")[2]


def week(name: str) -> str:
    """Inverted, so that the newest week comes first. `name` looks like 2026-W48."""
    return f"{WEEK}{9999 - int(name[:4]):04d}{99 - int(name[6:]):02d}"


def range_of(prefix: str) -> tuple[str, str]:
    """First and last key of the rows with the prefix."""
    return prefix, prefix + AFTER


def owner_of(partition: str) -> str:
    """The application that a partition is about, or the installation."""
    return partition.removeprefix(NUMBERS)


def remedy(partition: str, key: str) -> str:
    """How a person repairs an unreadable row."""
    if partition.startswith(NUMBERS):
        return "delete all rows of that partition: the numbers are counted again from the trail"
    if (partition, key) == (INSTALLATION, FREEZE):
        return 'until somebody ends it, everything is frozen: slipway unfreeze --all --reason "its row was unreadable"'
    if key.startswith(_MADE_AGAIN):
        return "delete it: it is made again"
    return "put it back as it was (docs/how-to/restore-after-region-loss.md), or install the version that wrote it"
