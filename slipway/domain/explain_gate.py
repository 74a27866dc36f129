"""The part of `explain` about a gate: who has voted and who is still asked, or which conditions hold.

It is built from the rules by which `decide` opens gates, so people read the actual grounds of the decision.
"""

from collections.abc import Iterator

from ..text import moment
from .decide.automatic import condition_rules
from .decide.quorum import own_work_rules, quorum_rules, voters_left
from .environment import Environment
from .gate import ApprovalGate
from .release import Phase, Release
from .rules import Rule, RuleResult, WaitsFor, not_passed
from .snapshot import Snapshot


def gate_rules(snapshot: Snapshot, release: Release, environment: Environment) -> Iterator[RuleResult]:
    """The rules of one environment's gate, whether or not the release is in that environment."""
    gate = environment.gate
    is_here = release.environment == environment.name
    conditions = condition_rules(snapshot.application, release, environment, snapshot.lanes, now=snapshot.now)
    if not isinstance(gate, ApprovalGate):
        yield from conditions or (Rule.QUORUM_REACHED.holds("no approval is needed here"),)
        return
    yield from conditions
    yield _open_gate_rule(snapshot, release, conditions, is_here=is_here)
    if not is_here:
        yield from _future_quorum_rules(gate)
        return
    quorum, *groups = quorum_rules(release, environment)
    yield _with_votes(quorum, release, gate)
    yield from groups
    # Called without a name, these rules say whose approval does not count, and whether that is known.
    yield from own_work_rules(release, gate, frozenset())


def _open_gate_rule(
    snapshot: Snapshot, release: Release, conditions: tuple[RuleResult, ...], *, is_here: bool
) -> RuleResult:
    gate = release.gate if is_here else None
    if gate is None:
        before = [result.name for result in not_passed(conditions)] if is_here and release.plan_hash else []
        opens = f"the rule {' and '.join(before)} holds" if before else "there is a plan"
        return Rule.GATE_IS_OPEN.not_yet(f"it opens once {opens}", WaitsFor.STEP)
    if release.phase.past_the_gate:
        return Rule.GATE_IS_OPEN.holds(f"it has passed; it opened at {moment(gate.opened_at)}")
    if release.phase is Phase.AWAITING_APPROVAL and gate.frozen_since is not None:
        still = f"its time has stood still since {moment(gate.frozen_since)}, while it is frozen"
        return Rule.GATE_IS_OPEN.holds(f"it is open; {still}")
    if release.phase is Phase.AWAITING_APPROVAL and gate.deadline and snapshot.now < gate.deadline:
        return Rule.GATE_IS_OPEN.holds(f"it is open until {moment(gate.deadline)}")
    if release.phase.final and release.phase is not Phase.EXPIRED:
        return Rule.GATE_IS_OPEN.fails(f"the release was {release.phase}: {release.reason}")
    if gate.deadline is None:
        return Rule.GATE_IS_OPEN.not_yet("it is being planned again", WaitsFor.STEP)
    return Rule.GATE_IS_OPEN.fails(f"its deadline passed at {moment(gate.deadline)}")


def _future_quorum_rules(gate: ApprovalGate) -> Iterator[RuleResult]:
    people = ", ".join([*(person.shown for person in gate.voters()), *gate.unlisted()])
    approvals = f"{gate.required} approval{'' if gate.required == 1 else 's'}"
    yield Rule.QUORUM_REACHED.not_yet(f"{people} will be asked for {approvals}", WaitsFor.PERSON)
    for share in gate.each:
        reason = f"{share.required} of {share.subject} must be among them"
        yield Rule.APPROVED_BY_GROUP.not_yet(reason, WaitsFor.PERSON, subject=share.subject)


def _with_votes(quorum: RuleResult, release: Release, gate: ApprovalGate) -> RuleResult:
    votes = release.gate.votes if release.gate else ()
    cast = "; ".join(
        f"{vote.voter}: {vote.decision}{f' ({vote.reason})' if vote.reason else ''}, {moment(vote.at)}"
        for vote in votes
    )
    parts = [quorum.reason, cast or "nobody voted yet"]
    if release.phase is Phase.AWAITING_APPROVAL:
        parts.append(f"still asked: {', '.join(voters_left(release, gate)) or 'nobody'}")
    return quorum.evolve(reason="; ".join(parts))
