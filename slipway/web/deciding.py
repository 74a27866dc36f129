"""The places where the reader of a release's page may decide on it, or object to a vote counted in their name."""

from collections.abc import Iterable, Iterator

from ..domain.environment import Environment
from ..domain.gate import ApprovalGate
from ..domain.release import Phase, Release
from ..http.places import gate_place
from ..queries.open_gates import may_decide
from .approval_status import CountedVote, counted_vote, vote_on_current_plan
from .signin import Visitor


def decision_address(release: Release, gate: ApprovalGate, visitor: Visitor) -> str:
    """The page on which the reader decides; empty if nothing waits, the gate does not name them, or they have voted.

    It only decides whether a button is shown: who the reader is, is asked again when they vote.
    """
    who = visitor.signed_in
    if release.phase is not Phase.AWAITING_APPROVAL or not may_decide(gate, who):
        return ""
    if vote_on_current_plan(release, gate, visitor.caller.name, who) is not None:
        return ""
    return gate_place(release.application, release.number, release.environment or "", release.plan_hash or "")


def objections(
    release: Release, environments: Iterable[Environment], visitor: Visitor
) -> Iterator[tuple[str, str, CountedVote]]:
    """The votes counted in the reader's name: for each, the environment and the address at which they can object to
    it."""
    for environment in environments:
        name, who = environment.name, visitor.caller.name
        if release.rollout_in(name) is None and release.environment != name:
            continue
        if (vote := counted_vote(release, name, environment.gate, who, visitor.signed_in)) is not None:
            yield name, f"{gate_place(release.application, release.number, name)}#object", vote
