"""The daily anchors: the end of each chain that has grown goes into storage that cannot be changed, and to witnesses.

It runs every hour and does the work that remains. It looks at the chains once a day and after a change of the signing
key. After such a change it signs all ends again with the new key, and repeats that until it finds no end with another
signature, since a worker that has not read the new key yet may still sign with the old one. It resumes after a crash.
Gates and changes of rules are anchored at once, elsewhere; this adds the rest of the day.
"""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from pydantic import TypeAdapter

from ..catalogue.entries import Catalogue
from ..clock import Clock, utc_now
from ..domain.actions import Action
from ..domain.audit import AuditDraft
from ..domain.chain_anchor import ChainAnchor
from ..domain.errors import UnknownName
from ..domain.model import Record, sha256
from ..effects.notification import Channel, Message, NotificationError
from ..ledger import Ledger, keys
from ..ledger.chain_anchors import ChainAnchors, LedgerRewound
from ..ledger.installation import InstallationLedger
from ..ledger.table import Act, Row, UnreadableRow, Write, gathered, read_each

log = logging.getLogger(__name__)

SENT_AT_ONCE: Final = 50
"""The most anchors of one notice."""
MOST_NOTICES: Final = 20
"""The most notices that one run sends to one witness; the next run sends the others."""
_NAMES: Final = TypeAdapter[tuple[str, ...]](tuple[str, ...])


class AnchoringRun(Record):
    """The result of one run."""

    written: tuple[str, ...] = ()
    """Names of the anchors that were written."""
    witnesses: tuple[str, ...] = ()
    """Witnesses to which something was sent."""
    contradicted: tuple[str, ...] = ()
    """Chains that do not hold the record that their newest anchor names."""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Anchoring:
    """Writes anchors and sends them to the configured witnesses."""

    anchors: ChainAnchors
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
        """Raises `LedgerUnavailable`, `KeysUnavailable`."""
        now, signs = self.clock(), self.anchors.signing_key_id
        before, signed_all = self._last()
        written, contradicted, signed_anew, unread = list[str](), list[str](), list[str](), list[str]()
        if before is None or before.astimezone(UTC).date() < now.astimezone(UTC).date() or signs != signed_all:
            for name in self._chains():
                try:
                    anchor = self.anchors.anchor_daily(name, now=now)
                    if self.ledger.sign_anew(name):
                        signed_anew.append(name)
                except LedgerRewound as rewound:
                    self._contradicted(name, str(rewound))
                    contradicted.append(name)
                    continue
                except UnreadableRow as unreadable:
                    unread.append(f"{name}: {unreadable}")
                    continue
                if anchor is not None and anchor.at == now:
                    written.append(anchor.name)
                if anchor is not None and (before is None or anchor.at > before):
                    self._owe(anchor)
            self._note_run(now, "" if signed_anew or unread else signs)
        sent_to, problems = self._tell()
        return AnchoringRun(
            written=tuple(written), witnesses=sent_to, contradicted=tuple(contradicted), problems=(*unread, *problems)
        )

    def _chains(self) -> list[str]:
        """The chains of current applications and all that were anchored before, so that those of removed applications
        stay provable."""
        return sorted({keys.INSTALLATION, *self.catalogue.entries, *self.anchors.applications()})

    def _last(self) -> tuple[datetime | None, str]:
        """When all chains were last looked at, and the key with which all ends were found signed; empty if some were
        not."""
        row = self.installation.row(keys.ANCHORED)
        try:
            return (row.moment("At"), row.text("Key")) if row else (None, "")
        except UnreadableRow as unreadable:
            log.error("%s", unreadable)  # noqa: TRY400 - the message says it all
            return None, ""

    def _note_run(self, now: datetime, signed_all: str) -> None:
        write = Write(act=Act.PUT, key=keys.ANCHORED, values={"At": now.isoformat(), "Key": signed_all})
        self.installation.table.transact(keys.INSTALLATION, [write])

    def _contradicted(self, name: str, reason: str) -> None:
        """Record the contradiction once, in the installation's trail and in the log. No anchor is written on top of
        it."""
        log.error("the trail of %s contradicts its newest anchor: %s", name, reason)
        head = self.ledger.head(name)
        details = {"application": name, "epoch": head.epoch, "sequence": head.sequence, "reason": reason}
        draft = AuditDraft(action=Action.ANCHOR_CONTRADICTED, actor="slipway", details=details)
        key = keys.contradicted(name, head.epoch, head.sequence)
        self.installation.note(draft, key=key, values={"Hash": head.hash}, now=self.clock())

    # ---- witnesses
    def _owe(self, anchor: ChainAnchor) -> None:
        if self.witnesses:
            write = Write(act=Act.PUT, key=keys.owed(anchor.name), values={"Name": anchor.name, "Witnesses": "[]"})
            self.installation.table.transact(keys.INSTALLATION, [write])

    def _tell(self) -> tuple[tuple[str, ...], list[str]]:
        """Send to each witness the anchors that it does not have yet; a failure is tried again an hour later."""
        sent_to, problems = list[str](), list[str]()
        for witness in self.witnesses:
            try:
                for rows in islice(self._batches(witness), MOST_NOTICES):
                    self._send(witness, rows)
                    sent_to.append(witness)
            except (NotificationError, UnknownName) as error:
                problems.append(str(error))
        return tuple(dict.fromkeys(sent_to)), problems

    def _batches(self, witness: str) -> Iterator[list[Row]]:
        rows = self.installation.table.rows(
            keys.INSTALLATION, *keys.range_of(keys.OWED), limit=SENT_AT_ONCE * MOST_NOTICES
        )
        owed = [row for row in gathered(read_each(rows, _checked)).read if witness not in _informed_witnesses(row)]
        for start in range(0, len(owed), SENT_AT_ONCE):
            yield owed[start : start + SENT_AT_ONCE]

    def _send(self, witness: str, rows: list[Row]) -> None:
        anchors = [(row, self.anchors.read(row.text("Name"))) for row in rows]
        texts = [content.decode("utf-8", "backslashreplace").rstrip("\n") for _, content in anchors if content]
        if texts:
            self.channel(witness).send(self._message(texts))
        for row, content in anchors:
            witnesses = {*_informed_witnesses(row), witness}
            if content is None:
                log.error("the anchor %s is gone before its witnesses were told", row.text("Name"))
            over = content is None or witnesses.issuperset(self.witnesses)
            values = {**row.values, "Witnesses": json.dumps(sorted(witnesses))}
            write = Write(act=Act.DELETE, key=row.key) if over else Write(act=Act.PUT, key=row.key, values=values)
            self.installation.table.transact(keys.INSTALLATION, [write])

    def _message(self, texts: list[str]) -> Message:
        anchors = [ChainAnchor.model_validate_json(text) for text in texts]
        count = f"{len(anchors)} anchors" if len(anchors) > 1 else "The anchor"
        newest = max(anchors, key=lambda anchor: anchor.at)
        return Message(
            id=sha256("\n".join(texts).encode()).removeprefix("sha256:")[:32],
            notice="anchor-written",
            time=newest.at,
            application="Slipway",
            release="",
            environment="",
            tag="",
            headline=f"{count} of {newest.at:%Y-%m-%d}: {newest.hash}",
            lines=tuple(f"{one.chain}: record {one.head.sequence}, {one.head.hash}" for one in anchors),
            release_url=self.base,
            anchors="\n".join(texts),
        )


def _checked(row: Row) -> Row:
    """Raises `UnreadableRow`."""
    row.text("Name")
    _informed_witnesses(row)
    return row


def _informed_witnesses(row: Row) -> tuple[str, ...]:
    try:
        return _NAMES.validate_json(row.text("Witnesses"))
    except ValueError:
        raise UnreadableRow(row, "Witnesses is no list of names") from None
