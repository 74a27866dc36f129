"""Records that a restored ledger has lost, as anchors show them when a person begins a new epoch."""

from collections.abc import Sequence

from pydantic import Field

from .chain_anchor import AnchoredGate, ChainAnchor, GateOutcome
from .model import Record

MOST_GATES = 50
"""The most gates that one reset names; the anchors themselves have all of them."""


class Restored(Record):
    """The state that a reset begins with."""

    epoch: int = Field(ge=1)
    """The new epoch, higher than any that ledger and anchors show."""
    anchor: str = Field(default="", max_length=100)
    """Hash of the newest anchor from before; empty if there is none."""
    lost: str = Field(default="", max_length=500)
    """The part of the trail that the ledger lacks; empty if nothing is missing."""
    gates: tuple[AnchoredGate, ...] = Field(default=(), max_length=MOST_GATES)
    """The gates that lost anchors name, the newest first."""

    def rejected(self, release: int) -> AnchoredGate | None:
        """The lost rejection of a release."""
        rejections = (gate for gate in self.gates if gate.release == release and gate.outcome is GateOutcome.REJECTED)
        return next(rejections, None)

    @property
    def last_release(self) -> int:
        return max((gate.release for gate in self.gates), default=0)


def restored(epoch: int, newest: ChainAnchor | None, lost: Sequence[ChainAnchor], why: str) -> Restored:
    """`lost`: the anchors whose records the ledger does not hold, the newest first."""
    return Restored(
        epoch=max([epoch, newest.epoch if newest else 0]) + 1,
        anchor=newest.hash if newest else "",
        lost=why[:500],
        gates=tuple(dict.fromkeys(anchor.gate for anchor in lost if anchor.gate is not None))[:MOST_GATES],
    )
