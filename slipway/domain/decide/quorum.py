"""Whose approvals count, and whether they suffice; each rule by the name that pages, `explain` and the audit show."""

from ..application import Environment
from ..errors import present
from ..gate import ApprovalGate
from ..people import Person, SignedIn
from ..release import GateState, Release, Vote, VoteDecision
from ..rules import Rule, RuleResult, WaitsFor


def approval_gate(environment: Environment) -> ApprovalGate:
    """The environment's approval gate. Raises `Inconsistent` if its gate is of another kind."""
    gate = environment.gate
    return present(gate if isinstance(gate, ApprovalGate) else None, f"the approval gate of {environment.name}")


def opened(release: Release) -> GateState:
    """The state of the release's gate. Raises `Inconsistent` if it has none."""
    return present(release.gate, f"the gate of {release.id}")


def names_of(vote: Vote, gate: ApprovalGate) -> frozenset[str]:
    """Every name of the person who cast a vote."""
    return gate.circle.names(vote.voter, signed_in=vote.signed_in)


def own_rules(release: Release, gate: ApprovalGate, names: frozenset[str]) -> tuple[RuleResult, RuleResult]:
    """Separation of duties: whether the person neither requested the CI run nor made the commit."""
    run = release.run
    requester, committer = (run.requested_by, run.committed_by) if run else ("", "")
    return (
        _differs(Rule.NOT_REQUESTER, requester, "asked for the CI run", gate, names, may=gate.requester_may_approve),
        _differs(Rule.NOT_COMMITTER, committer, "made the commit", gate, names, may=gate.committer_may_approve),
    )


def _differs(rule: Rule, who: str, did: str, gate: ApprovalGate, names: frozenset[str], *, may: bool) -> RuleResult:
    if not who:
        needed = gate.require_known and not may
        demand = ", and this environment requires it to be known" if needed else ""
        return rule.unknown(f"it is not known who {did}{demand}", blocks=needed)
    own = not gate.circle.names(who).isdisjoint(names)
    allowed = ", and may approve here nevertheless" if own and may else ""
    return rule.judged(not own or may, f"{who} {did}{allowed}")


def is_barred(release: Release, gate: ApprovalGate, names: frozenset[str]) -> bool:
    """Whether a person may not approve because the release is their own work, or because its author is unknown."""
    return any(rule.blocks for rule in own_rules(release, gate, names))


def approvals(release: Release, gate: ApprovalGate) -> tuple[Vote, ...]:
    """The approvals that count: one per person, and none for a person's own release."""
    counted: list[Vote] = []
    seen: set[str] = set()
    for vote in release.gate.votes if release.gate else ():
        names = names_of(vote, gate)
        if vote.decision is not VoteDecision.APPROVE or is_barred(release, gate, names) or not seen.isdisjoint(names):
            continue
        seen |= names
        counted.append(vote)
    return tuple(counted)


def quorum_rules(release: Release, environment: Environment) -> tuple[RuleResult, ...]:
    """Whether enough people have approved, overall and from each group that must be among them."""
    gate = environment.gate
    if not isinstance(gate, ApprovalGate):
        return ()
    votes = approvals(release, gate)
    rules = [_enough(Rule.QUORUM_REACHED, len(votes), gate.required)]
    for name, group in gate.groups.items():
        if group.required:
            have = sum(gate.is_member(name, names_of(vote, gate), vote.signed_in) for vote in votes)
            rules.append(_enough(Rule.APPROVED_BY_GROUP, have, group.required, group=name))
    return tuple(rules)


def _enough(rule: Rule, have: int, required: int, *, group: str = "") -> RuleResult:
    reason = f"{have} of {required} approvals{f' from {group}' if group else ''}"
    if have >= required:
        return rule.holds(reason, subject=group)
    return rule.not_yet(reason, WaitsFor.PERSON, subject=group)


def people_left(release: Release, gate: ApprovalGate) -> tuple[Person, ...]:
    """The people who are listed, may approve, and have not voted yet."""
    voted = frozenset[str]().union(*(names_of(vote, gate) for vote in (release.gate.votes if release.gate else ())))
    return tuple(
        person
        for person in gate.people()
        if voted.isdisjoint(person.names) and not is_barred(release, gate, person.names)
    )


def voters_left(release: Release, gate: ApprovalGate) -> tuple[str, ...]:
    """`people_left` by name. Whom only Entra knows appears as "a member of <group>"."""
    return tuple(person.name for person in people_left(release, gate)) + gate.unlisted()


def policy_groups(gate: ApprovalGate, signed_in: SignedIn | None) -> SignedIn | None:
    """The sign-in as stored with a vote: only the groups and roles that the policy names are kept."""
    named = {group.entra for group in gate.groups.values()}
    if signed_in is None:
        return None
    roles = tuple(role for role in signed_in.roles if role in gate.roles())
    return signed_in.evolve(groups=tuple(group for group in signed_in.groups if group in named), roles=roles)
