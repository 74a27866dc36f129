"""Anchor: write down where nothing can be changed how a gate was decided. No release waits for it, but the first object
of a rollout does (`engine/on_record.py`), and a rejection counts for good only with it."""

from datetime import timedelta

from ...clock import Clock
from ...domain.errors import present
from ...domain.model import Digest, Record
from ...domain.signing import KeysUnavailable
from ...ledger import LedgerUnavailable
from ...ledger.chain_anchors import ChainAnchors, LedgerRewound
from ..outcome import Outcome, Requeue, failed, passed
from ..run_step import Work

AGAIN = timedelta(minutes=1)


class AnchorResult(Record):
    """The end of the chain that was anchored, and the anchor's hash."""

    sequence: int
    head: Digest
    anchor: Digest


def anchor(anchors: ChainAnchors, clock: Clock, work: Work) -> Outcome:
    """Tried until it succeeds, as nothing else makes up for it."""
    gate = present(work.step.gate, f"the gate of {work.step.id}")
    head = present(work.standing.head, f"the end of the chain of {work.step.application}")
    try:
        made = anchors.gate(head, gate, now=clock())
    except LedgerRewound as rewound:
        return failed(str(rewound))
    except (LedgerUnavailable, KeysUnavailable) as away:
        return Requeue(after=AGAIN, reason=str(away))
    return passed(AnchorResult(sequence=made.head.sequence, head=made.head.hash, anchor=made.hash))
