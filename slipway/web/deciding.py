"""Whether the reader of a page may decide on a release that waits, and where they do."""

from urllib.parse import quote

from ..domain.gate import ApprovalGate
from ..domain.release import Phase, Release
from ..queries.open_gates import may_decide
from .signin import Visitor
from .standing import vote_of


def decision_address(release: Release, gate: ApprovalGate, visitor: Visitor) -> str:
    """The page on which the reader decides; empty where nothing waits, the gate does not name them, or they have voted.

    It shows a button, and no more: who they are is asked again when they vote.
    """
    who = visitor.signed_in
    if release.phase is not Phase.AWAITING_APPROVAL or not may_decide(gate, who):
        return ""
    if vote_of(release, gate, visitor.caller.name, who) is not None:
        return ""
    address = f"/approvals/{release.application}/{release.number}/{quote(release.environment or '', safe='')}"
    return f"{address}?plan={release.plan_hash}" if release.plan_hash else address
