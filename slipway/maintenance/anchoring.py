"""The daily anchor: the ends of all chains, appended to immutable storage, recorded, and sent to witnesses.

Runs every hour and does whatever remains to be done. It writes once a day and resumes after a crash; a day on which the
app was down is covered by the next anchor, which says so.
"""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from ..catalogue.entries import Catalogue
from ..clock import Clock, utc_now
from ..domain.actions import Action
from ..domain.anchor import Anchor, is_due, latest, next_anchor
from ..domain.audit import AuditDraft, AuditRecord, ChainEnd
from ..domain.errors import UnknownName
from ..domain.model import Record
from ..effects.notification import Channel, Message, NotificationError
from ..ledger import Conflict, Ledger, keys
from ..ledger.anchors import Anchors
from ..ledger.installation import InstallationLedger

log = logging.getLogger(__name__)

SHOWN: Final = 16
"""Most chains that a notice names; the anchor's line names all of them."""


class AnchoringRun(Record):
    """What one run did."""

    written: int | None = None
    """Number of the anchor that was written."""
    told: tuple[str, ...] = ()
    """Witnesses that the anchor was sent to."""
    contradicted: tuple[str, ...] = ()
    """Chains that contradict the previous anchor."""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Anchoring:
    """Writes anchors and sends them to the configured witnesses."""

    anchors: Anchors
    ledger: Ledger
    installation: InstallationLedger
    catalogue: Catalogue
    channel: Callable[[str], Channel]
    witnesses: tuple[str, ...] = ()
    """Names of channels."""
    base: str = ""
    """Public address of the app."""
    clock: Clock = utc_now

    def run(self) -> AnchoringRun:
        """Raises `LedgerUnavailable`, `AnchorsDamaged`."""
        last = self.anchors.last()
        if last is not None:
            self._record(last)  # the process may have died between writing and recording it
        written, contradicted = None, tuple[str, ...]()
        if is_due(last, now=self.clock()):
            contradicted = self._compare(last) if last else ()
            anchor = next_anchor(last, self._heads(last), now=self.clock())
            try:
                self.anchors.append(anchor)
            except Conflict:
                log.info("another instance has written the day's anchor")
                return AnchoringRun(contradicted=contradicted)
            log.info("anchor %d of %s: %s", anchor.number, anchor.day, anchor.hash)
            self._record(anchor)
            last, written = anchor, anchor.number
        sent_to, problems = self._tell(last) if last else ((), ())
        return AnchoringRun(written=written, told=sent_to, contradicted=contradicted, problems=problems)

    def _chains(self, last: Anchor | None) -> list[str]:
        """Chains of current applications and of all that were anchored before, so that retired ones stay provable."""
        return sorted({keys.INSTALLATION, *self.catalogue.entries, *(last.heads if last else ())})

    def _heads(self, last: Anchor | None) -> dict[str, ChainEnd]:
        heads = ((name, self.ledger.head(name)) for name in self._chains(last))
        return latest((name, head.sequence, head.hash) for name, head in heads)

    def _compare(self, last: Anchor) -> tuple[str, ...]:
        """The chains that do not contain the end that the last anchor recorded. The new anchor is still written, as
        anchoring must not stop, but the contradiction is kept in the installation's trail and in the log."""
        wrong = tuple(name for name, end in sorted(last.heads.items()) if not self._holds(name, end))
        for name in wrong:
            log.error("the trail of %s contradicts anchor %d of %s", name, last.number, last.day)
            details = {
                "application": name,
                "anchor": last.number,
                "day": f"{last.day}",
                **last.heads[name].model_dump(),
            }
            draft = AuditDraft(action=Action.ANCHOR_CONTRADICTED, actor="slipway", details=details)
            key = keys.contradiction(last.number, name)
            self.installation.note(draft, key=key, values={"Hash": last.heads[name].hash}, now=self.clock())
        return wrong

    def _holds(self, name: str, end: ChainEnd) -> bool:
        record = next(self.ledger.audit(name, first=end.sequence, last=end.sequence, limit=1), None)
        return isinstance(record, AuditRecord) and (record.sequence, record.hash) == (end.sequence, end.hash)

    def _record(self, anchor: Anchor) -> None:
        """Record the anchor in the installation's trail, once: its row shows that it was done."""
        details = {
            "anchor": anchor.number,
            "since": f"{anchor.since}",
            "day": f"{anchor.day}",
            "hash": anchor.hash,
            "chains": len(anchor.heads),
            "witnesses": list(self.witnesses),
        }
        draft = AuditDraft(action=Action.ANCHOR_WRITTEN, actor="slipway", details=details)
        values = {"Hash": anchor.hash, "Told": "[]"}
        self.installation.note(draft, key=keys.anchor(anchor.number), values=values, now=self.clock())

    # ---- witnesses
    def _tell(self, anchor: Anchor) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Send the anchor to each witness that does not have it yet; failures are retried in the next hour."""
        sent_to, problems = list[str](), list[str]()
        for name in self.witnesses:
            key = keys.anchor(anchor.number)
            row = self.installation.row(key)
            known: list[str] = json.loads(str(row.values["Told"])) if row else []
            if name in known:
                continue
            try:
                self.channel(name).send(self._message(anchor))
            except (NotificationError, UnknownName) as error:
                problems.append(str(error))
                continue
            details = {"anchor": anchor.number, "hash": anchor.hash, "witness": name}
            draft = AuditDraft(action=Action.ANCHOR_SENT, actor="slipway", details=details)
            values = {"Hash": anchor.hash, "Told": json.dumps([*known, name])}
            self.installation.change(draft, key=key, values=values, now=self.clock())
            sent_to.append(name)
        return tuple(sent_to), tuple(problems)

    def _message(self, anchor: Anchor) -> Message:
        return Message(
            id=anchor.hash.removeprefix("sha256:")[:32],
            notice="anchor-written",
            time=anchor.time,
            application="Slipway",
            release="",
            environment="",
            tag="",
            headline=f"Anchor {anchor.number} of {anchor.day}: {anchor.hash}",
            lines=tuple(_lines(anchor)),
            release_url=self.base,
            anchor=anchor.line().decode().rstrip("\n"),
        )


def _lines(anchor: Anchor) -> Iterator[str]:
    for name, end in sorted(anchor.heads.items())[:SHOWN]:
        yield f"{name}: record {end.sequence}, {end.hash}"
    if len(anchor.heads) > SHOWN:
        yield f"and {len(anchor.heads) - SHOWN} more"
