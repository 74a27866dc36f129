"""Every key of the audit index, spelt once, and the rows that one record has in it.

They all lie in one partition, so that the copies of a commit's records take one transaction. A row key begins with the
*axis* that a query reads, followed by the inverted time, so the newest record of the axis comes first.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from ..domain.audit import AuditRecord, Damaged
from ..domain.audit_query import SERVICE
from ..domain.model import sha256
from .rows import pack_audit, unpack_audit
from .table import Row, Value

log = logging.getLogger(__name__)

TABLE: Final = "auditindex"

COPIES: Final = "copies"
"""The partition."""
TIME: Final = "time"
"""The axis of all records."""
INTERVENTION: Final = "intervention"
DIGEST: Final = "digest!"
"""The prefix of each digest's axis."""
LAST: Final = "~"

BY: Final = "By"
"""Column: the actor in lower case."""
CLASS: Final = "Intervention"
CHANGE: Final = "Change"
_OWN: Final = frozenset({BY, CLASS, CHANGE})

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_WIDTH: Final = 18
_TIME_MAX: Final = 10**_TIME_WIDTH - 1
_SEQUENCE_WIDTH: Final = 12
_SEQUENCE_MAX: Final = 10**_SEQUENCE_WIDTH - 1
_PLAIN: Final = re.compile(r"[a-z0-9@._:-]{1,254}")
PLACE_PATTERN: Final = re.compile(r"[0-9]{18}![a-z_][a-z0-9_-]{0,40}![0-9]{12}")


def time_key(moment: datetime) -> str:
    """Sorts later times first; times before 1970 count as 1970."""
    moment = max(moment, _EPOCH)
    return f"{_TIME_MAX - (moment - _EPOCH) // timedelta(microseconds=1):0{_TIME_WIDTH}d}"


def place_in(record: AuditRecord) -> str:
    """The record's place on each of its axes."""
    return f"{time_key(record.time)}!{record.application}!{_SEQUENCE_MAX - record.sequence:0{_SEQUENCE_WIDTH}d}"


def key_on(axis: str, record: AuditRecord) -> str:
    """The row key of the record's copy on the axis."""
    return f"{axis}!{place_in(record)}"


def place_of(key: str) -> str:
    """The place in the row key."""
    return "!".join(key.rsplit("!", 3)[1:])


def axis_of(key: str) -> str:
    return key.rsplit("!", 3)[0]


def sequence_of(key: str) -> int:
    """The sequence number in the row key or place; 0 if it has none."""
    digits = key.rpartition("!")[2]
    return _SEQUENCE_MAX - int(digits) if digits.isascii() and digits.isdigit() else 0


def actor_key(actor: str) -> str:
    """The actor as part of a key: in lower case if that is safe, otherwise `=` and a hash, since no safe actor contains
    `=`."""
    folded = actor.casefold()
    if _PLAIN.fullmatch(folded):
        return folded
    return "=" + sha256(folded.encode("utf-8", "surrogatepass")).removeprefix("sha256:")[:40]


# ---- axes
def by_application(application: str) -> str:
    return f"application!{application}"


def by_environment(environment: str) -> str:
    return f"environment!{environment}"


def by_change(environment: str) -> str:
    return f"change!{environment}"


def by_release(release: str) -> str:
    return f"release!{release}"


def by_actor(actor: str) -> str:
    return f"actor!{actor_key(actor)}"


def by_digest(digest: str) -> str:
    return DIGEST + digest.removeprefix("sha256:")


def axes(record: AuditRecord) -> Iterator[str]:
    """Each axis on which the record has a copy."""
    action = record.known_action
    yield TIME
    yield by_application(record.application)
    if record.release:
        yield by_release(record.release)
    if record.environment:
        yield by_environment(record.environment)
        if action is not None and action.changes_environment:
            yield by_change(record.environment)
    if record.digest:
        yield by_digest(record.digest)
    if record.actor.casefold() != SERVICE:
        yield by_actor(record.actor)
    if action is not None and action.intervention is not None:
        yield INTERVENTION


def copies(record: AuditRecord) -> Iterator[str]:
    """The row key of each copy of the record."""
    return (key_on(axis, record) for axis in axes(record))


def values(record: AuditRecord) -> dict[str, Value]:
    """The columns of each copy: those of the ledger, and those that only the filters use."""
    action = record.known_action
    extra: dict[str, Value] = {BY: record.actor.casefold()}
    if action is not None and action.intervention is not None:
        extra[CLASS] = str(action.intervention)
    if action is not None and action.changes_environment:
        extra[CHANGE] = True
    return pack_audit(record) | extra


def record_of(row: Row) -> AuditRecord:
    """Raises ValueError if the row is not a copy of a record."""
    return unpack_audit({name: value for name, value in row.values.items() if name not in _OWN})


def records_of(rows: Iterable[Row]) -> list[AuditRecord | Damaged]:
    """The records of the rows, not verified. A row is `Damaged` if it is not a copy of the record to which its place
    belongs."""
    return [_in_its_place(row) for row in rows]


def _in_its_place(row: Row) -> AuditRecord | Damaged:
    try:
        record = record_of(row)
    except (ValueError, RecursionError):
        return _damaged(row, "its copy in the audit index is not an audit record any more")
    if place_of(row.key) != place_in(record):
        return _damaged(row, "another record is in its place in the audit index")
    return record


def _damaged(row: Row, why: str) -> Damaged:
    log.warning("the row %s of the audit index is damaged: `slipway audit reindex` repairs it", row.key)
    application = row.key.split("!")[-2] if row.key.count("!") > 1 else ""
    return Damaged(application=application, sequence=sequence_of(row.key), damaged=why)
