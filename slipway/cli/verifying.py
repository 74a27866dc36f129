"""Verifies an audit chain on this machine: the app supplies the records, but its own checks are not trusted."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from slipway.domain.actions import Action
from slipway.domain.audit import AuditRecord, ChainCheck, ChainFault
from slipway.domain.model import Record, Timestamp
from slipway.domain.replaying import Replay
from slipway.domain.reports import MOST_NAMED
from slipway.domain.signing import PublicKeys

from .anchors import AnchorFile, SignedAnchors
from .api import PAGE, Api
from .voters import Voters, VotesVerdict

ANCHORED_WITHIN: Final = timedelta(hours=26)
"""The greatest age of a record without an anchor: a day, since anchors are daily, and two hours for a failed run."""

type Progress = Callable[[int, int], None]
"""Called with the number of records checked so far, and the total."""


class WaiverOnRecord(Record):
    """A waiver, as a verified record has it."""

    sequence: int
    release: str
    environment: str
    rule: str
    actor: str
    reason: str


def waiver_of(record: AuditRecord) -> WaiverOnRecord | None:
    if record.known_action is not Action.WAIVER_GIVEN:
        return None
    return WaiverOnRecord(
        sequence=record.sequence,
        release=record.release or "",
        environment=record.environment or "",
        rule=str(record.details.get("rule", "")),
        actor=record.actor,
        reason=str(record.details.get("reason", "")),
    )


class IndexVerdict(Record):
    """Whether searches find the whole trail: the state of its copies in the app's audit index."""

    missing: int = 0
    wrong: int = 0
    extra: int = 0
    records: tuple[int, ...] = ()
    """The first records that have a missing or wrong copy, by sequence."""

    @property
    def complete(self) -> bool:
        return not (self.missing or self.wrong or self.extra)


class ChainVerdict(Record):
    """Whether the chain of one application is intact, and its faults."""

    application: str
    records: int
    """Number of records verified."""
    first: int = 1
    """Sequence of the first verified record: an export may start in the middle."""
    intact: bool
    fault: ChainFault | None = None
    anchors: int = 0
    """Number of anchors that the chain was compared with."""
    anchored: int = 0
    """Sequence of the last record that an anchor covers."""
    unanchored_since: Timestamp | None = None
    """Time of the first record that no anchor covers yet."""
    retired_from: int | None = None
    """The sequence of the first record that a retired key signed, and that neither an anchor nor a later record shows
    to be older than the retirement."""
    notes: tuple[str, ...] = ()
    """Anchors that do not count, and why."""
    waivers: tuple[WaiverOnRecord, ...] = ()
    """The rules about proof that people waived, oldest first."""
    votes: VotesVerdict | None = None
    """The verdict on the proofs behind the chain; None if nobody asked for it."""
    index: IndexVerdict | None = None
    """None for an export, which has no index, and for a broken chain."""
    head: str = ""
    """Hash of the last record. Anybody who keeps it can prove later that no earlier record was changed."""

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"head": True, "first": True, "fault": {"application"}})

    def waits(self, now: datetime) -> bool:
        """Whether a record has waited longer for an anchor than a daily anchor explains."""
        return self.unanchored_since is not None and self.unanchored_since < now - ANCHORED_WITHIN


class Watch:
    """Collects from the records of a chain: those that no anchor covers, the anchors that they name, and the
    waivers."""

    def __init__(self, anchors: SignedAnchors, keys: PublicKeys, voters: Voters | None = None) -> None:
        self._anchors, self._reach, self._keys, self._voters = anchors, anchors.reach, keys, voters
        self.unanchored_since: datetime | None = None
        self.retired_from: int | None = None
        self.lacking: list[AuditRecord] = []
        """Records that name an anchor which does not exist."""
        self.waivers: list[WaiverOnRecord] = []
        self._replay = Replay()

    def notice(self, record: AuditRecord) -> None:
        if record.sequence > self._reach and self.unanchored_since is None:
            self.unanchored_since = record.time
        if record.sequence > self._reach:
            is_retired = self._keys.is_retired(record.sig.kid)
            self.retired_from = (self.retired_from or record.sequence) if is_retired else None
        if self._anchors.missing_anchor(record):
            self.lacking.append(record)
        if (waiver := waiver_of(record)) is not None:
            self.waivers.append(waiver)
        self._replay.feed(record)
        if self._voters is not None:
            self._voters.feed(record)

    def ungated(self) -> ChainFault | None:
        """The first release that went live without its gate, according to the records."""
        if self._replay.fault is None:
            return None
        sequence, reason = self._replay.fault
        return ChainFault(application=self._anchors.application, sequence=sequence, reason=reason)

    def fault(self) -> ChainFault | None:
        """The first record whose anchor still does not exist."""
        for record in self.lacking:
            if hash := self._anchors.missing_anchor(record):
                reason = f"it says that the anchor {hash} was written, and that one is missing"
                return ChainFault(application=record.application, sequence=record.sequence, reason=reason)
        return None

    def with_anchors(self, verdict: ChainVerdict) -> ChainVerdict:
        anchors = self._anchors
        return verdict.evolve(
            anchors=len(anchors.in_force),
            anchored=self._reach,
            unanchored_since=self.unanchored_since,
            retired_from=self.retired_from,
            notes=tuple(anchors.notes),
            waivers=tuple(self.waivers),
            votes=self._voters.verdict() if self._voters else None,
        )


def verify_chain(
    api: Api,
    application: str,
    *,
    keys: PublicKeys,
    progress: Progress,
    kept_anchors: AnchorFile | None = None,
    voters: Voters | None = None,
) -> ChainVerdict:
    """Verify the whole chain page by page, and compare it with its head and its anchors. With `voters`, also verify the
    proofs that its records name."""
    anchors = SignedAnchors(application, keys)
    anchors.take_listed(api.anchors(application))
    if kept_anchors is not None:
        kept_anchors.add_to(anchors)
    watch, check = Watch(anchors, keys, voters), ChainCheck(application, keys=keys, anchored=anchors.points())
    if wrong := disagreement_fault(anchors):
        return watch.with_anchors(verdict_of(check, wrong))
    while True:
        before = check.count
        page = api.audit_page(application, after=before, limit=PAGE)
        for item in page.records:
            if fault := feed(check, item, watch.notice):
                return watch.with_anchors(verdict_of(check, fault))
        progress(check.count, max(check.count, page.head.sequence))
        grown = check.count > before
        if page.next is not None and grown:
            continue
        if grown and check.count > page.head.sequence:
            continue  # records were written after the head was read: fetch both again
        fault = check.finish(sequence=page.head.sequence, head_hash=page.head.hash)
        if watch.lacking and fault is None:
            anchors.take_listed(api.anchors(application))  # one may have been written while the chain was read
            fault = watch.fault()
        return watch.with_anchors(verdict_of(check, fault or watch.ungated()))


def with_index(api: Api, verdict: ChainVerdict) -> ChainVerdict:
    """The verdict on an intact chain, with what the app's index lacks of it, by the app's own word."""
    if not verdict.intact:
        return verdict
    compared, after = IndexVerdict(), 0
    while True:
        part = api.index_part(verdict.application, after=after)
        compared = IndexVerdict(
            missing=compared.missing + part.missing,
            wrong=compared.wrong + part.wrong,
            extra=compared.extra + part.extra,
            records=(*compared.records, *part.lacking)[:MOST_NAMED],
        )
        if part.next is None or part.next <= after:
            return verdict.evolve(index=compared)
        after = part.next


def disagreement_fault(anchors: SignedAnchors) -> ChainFault | None:
    """The fault of a chain if two of its anchors say different things."""
    disagreement = anchors.disagreement()
    if disagreement is None:
        return None
    sequence, reason = disagreement
    return ChainFault(application=anchors.application, sequence=sequence, reason=reason)


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
