"""Verification of an audit chain on this machine: the app supplies the records, but its own checks are not trusted."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from slipway.domain.audit import AnchoredHead, AuditRecord, ChainCheck, ChainFault
from slipway.domain.chain_anchor import ChainAnchor, points_of_gates, read_anchor
from slipway.domain.model import Record
from slipway.domain.signing import PublicKeys

from .api import PAGE, Api

type Progress = Callable[[int, int], None]
"""Called with the number of records checked so far, and the total."""


class ChainVerdict(Record):
    """Whether the chain of one application is intact, and what is wrong with it."""

    application: str
    records: int
    """Number of records verified."""
    first: int = 1
    """Sequence of the first verified record: an export may start in the middle."""
    intact: bool
    fault: ChainFault | None = None
    gates: int = 0
    """Number of anchors of gates that the chain was compared with."""
    notes: tuple[str, ...] = ()
    """Anchors that count for nothing, and why."""
    head: str = ""
    """Hash of the last record. Anybody who keeps it can prove later that no earlier record was changed."""

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(
            mode="json", exclude={"head": True, "first": True, "gates": True, "notes": True, "fault": {"application"}}
        )


def verify(
    api: Api,
    application: str,
    *,
    keys: PublicKeys,
    progress: Progress,
    anchored: Mapping[int, AnchoredHead] | None = None,
    notice: Callable[[AuditRecord], None] | None = None,
) -> ChainVerdict:
    """Verify the whole chain page by page, and compare its end with the head and the anchors. `notice` is called with
    each valid record."""
    gates, notes = _gates(api, application, keys)
    check = ChainCheck(application, keys=keys, anchored={**(anchored or {}), **gates})
    while True:
        known = check.count
        page = api.audit_page(application, after=known, limit=PAGE)
        for item in page.records:
            if fault := feed(check, item, notice):
                return verdict_of(check, fault)
        progress(check.count, max(check.count, page.head.sequence))
        grown = check.count > known
        if page.next is not None and grown:
            continue
        if grown and check.count > page.head.sequence:
            continue  # records were written after the head was read: fetch both again
        if fault := check.finish(sequence=page.head.sequence, head_hash=page.head.hash):
            return verdict_of(check, fault)
        return verdict_of(check).evolve(gates=len(gates), notes=notes)


def _gates(api: Api, application: str, keys: PublicKeys) -> tuple[dict[int, AnchoredHead], tuple[str, ...]]:
    """What the anchors of gates say of the chain, and which of them count for nothing."""
    anchors, notes = list[ChainAnchor](), list[str]()
    for item in api.gate_anchors(application):
        anchor, fault = read_anchor(json.dumps(item).encode(), application=application, keys=keys)
        if anchor is None:
            notes.append(f"an anchor of a gate counts for nothing: {fault}")
        else:
            anchors.append(anchor)
    newest = max((anchor.epoch for anchor in anchors), default=0)
    return points_of_gates(anchors, epoch=newest), tuple(notes)


def verdict_of(check: ChainCheck, fault: ChainFault | None = None) -> ChainVerdict:
    """The verdict after the last record."""
    return ChainVerdict(
        application=check.application,
        records=check.count - check.after,
        first=check.after + 1,
        intact=fault is None,
        fault=fault,
        head=check.previous if fault is None and check.count else "",
    )


def feed(check: ChainCheck, item: Any, notice: Callable[[AuditRecord], None] | None = None) -> ChainFault | None:
    """The fault in the next record of a chain; None if the record is valid."""
    expected = check.count + 1
    if isinstance(item, dict) and "damaged" in item and item.get("sequence") == expected:
        return ChainFault(application=check.application, sequence=expected, reason=str(item["damaged"]))
    try:
        record = AuditRecord.model_validate(item)
        fault = check.feed(record)
    except ValidationError as error:
        fields = sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]})
        reason = f"it is not an audit record any more ({', '.join(fields)})"
    except (ValueError, OverflowError, RecursionError):
        reason = "its content has no canonical form: it was changed after it was written"
    else:
        if fault is None and notice is not None:
            notice(record)
        return fault
    return ChainFault(application=check.application, sequence=expected, reason=reason)
