"""Verification of the trail by the app itself, in parts: for monitoring, and for people who cannot run the CLI.

Its result is only as trustworthy as the app; `slipway audit verify` computes the same on the reader's machine.
"""

from ..domain.audit import GENESIS, AuditRecord, ChainCheck, ChainFault
from ..domain.chain_anchor import points_of
from ..domain.errors import NotFound
from ..domain.reports import ChainPartCheck
from ..ledger.chain_anchors import ChainAnchors
from .reading import Reader

MOST = 5000
"""The most records of one part."""


def verify_part(reader: Reader, anchors: ChainAnchors, application: str, *, after: int, limit: int) -> ChainPartCheck:
    """Verify up to `limit` records after `after`; at the chain's end, compare its head and the newest anchor too.

    Raises `NotFound`, `KeysUnavailable`.
    """
    head, newest = reader.head(application), anchors.newest(application)
    points = points_of([newest] if newest else [], epoch=head.epoch)
    before, keys = _before(reader, application, after), reader.ledger.public_keys
    check = ChainCheck(application, keys=keys, after=after, previous=before, anchored=points)
    fault = None
    for item in reader.audit(application, after=after, limit=limit):
        if not isinstance(item, AuditRecord):
            fault = ChainFault(application=application, sequence=check.count + 1, reason=item.damaged)
        elif check.count >= head.sequence and (head := reader.head(application)).sequence <= check.count:
            reason = f"the head names {head.sequence} records, and here is one more"
            fault = ChainFault(application=application, sequence=check.count + 1, reason=reason)
        else:
            fault = check.feed(item)
        if fault:
            break
    more = fault is None and check.count - after == limit
    if not more and fault is None:
        fault = check.finish(sequence=head.sequence, head_hash=head.hash)
    return ChainPartCheck(
        application=application,
        after=after,
        records=check.count - after,
        intact=fault is None,
        fault=fault,
        anchored=max(points, default=0),
        next=check.count if more else None,
    )


def _before(reader: Reader, application: str, after: int) -> str:
    if not after:
        return GENESIS
    record = next(iter(reader.audit(application, after=after - 1, limit=1)), None)
    if not isinstance(record, AuditRecord) or record.sequence != after:
        raise NotFound(f"the trail of {application} has no record {after}")
    return record.hash
