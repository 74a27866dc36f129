"""Verification of anchors: those from the app or an export, and those that somebody kept elsewhere."""

import json
from collections.abc import Callable, Iterable, Iterator
from math import inf
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from slipway.domain.actions import Action
from slipway.domain.anchor import Anchor, AnchorCheck, AnchorFault, Points
from slipway.domain.audit import AuditRecord
from slipway.domain.model import Record

from .errors import CliError, Exit
from .files import lines_of


class AnchorsVerdict(Record):
    """Whether the anchors are intact, and if not, what is wrong."""

    anchors: int
    intact: bool
    fault: AnchorFault | None = None
    last: Anchor | None = None

    def as_json(self) -> dict[str, Any]:
        last = self.last and {"number": self.last.number, "day": f"{self.last.day}", "hash": self.last.hash}
        return {**self.model_dump(mode="json", exclude={"last"}), "last": last}


class AnchoredChains:
    """What the anchors say about all chains. Keeps the chain ends that they name, and only the last anchor itself.

    `whole`: they are all of the installation's anchors; those of an export may not start with the first.
    """

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._check, self._kept = AnchorCheck(), AnchorCheck(gaps=True)
        self._recorded: dict[int, object] = {}
        self._fault: AnchorFault | None = None

    def take(self, items: Iterable[Any]) -> None:
        """Read the anchors of the app or of an export, in order. Call it again to read ones added since."""
        self._check = AnchorCheck()
        self._feed(self._check, items)

    def keep(self, file: Path) -> None:
        """Read anchors that were kept elsewhere; some may be missing. They count like the app's. Call after `take`."""
        self._feed(self._kept, (read_json(line, file) for line in lines_of(file) if line.strip()))
        if not self._kept.count and not self._fault:
            raise CliError(f"{file}: contains no anchor", exit_code=Exit.USAGE)
        for number, hash in self._kept.hashes.items():
            known_hash = self._check.hashes.get(number)
            if not self._fault and number >= self._first and known_hash != hash:
                reason = "is another one" if known_hash else "is missing"
                self._fault = AnchorFault(number=number, reason=f"it is in {file.name}, and here it {reason}")

    def points(self, chain: str) -> Points:
        """The hashes that records of the chain must have, by sequence."""
        return self._check.points.get(chain, {}) | self._kept.points.get(chain, {})

    def chains(self) -> Iterator[str]:
        """All chains that any anchor names."""
        yield from sorted({*self._check.points, *self._kept.points})

    def notice(self, record: AuditRecord) -> None:
        """Remember the hash that the installation's trail records for an anchor."""
        number = record.details.get("anchor")
        if record.known_action is Action.ANCHOR_WRITTEN and isinstance(number, int):
            self._recorded[number] = record.details.get("hash")

    def compare(self, again: Callable[[], Iterable[Any]]) -> None:
        """Check that every anchor recorded in the installation's trail exists. `again` fetches them once more, in case
        one was written while the chains were read."""
        if any(number > max(self._check.hashes, default=0) for number in self._recorded) and not self._fault:
            self.take(again())
        for number, hash in sorted(self._recorded.items()):
            known_hash = self._check.hashes.get(number)
            later = not self._whole and number > max(self._check.hashes, default=0)
            if self._fault or number < self._first or known_hash == hash or later:
                continue
            reason = "the installation's trail records another hash for it"
            if known_hash is None:
                reason = "the installation's trail records it, but it is missing: the anchors were truncated"
            self._fault = AnchorFault(number=number, reason=reason)

    def verdict(self) -> AnchorsVerdict:
        check = self._check if self._check.count else self._kept
        return AnchorsVerdict(anchors=check.count, intact=self._fault is None, fault=self._fault, last=check.last)

    @property
    def _first(self) -> float:
        """The first anchor that must exist."""
        return 1 if self._whole else min(self._check.hashes, default=inf)

    def _feed(self, check: AnchorCheck, items: Iterable[Any]) -> None:
        for item in items:
            if self._fault:
                return
            expected = check.last.number + 1 if check.last else 1
            try:
                self._fault = check.feed(Anchor.model_validate(item))
            except (ValidationError, ValueError, OverflowError, RecursionError):
                self._fault = AnchorFault(number=expected, reason="its line is not an anchor any more")


def read_json(line: str, file: Path) -> Any:
    """The anchor on a line. Raises `CliError` for anything else, such as text that a mail program added."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CliError(f"{file}: expected an anchor on each line, got {line[:40]!r}", exit_code=Exit.USAGE) from error
