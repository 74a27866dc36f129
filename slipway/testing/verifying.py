"""Verifies a whole chain for tests, against its head and its newest anchor."""

from dataclasses import dataclass

from ..domain.audit import AuditRecord, ChainCheck, ChainFault
from ..domain.chain_anchor import points_of
from ..ledger.chain_anchors import ChainAnchors
from ..queries.reading import Reader


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The verdict on a chain."""

    records: int
    """Number of records that verified."""
    fault: ChainFault | None
    anchored: int
    """The last anchored sequence."""

    @property
    def intact(self) -> bool:
        return self.fault is None


def verify_chain(reader: Reader, anchors: ChainAnchors, application: str) -> Verdict:
    """Raises `NotFound`, `KeysUnavailable`."""
    head, newest = reader.head(application), anchors.newest(application)
    points = points_of([newest] if newest else [], epoch=head.epoch)
    check = ChainCheck(application, keys=reader.ledger.public_keys, anchored=points)
    fault = None
    for item in reader.audit(application, limit=10**6):
        if not isinstance(item, AuditRecord):
            fault = ChainFault(application=application, sequence=check.count + 1, reason=item.damaged)
        elif check.count >= head.sequence and (head := reader.head(application)).sequence <= check.count:
            reason = f"the head names {head.sequence} records, and here is one more"
            fault = ChainFault(application=application, sequence=check.count + 1, reason=reason)
        else:
            fault = check.feed(item)
        if fault:
            break
    fault = fault or check.finish(sequence=head.sequence, head_hash=head.hash)
    return Verdict(records=check.count, fault=fault, anchored=max(points, default=0))
