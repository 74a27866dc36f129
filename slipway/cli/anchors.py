"""Verifies anchors: those from the app or an export, and those that somebody kept elsewhere."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from slipway.domain.actions import Action
from slipway.domain.audit import AnchoredHead, AuditRecord
from slipway.domain.chain_anchor import ChainAnchor, CountedAnchors, application_of, points_of, read_anchor
from slipway.domain.signing import PublicKeys

from .errors import CliError, Exit
from .files import lines_of


class SignedAnchors:
    """The anchors of one chain. An anchor that the installation did not sign is noted, and does not count."""

    def __init__(self, application: str, keys: PublicKeys) -> None:
        self.application = application
        self.notes: list[str] = []
        """Documents that were skipped, with the reason."""
        self._keys = keys
        self._anchors: dict[str, ChainAnchor] = {}
        self._listed_from: int | None = None
        """The record from which on the app listed all anchors; None if the app was not asked."""

    def take_listed(self, items: Iterable[Any]) -> None:
        """Take the anchors that the app lists as the newest."""
        self.take(items)
        self._listed_from = min((anchor.head.sequence for anchor in self._anchors.values()), default=0)

    def take(self, items: Iterable[Any], *, source: str = "an anchor") -> None:
        for item in items:
            anchor, fault = read_anchor(json.dumps(item).encode(), application=self.application, keys=self._keys)
            if anchor is not None:
                self._anchors[anchor.hash] = anchor
            elif (note := f"{source} does not count: {fault}") not in self.notes:
                self.notes.append(note)

    @property
    def epoch(self) -> int:
        """The newest epoch; anchors of an older one are history."""
        return max((anchor.epoch for anchor in self._anchors.values()), default=0)

    @property
    def in_force(self) -> Sequence[ChainAnchor]:
        """The anchors of that epoch, by their place in the chain."""
        anchors = [anchor for anchor in self._anchors.values() if anchor.epoch == self.epoch]
        return sorted(anchors, key=lambda anchor: anchor.head.sequence)

    @property
    def _proving_anchors(self) -> Sequence[ChainAnchor]:
        """The anchors that prove something. The others, signed by retired keys, can only contradict."""
        counted = CountedAnchors(self._keys)
        return [proving for anchor in self._anchors.values() for proving in counted.take(anchor)]

    @property
    def reach(self) -> int:
        """Sequence of the last record that an anchor covers; 0 if none does."""
        return max((anchor.head.sequence for anchor in self._proving_anchors if anchor.epoch == self.epoch), default=0)

    def issuer_keys(self) -> Mapping[str, datetime]:
        """The sets of the identity provider's keys that the anchors name, each with the time of the first such
        anchor."""
        keys = dict[str, datetime]()
        for anchor in sorted(self._proving_anchors, key=lambda each: each.at):
            if anchor.keys.issuer:
                keys.setdefault(anchor.keys.issuer, anchor.at)
        return keys

    def points(self) -> Mapping[int, AnchoredHead]:
        """The hashes that records of the chain must have, by sequence."""
        return points_of(self.in_force, epoch=self.epoch)

    def disagreement(self) -> tuple[int, str] | None:
        """The record that two anchors name differently, and why that is a fault."""
        heads = dict[int, ChainAnchor]()
        for anchor in self.in_force:
            first = heads.setdefault(anchor.head.sequence, anchor)
            if first.head.hash != anchor.head.hash:
                return anchor.head.sequence, f"{first.text} names another hash for it than {anchor.text}"
        return None

    def missing_anchor(self, record: AuditRecord) -> str:
        """The hash of an anchor that a record says was written, if it should be among these but is not."""
        if record.known_action is not Action.GATE_ANCHORED or record.epoch < self.epoch or self._listed_from is None:
            return ""
        sequence, hash = record.details.get("sequence"), str(record.details.get("anchor", ""))
        reached = isinstance(sequence, int) and sequence >= self._listed_from
        return hash if reached and hash not in self._anchors else ""


class AnchorFile:
    """Anchors that somebody kept: from a mail, a webhook, a download. Some may be missing."""

    def __init__(self, file: Path | None, items: Iterable[Any] = ()) -> None:
        """The anchors are in a file of their own, or already read."""
        self._source, self._items = file.name if file else "the export", list(items)
        if file is None:
            return
        self._items = [_read_anchor(line, file) for line in lines_of(file) if line.strip()]
        if not self._items:
            raise CliError(f"{file}: contains no anchor", exit_code=Exit.USAGE)

    def add_to(self, anchors: SignedAnchors) -> None:
        """Add the anchors of this chain to those that are known of it."""
        items = [item for item in self._items if _application(item) in (None, anchors.application)]
        anchors.take(items, source=f"an anchor in {self._source}")

    def applications(self) -> list[str]:
        """The applications whose chains the anchors name, by the name in the chains' records."""
        return [name for item in self._items if (name := _application(item))]


def _application(item: Any) -> str | None:
    """The application whose chain the anchor names; None if it names none."""
    chain = item.get("chain") if isinstance(item, dict) else None
    return application_of(chain) or None if isinstance(chain, str) else None


def _read_anchor(line: str, file: Path) -> Any:
    """The anchor on a line. Raises `CliError` for anything else, such as text that a mail program added."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CliError(f"{file}: expected an anchor on each line, got {line[:40]!r}", exit_code=Exit.USAGE) from error
