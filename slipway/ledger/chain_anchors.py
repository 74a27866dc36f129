"""Anchors, one blob each, in storage where blobs can only be added. One list request finds the newest of a chain."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, Protocol

from ..domain.audit import AuditRecord
from ..domain.chain_anchor import (
    AnchoredGate,
    AnchorReason,
    ChainAnchor,
    CountedAnchors,
    application_of,
    chain_of,
    new_anchor,
    read_anchor,
    whole_rule,
)
from ..domain.release import Head
from ..domain.restored import Restored, restored
from ..domain.rules import RuleResult
from ..domain.signing import Signer
from .keys import INSTALLATION
from .ledger import Ledger
from .table import Conflict, LedgerUnavailable, Row

log = logging.getLogger(__name__)

FOLDER: Final = "chains/"
MOST_SKIPPED: Final = 100
"""The most blobs that are searched for an anchor with a valid signature. If there is none among them, nothing opens."""
RECENT: Final = 3
"""The most anchors that are searched for a gate's own: anchors for other reasons may have followed it."""
_AGAIN: Final = r"(?:-[1-9][0-9]*)?"
"""Ends the name of an anchor if its record has another anchor already."""


class AddedBlobs(Protocol):
    """Blobs of one container that are added and read, never changed."""

    def add(self, name: str, content: bytes, content_type: str = "application/json") -> None:
        """Raises `Conflict` if there is one of this name, `LedgerUnavailable`."""
        ...

    def listed(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Names with the prefix in order, with the first bytes of each: all of an anchor. Read as it is iterated."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """The names that follow the prefix up to the next `/`, in order, each once."""
        ...


class LedgerRewound(Exception):  # noqa: N818 - it is a state of the ledger
    """The ledger does not hold the record that the newest anchor names; no anchor is written on top of that."""


@dataclass(frozen=True, kw_only=True)
class ChainAnchors:
    """Reads, compares and writes anchors."""

    blobs: Callable[[], AddedBlobs]
    ledger: Ledger
    signer: Callable[[], Signer]
    issuer_keys: Callable[[], str | None]
    """Hash of the kept set of the identity provider's keys; None if they are not known."""

    @property
    def signing_key_id(self) -> str:
        """Id of the key that signs now. Raises `KeysUnavailable`."""
        return self.signer().sign_naming(str.encode).kid

    def newest(self, application: str) -> ChainAnchor | None:
        """The newest anchor that the worker signed. An anchor that no key of the installation verifies is reported and
        skipped. Raises `LedgerUnavailable`, `KeysUnavailable`."""
        return next(self._genuine_anchors(application), None)

    def written(self, application: str, *, most: int) -> list[bytes]:
        """The newest anchors as they were written, not parsed. Raises `LedgerUnavailable`."""
        return [content for _, content in islice(self.blobs().listed(f"{FOLDER}{chain_of(application)}/"), most)]

    def read(self, anchor: str) -> bytes | None:
        """The anchor of this name as it was written; None if it is gone. Raises `LedgerUnavailable`."""
        return next(
            (content for name, content in self.blobs().listed(FOLDER + anchor) if name == FOLDER + anchor), None
        )

    def applications(self) -> tuple[str, ...]:
        """The application of each chain that was ever anchored, by the name in its records.

        Raises `LedgerUnavailable`.
        """
        names = (application_of(folder.rstrip("/")) for folder in self.blobs().folders(FOLDER))
        return tuple(name for name in names if name)

    def whole_ledger_rule(self, application: str, head: Head) -> RuleResult:
        """Whether the ledger, whose chain a moment ago ended in `head`, holds the record that its newest anchor names.

        Raises `LedgerUnavailable`, `KeysUnavailable`.
        """
        return self.whole_ledger_rule_among((), head, self.newest(application))

    def whole_ledger_rule_among(
        self, read: Iterable[AuditRecord | Row], head: Head, newest: ChainAnchor | None
    ) -> RuleResult:
        """Like `whole_ledger_rule`; the anchor's record is looked for among those already read first."""
        if newest is not None:
            for record in read:
                if isinstance(record, AuditRecord) and record.sequence == newest.head.sequence:
                    return whole_rule(head, newest, record)
        return self._compared(head.application, self._not_before(head, newest), newest)

    def _not_before(self, head: Head, newest: ChainAnchor | None) -> Head:
        """The head, read again if the newest anchor is ahead of it: records may have been added and anchored in
        between."""
        if newest is not None and newest.head.sequence > head.sequence:
            return self.ledger.head(head.application)
        return head

    def whole_ledger_rule_now(self, application: str) -> RuleResult:
        """Like `whole_ledger_rule`, for the present head."""
        return self.whole_ledger_rule(application, self.ledger.head(application))

    def names_issuer_keys(self, application: str, keys: str) -> bool:
        """Whether an anchor of this chain, or of the installation's, names this set of the identity provider's keys.

        Raises `LedgerUnavailable`, `KeysUnavailable`.
        """
        for chain in (INSTALLATION, application):
            counted = CountedAnchors(self.ledger.public_keys)
            if any(
                proving.keys.issuer == keys
                for anchor in self._genuine_anchors(chain)
                for proving in counted.take(anchor)
            ):
                return True
        return False

    # ---- writing
    def anchor_gate(self, head: Head, gate: AnchoredGate, *, now: datetime) -> ChainAnchor:
        """Anchor the end of the chain for a gate that was decided before it, unless there is an anchor for that gate.

        Raises `LedgerRewound`, `LedgerUnavailable`, `KeysUnavailable`.
        """
        recent, newest = islice(self._genuine_anchors(head.application), RECENT), None
        for anchor in recent:
            newest = newest or anchor
            if anchor.names(gate, head):
                return anchor
            if anchor.gate is not None:
                break
        return self._write(head, newest, AnchorReason.GATE, gate, now=now)

    def anchor_rules(self, application: str, changed: int, *, now: datetime) -> ChainAnchor | None:
        """Anchor the end of the chain after the record with the sequence `changed` has changed what is allowed, unless
        a later end is anchored. None if the ledger was restored from an older state. Raises
        `LedgerUnavailable`, `KeysUnavailable`.
        """
        try:
            return self._anchor_if_grown(application, AnchorReason.RULES, now=now, since=changed)
        except LedgerRewound as rewound:
            log.error("%s is not anchored: %s", application, rewound)  # noqa: TRY400 - the message says it all
            return None

    def restored(self, application: str, *, epoch: int = 0) -> Restored:
        """What the ledger has lost, as the anchors show it. `epoch` is the highest epoch known from elsewhere.

        Raises `LedgerUnavailable`, `KeysUnavailable`.
        """
        head, anchors = self.ledger.head(application), list(self._genuine_anchors(application))
        newest = anchors[0] if anchors else None
        whole = self._compared(application, head, newest)
        lost = list[ChainAnchor]()
        for anchor in anchors if not whole.passed else ():
            if anchor.epoch < head.epoch or self._compared(application, head, anchor).passed:
                break
            lost.append(anchor)
        return restored(max(head.epoch, epoch), newest, lost, "" if whole.passed else whole.reason)

    def anchor_reset(self, application: str, restored: Restored, *, now: datetime) -> ChainAnchor:
        """Anchor the end of the chain as the beginning of a new epoch, before the ledger begins that epoch: earlier
        anchors are history from then on. Raises `LedgerUnavailable`, `KeysUnavailable`."""
        head = self.ledger.head(application).evolve(epoch=restored.epoch)
        return self._add(application, head, self.newest(application), AnchorReason.RESET, None, now=now)

    def anchor_daily(self, application: str, *, now: datetime) -> ChainAnchor | None:
        """Anchor the end of the chain if the chain has grown since its newest anchor, or if another key signs now.
        Returns the anchor that is then the newest; None for a chain without records. Raises `LedgerRewound`,
        `LedgerUnavailable`, `KeysUnavailable`."""
        return self._anchor_if_grown(application, AnchorReason.DAILY, now=now, signs=self.signing_key_id)

    def _anchor_if_grown(
        self, application: str, why: AnchorReason, *, now: datetime, since: int | None = None, signs: str = ""
    ) -> ChainAnchor | None:
        newest, head = self.newest(application), self.ledger.head(application)
        if newest is None and not head.sequence:
            return None
        least_sequence = head.sequence if since is None else since
        signed = newest is not None and signs in ("", newest.sig.kid)
        if signed and newest and newest.epoch == head.epoch and least_sequence <= newest.head.sequence <= head.sequence:
            self._demand_whole(application, head, newest)
            return newest
        return self._write(head, newest, why, None, now=now)

    def _write(
        self, head: Head, newest: ChainAnchor | None, why: AnchorReason, gate: AnchoredGate | None, *, now: datetime
    ) -> ChainAnchor:
        head = self._not_before(head, newest)
        self._demand_whole(head.application, head, newest)
        return self._add(head.application, head, newest, why, gate, now=now)

    def _add(
        self,
        application: str,
        head: Head,
        newest: ChainAnchor | None,
        why: AnchorReason,
        gate: AnchoredGate | None,
        *,
        now: datetime,
    ) -> ChainAnchor:
        made = new_anchor(
            head,
            why=why,
            gate=gate,
            before=newest,
            keys=self.ledger.public_keys,
            issuer=self.issuer_keys(),
            signer=self.signer(),
            now=now,
        )
        for count in range(MOST_SKIPPED):
            name = f"{made.name}-{count}" if count else made.name
            try:
                self.blobs().add(FOLDER + name, made.document())
            except Conflict:
                # Another anchor of the same record exists: it will do, unless the new one has to name a gate.
                anchors = (
                    each for each in self._genuine_anchors(application, made.name) if each.sig.kid == made.sig.kid
                )
                if (taken := next((each for each in anchors if gate in (None, each.gate)), None)) is not None:
                    return taken
                continue
            return made
        raise LedgerUnavailable(f"{made.name} is taken {MOST_SKIPPED} times")

    # ---- comparing
    def _genuine_anchors(self, application: str, name: str = "") -> Iterator[ChainAnchor]:
        """The anchors that the worker signed, newest first. Retired keys count, too: each anchor only demands more
        of the ledger. Raises `LedgerUnavailable` if so many other blobs come first that the newest anchor cannot be
        known."""
        chain, any_genuine = chain_of(application), False
        for count, (blob, content) in enumerate(self.blobs().listed(FOLDER + (name or f"{chain}/"))):
            if count == MOST_SKIPPED and not any_genuine:
                raise LedgerUnavailable(
                    f"none of the first {MOST_SKIPPED} blobs of {chain}/ is an anchor of the worker's"
                )
            if count == MOST_SKIPPED:
                return
            anchor, fault = read_anchor(content, application=application, keys=self.ledger.public_keys)
            if anchor is not None and re.fullmatch(re.escape(FOLDER + anchor.name) + _AGAIN, blob):
                any_genuine = True
                yield anchor
            else:
                log.error("the anchor %s is passed over: %s", blob, fault or "it belongs to another place")

    def _demand_whole(self, application: str, head: Head, newest: ChainAnchor | None) -> None:
        whole = self._compared(application, head, newest)
        if not whole.passed:
            raise LedgerRewound(whole.reason)

    def _compared(self, application: str, head: Head, newest: ChainAnchor | None) -> RuleResult:
        record = None
        if newest is not None and newest.head.sequence <= head.sequence:
            sequence = newest.head.sequence
            held_record = next(self.ledger.audit(application, first=sequence, last=sequence, limit=1), None)
            record = held_record if isinstance(held_record, AuditRecord) and held_record.sequence == sequence else None
        return whole_rule(head, newest, record)
