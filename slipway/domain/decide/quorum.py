"""Whose approvals count, and whether they are enough: each rule by its name, as page, `explain` and audit show it."""

from ..application import Environment
from ..gate import ApprovalGate
from ..people import Person, SignedIn
from ..release import Release, Vote, VoteDecision
from ..rules import RuleResult

NOT_REQUESTER = "approver-is-not-requester"
NOT_COMMITTER = "approver-is-not-committer"


def names_of(vote: Vote, gate: ApprovalGate) -> frozenset[str]:
    """Every name of the person who cast a vote."""
    return gate.circle.names(vote.voter, signed_in=vote.signed_in)


def own_rules(release: Release, gate: ApprovalGate, names: frozenset[str]) -> tuple[RuleResult, RuleResult]:
    """Whether a person is somebody else than those whose work the release is."""
    run = release.run
    return (
        _differs(NOT_REQUESTER, run.requested_by if run else "", "asked for the CI run", gate, names),
        _differs(NOT_COMMITTER, run.committed_by if run else "", "made the commit", gate, names),
    )


def _differs(name: str, who: str, did: str, gate: ApprovalGate, names: frozenset[str]) -> RuleResult:
    may = {NOT_REQUESTER: gate.requester_may_approve, NOT_COMMITTER: gate.committer_may_approve}[name]
    if not who:
        needed = gate.require_known and not may
        demand = ", and this environment requires it to be known" if needed else ""
        return RuleResult(name=name, passed=not needed, reason=f"it is not known who {did}{demand}")
    own = not gate.circle.names(who).isdisjoint(names)
    allowed = ", who may approve here all the same" if own and may else ""
    return RuleResult(name=name, passed=not own or may, reason=f"{who} {did}{allowed}")


def is_barred(release: Release, gate: ApprovalGate, names: frozenset[str]) -> bool:
    """Whether a person may not approve because the release is their own, or because it is not known whose it is."""
    return not all(rule.passed for rule in own_rules(release, gate, names))


def approvals(release: Release, gate: ApprovalGate) -> tuple[Vote, ...]:
    """The approvals that count: each person's once, and nobody's for their own release."""
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
    """Whether enough people have approved, and enough of each group of which some must."""
    gate = environment.gate
    if not isinstance(gate, ApprovalGate):
        return ()
    votes = approvals(release, gate)
    rules = [_enough("quorum-reached", len(votes), gate.required, "")]
    for name, group in gate.groups.items():
        if group.required:
            have = sum(gate.is_member(name, names_of(vote, gate), vote.signed_in) for vote in votes)
            rules.append(_enough(f"approved-by-{name}", have, group.required, f" from {name}"))
    return tuple(rules)


def _enough(name: str, have: int, required: int, source: str) -> RuleResult:
    return RuleResult(name=name, passed=have >= required, reason=f"{have} of {required} approvals{source}")


def people_left(release: Release, gate: ApprovalGate) -> tuple[Person, ...]:
    """Who is listed, may approve, and has not voted yet."""
    voted = frozenset[str]().union(*(names_of(vote, gate) for vote in (release.gate.votes if release.gate else ())))
    return tuple(
        person
        for person in gate.people()
        if voted.isdisjoint(person.names) and not is_barred(release, gate, person.names)
    )


def voters_left(release: Release, gate: ApprovalGate) -> tuple[str, ...]:
    """The same by name; members of a group that only Entra knows are named by their group."""
    unlisted = tuple(f"a member of {name}" for name in gate.unlisted_groups())
    return tuple(person.name for person in people_left(release, gate)) + unlisted


def policy_groups(gate: ApprovalGate, signed_in: SignedIn | None) -> SignedIn | None:
    """What is kept of a sign-in with a vote: of the person's groups, those that the policy names."""
    named = {group.entra for group in gate.groups.values()}
    if signed_in is None:
        return None
    return signed_in.evolve(groups=tuple(group for group in signed_in.groups if group in named))
