"""Anchor: writes how a gate was decided to storage that cannot be changed. No release waits for this step, but the
first object of a rollout waits for its anchor (`engine/on_record.py`). A rejection is safe from a rewound ledger only
once it is anchored."""

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
    """Write the anchor. It is tried until it succeeds, since nothing else replaces it."""
    gate = present(work.step.gate, f"the gate of {work.step.id}")
    head = present(work.rows.head, f"the end of the chain of {work.step.application}")
    try:
        made = anchors.anchor_gate(head, gate, now=clock())
    except LedgerRewound as rewound:
        return failed(str(rewound))
    except (LedgerUnavailable, KeysUnavailable) as away:
        return Requeue(after=AGAIN, reason=str(away))
    return passed(AnchorResult(sequence=made.head.sequence, head=made.head.hash, anchor=made.hash))
