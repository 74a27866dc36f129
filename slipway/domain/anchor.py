"""Anchors: a daily line with the ends of all chains and the hash of the previous line, in immutable storage.

A chain proves that its records fit together; an anchor proves that they are the records of that day. The format is in
docs/reference/audit-format.md.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

from pydantic import Field

from .audit import GENESIS, AnchoredHead, ChainEnd
from .model import Moment, Record, canonical, sha256

type Points = dict[int, AnchoredHead]
"""The anchored ends of one chain, by sequence."""


class Anchor(Record):
    """One line of the anchors' file."""

    number: int = Field(ge=1)
    since: date
    """The first day that the anchor covers: the day after the previous anchor, so that missed days are visible."""
    day: date
    """The day on which it was written, in UTC."""
    time: Moment
    heads: dict[str, ChainEnd]
    previous: str
    hash: str

    @property
    def told(self) -> str:
        """As people read it."""
        return f"anchor {self.number} of {self.day}"

    def expected_hash(self) -> str:
        """Hash of the canonical form of everything but the hash itself."""
        return sha256(canonical(self.model_dump(mode="json", exclude={"hash"})))

    def line(self) -> bytes:
        """The line as written: the anchor's canonical form and a line break."""
        return canonical(self.model_dump(mode="json")) + b"\n"


def is_due(last: Anchor | None, *, now: datetime) -> bool:
    """Whether the day has no anchor yet. If the clock went back, none is due."""
    return last is None or last.day < now.astimezone(UTC).date()


def next_anchor(last: Anchor | None, heads: Mapping[str, ChainEnd], *, now: datetime) -> Anchor:
    """The day's anchor, linked to the last one."""
    day = now.astimezone(UTC).date()
    anchor = Anchor(
        number=last.number + 1 if last else 1,
        since=last.day + timedelta(days=1) if last else day,
        day=day,
        time=now,
        heads=dict(heads),
        previous=last.hash if last else GENESIS,
        hash="",
    )
    return anchor.evolve(hash=anchor.expected_hash())


class AnchorFault(Record):
    """The first anchor that does not verify, and why."""

    number: int
    reason: str


class AnchorCheck:
    """Verifies anchors while they stream by, and keeps what they say of each chain.

    They may begin anywhere. With `gaps`, some may be missing: somebody who is sent anchors keeps what arrives.
    """

    def __init__(self, *, gaps: bool = False) -> None:
        self.count = 0
        self.points: dict[str, Points] = {}
        self.hashes: dict[int, str] = {}
        """The hash of each anchor, by number."""
        self.last: Anchor | None = None
        self._gaps = gaps

    def feed(self, anchor: Anchor) -> AnchorFault | None:
        if reason := self._wrong(anchor) or self._learn(anchor):
            expected = self.last.number + 1 if self.last and not self._gaps else anchor.number
            return AnchorFault(number=expected, reason=reason)
        self.count += 1
        self.last = anchor
        self.hashes[anchor.number] = anchor.hash
        return None

    def _wrong(self, anchor: Anchor) -> str:
        last = self.last
        if last is not None and self._gaps and anchor.number <= last.number:
            return f"it comes after anchor {last.number}: they are out of order"
        if last is not None and not self._gaps and anchor.number != last.number + 1:
            return f"expected anchor {last.number + 1}, found {anchor.number}: one is missing or out of order"
        before = GENESIS if anchor.number == 1 else self.hashes.get(anchor.number - 1, anchor.previous)
        if anchor.previous != before:
            return "it does not name the hash of the anchor before it"
        if anchor.hash != anchor.expected_hash():
            return "its content does not match its hash: it was changed after it was written"
        return ""

    def _learn(self, anchor: Anchor) -> str:
        for chain, end in anchor.heads.items():
            points = self.points.setdefault(chain, {})
            known = points.setdefault(end.sequence, AnchoredHead(hash=end.hash, anchor=anchor.told))
            if known.hash != end.hash:
                return f"of {chain} it names another record {end.sequence} than {known.anchor} does"
        return ""


def latest(heads: Iterable[tuple[str, int, str]]) -> dict[str, ChainEnd]:
    """The ends of the chains that have records, by name."""
    return {name: ChainEnd(sequence=sequence, hash=hash) for name, sequence, hash in heads if sequence}
