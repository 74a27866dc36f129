"""Anchors of chains, a blob each, that can only be added: the newest is found by one list request."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, Protocol

from ..domain.audit import AuditRecord
from ..domain.chain_anchor import (
    LIMIT,
    AnchoredGate,
    ChainAnchor,
    chain_of,
    gate_anchor,
    read_anchor,
    whole_rule,
)
from ..domain.release import Head
from ..domain.rules import RuleResult
from ..domain.signing import Signer
from .ledger import Ledger
from .table import Conflict

log = logging.getLogger(__name__)

FOLDER: Final = "chains/"
PASSED_OVER: Final = 100
"""Most blobs that are looked at for one whose signature verifies."""


class AddedBlobs(Protocol):
    """Blobs of one container that are added and read, never changed."""

    def add(self, name: str, content: bytes) -> None:
        """Raises `Conflict` if there is one of this name, `LedgerUnavailable`."""
        ...

    def listed(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Names with the prefix in order, with the first `LIMIT` bytes of each; read as it is iterated."""
        ...


class LedgerRewound(Exception):  # noqa: N818 - it is a state of the ledger
    """The ledger does not hold what the newest anchor names; nothing is anchored over that."""


@dataclass(frozen=True, kw_only=True)
class ChainAnchors:
    """Reads, compares and writes anchors."""

    blobs: Callable[[], AddedBlobs]
    ledger: Ledger
    signer: Callable[[], Signer]

    def newest(self, application: str) -> ChainAnchor | None:
        """The newest anchor that the worker signed. One that verifies with no key of the installation is reported and
        passed over. Raises `LedgerUnavailable`, `KeysUnavailable`."""
        chain = chain_of(application)
        for count, (name, content) in enumerate(self.blobs().listed(f"{FOLDER}{chain}/")):
            if count == PASSED_OVER:
                break
            anchor, fault = read_anchor(content, application=application, keys=self.ledger.public_keys)
            if anchor is not None and FOLDER + anchor.name == name:
                return anchor
            fault = fault or "it belongs to another place"
            log.error("the anchor %s is passed over: %s", name, fault)
        return None

    def written(self, application: str, *, most: int) -> list[bytes]:
        """The newest anchors as they were written, unread. Raises `LedgerUnavailable`."""
        return [content for _, content in islice(self.blobs().listed(f"{FOLDER}{chain_of(application)}/"), most)]

    def whole(self, application: str, head: Head) -> RuleResult:
        """Whether the ledger holds what its newest anchor names. Raises `LedgerUnavailable`, `KeysUnavailable`."""
        return self._compared(application, head, self.newest(application))

    def of_ledger(self, application: str) -> RuleResult:
        """As `whole`, for the head as it is now."""
        return self.whole(application, self.ledger.head(application))

    def _compared(self, application: str, head: Head, newest: ChainAnchor | None) -> RuleResult:
        record = None
        if newest is not None and newest.head.sequence <= head.sequence:
            sequence = newest.head.sequence
            held_record = next(self.ledger.audit(application, first=sequence, last=sequence, limit=1), None)
            record = held_record if isinstance(held_record, AuditRecord) and held_record.sequence == sequence else None
        return whole_rule(head, newest, record)

    def anchor(self, application: str, gate: AnchoredGate, *, now: datetime) -> ChainAnchor:
        """Anchor the chain's end for a gate that was decided, unless it is anchored for this gate already.

        Raises `LedgerRewound`, `LedgerUnavailable`, `KeysUnavailable`.
        """
        newest, head = self.newest(application), self.ledger.head(application)
        whole = self._compared(application, head, newest)
        if not whole.passed:
            raise LedgerRewound(whole.reason)
        if newest is not None and newest.gate == gate and newest.epoch == head.epoch:
            return newest
        made = gate_anchor(head, gate, before=newest, keys=self.ledger.public_keys, signer=self.signer(), now=now)
        try:
            self.blobs().add(FOLDER + made.name, made.document())
        except Conflict:
            log.info("another instance has anchored %s at %d", application, head.sequence)
        return made


def limited(content: bytes) -> bytes:
    """The content unchanged. Raises ValueError if it is larger than an anchor can be."""
    if len(content) > LIMIT:
        raise ValueError(f"an anchor has at most {LIMIT} bytes, this one has {len(content)}")
    return content
