"""Verification of an audit chain on this machine: the app gives the records and is not asked about them."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from slipway.domain.audit import AuditRecord, ChainCheck, ChainFault
from slipway.domain.model import Record

from .api import PAGE, Api

type Progress = Callable[[int, int], None]
"""Told how many records are checked, of how many."""


class Verdict(Record):
    """Whether the chain of one application is intact, and what is wrong with it."""

    application: str
    records: int
    """Records that were checked and are right."""
    intact: bool
    fault: ChainFault | None = None
    head: str = ""
    """Hash of the last record: whoever notes it can prove later that nothing before it was changed."""

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"head": True, "fault": {"application"}})


def verify(api: Api, application: str, *, progress: Progress) -> Verdict:
    """Walk the whole chain page by page, holding one page and one hash, and compare its end with the head."""
    check = ChainCheck(application)
    while True:
        known = check.count
        page = api.audit_page(application, after=known, limit=PAGE)
        for item in page.records:
            if fault := _fault(check, item):
                return _broken(check, fault)
        progress(check.count, max(check.count, page.head.sequence))
        grown = check.count > known
        if page.next is not None and grown:
            continue
        if grown and check.count > page.head.sequence:
            continue  # records that were written after the head was read: look at both again
        if fault := check.finish(sequence=page.head.sequence, head_hash=page.head.hash):
            return _broken(check, fault)
        return Verdict(application=application, records=check.count, intact=True, head=page.head.hash)


def _broken(check: ChainCheck, fault: ChainFault) -> Verdict:
    return Verdict(application=check.application, records=check.count, intact=False, fault=fault)


def _fault(check: ChainCheck, item: dict[str, Any]) -> ChainFault | None:
    expected = check.count + 1
    if "damaged" in item and item.get("sequence") == expected:
        return ChainFault(application=check.application, sequence=expected, reason=str(item["damaged"]))
    try:
        return check.feed(AuditRecord.model_validate(item))
    except ValidationError as error:
        fields = sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]})
        reason = f"it is not an audit record any more ({', '.join(fields)})"
    except (ValueError, OverflowError, RecursionError):
        reason = "its content has no canonical form: it was changed after it was written"
    return ChainFault(application=check.application, sequence=expected, reason=reason)
