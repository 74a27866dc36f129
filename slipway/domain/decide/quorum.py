"""Which approvals count, and whether they suffice. Each rule has the name that pages, `explain` and the audit show."""

from collections.abc import Iterable, Sequence

from ..environment import Environment
from ..errors import present
from ..gate import ApprovalGate
from ..people import Person, SignedIn
from ..release import GateState, Release, Vote, VoteDecision
from ..rules import Fail, Pass, Rule, RuleResult, WaitsFor
from ..runs import InvolvedPerson, Involvement, Run, Trust
from ..waivers import Waiver, waived

_SHOWN = 5
"""The most people that a reason names."""


def approval_gate(environment: Environment) -> ApprovalGate:
    """The environment's approval gate. Raises `Inconsistent` if its gate is of another kind."""
    gate = environment.gate
    return present(gate if isinstance(gate, ApprovalGate) else None, f"the approval gate of {environment.name}")


def gate_state(release: Release) -> GateState:
    """The state of the release's gate. Raises `Inconsistent` if it has none."""
    return present(release.gate, f"the gate of {release.id}")


def names_of(vote: Vote, gate: ApprovalGate) -> frozenset[str]:
    """Every name of the person who cast the vote."""
    return gate.identities.names(vote.voter, signed_in=vote.signed_in)


def without_votes_of(votes: Iterable[Vote], names: frozenset[str], gate: ApprovalGate) -> tuple[Vote, ...]:
    """The votes except those of the person with these names."""
    return tuple(vote for vote in votes if names_of(vote, gate).isdisjoint(names))


def own_work_rules(release: Release, gate: ApprovalGate, names: frozenset[str]) -> tuple[RuleResult, ...]:
    """Separation of duties: the person must not have asked for the CI run or the release, be behind the change, or have
    waived a rule for the release here.

    A person who is proved to be behind the release is known by object id. Even an unproved claim can keep a person from
    approving.
    """
    waivers = release.waivers_in(release.environment)
    manual_start = release.manual_start
    if manual_start is not None and not gate.identities.names(manual_start.by).isdisjoint(names):
        requester_rule: RuleResult = own_work_rule(
            Rule.NOT_REQUESTER, f"{manual_start.who} started the release", gate, own=True
        )
    else:
        requester_rule = _not_involved_rule(Rule.NOT_REQUESTER, release.run, _REQUESTERS, gate, names)
    return (
        requester_rule,
        _not_involved_rule(Rule.NOT_COMMITTER, release.run, _CHANGED, gate, names),
        *(waived(rule, waivers) for rule in known_rules(release, gate)),
        *(_not_waiver_rules(release, waivers, gate, names) if waivers else ()),
    )


def own_work_rule(rule: Rule, did: str, gate: ApprovalGate, *, own: bool) -> Pass | Fail:
    """Whether the person may approve: the work that `did` names is not their own, or the gate allows their own."""
    allowed = ", and may still approve here" if own and gate.own_change else ""
    return rule.judged(not own or gate.own_change, f"{did}{allowed}")


def known_rules(release: Release, gate: ApprovalGate) -> tuple[RuleResult, ...]:
    """Whether it is known who is behind the change, if the gate requires it. Waivers are not considered here."""
    if not gate.require_known or gate.own_change:
        return ()
    run, services = release.run, gate.known_services
    if run is not None and run.is_everybody_known(services):
        return (
            Rule.CHANGE_IS_KNOWN.holds(
                _people_and_parts(run.people, services) or "nobody changed anything since the live release"
            ),
        )
    why = run.behind.why if run else "no CI run that built it is known"
    return (Rule.CHANGE_IS_KNOWN.unknown(f"{why}; this environment requires it to be known"),)


def _not_waiver_rules(
    release: Release, waivers: Sequence[Waiver], gate: ApprovalGate, names: frozenset[str]
) -> tuple[RuleResult, ...]:
    """Whether the person waived no proof: nobody may both waive one and approve the release."""
    own = [waiver.text for waiver in waivers if not gate.identities.names(waiver.by).isdisjoint(names)]
    unknown = any(waiver.rule is Rule.CHANGE_IS_KNOWN for waiver in waivers)
    if unknown and release.sent_by and not gate.identities.names(release.sent_by).isdisjoint(names):
        own.append(f"{release.sent_by} sent it out again, and who is behind the change was waived")
    texts = "; ".join(waiver.text for waiver in waivers)
    return (Rule.NOT_WAIVER.judged(not own, "; ".join(own) or texts),)


_REQUESTERS = (Involvement.REQUESTER,)
_CHANGED = tuple(part for part in Involvement if part is not Involvement.REQUESTER)


def _not_involved_rule(
    rule: Rule, run: Run | None, parts: tuple[Involvement, ...], gate: ApprovalGate, names: frozenset[str]
) -> RuleResult:
    involved = run.people_with_part(*parts) if run else ()
    services = gate.known_services
    own = tuple(person for person in involved if not _names(person, gate).isdisjoint(names))
    if own:
        return own_work_rule(rule, _people_and_parts(own, services), gate, own=True)
    if run is None or not run.is_everybody_known(services):
        return rule.unknown(_unknown_people_text(run, parts, involved, services), blocks=False)
    return rule.holds(_people_and_parts(involved, services) or "nobody changed anything since the live release")


def _names(person: InvolvedPerson, gate: ApprovalGate) -> frozenset[str]:
    """Every name of a person behind the change; none for a service, which nobody else is."""
    is_service = person.is_service or person.is_one_of(gate.known_services)
    return frozenset() if is_service else gate.identities.names(person.mail, signed_in=person.signed_in)


def _people_and_parts(people: tuple[InvolvedPerson, ...], services: Sequence[str]) -> str:
    """Each person once, with the most certain of their parts."""
    first: dict[str, InvolvedPerson] = {}
    for person in people:
        first.setdefault(person.shown.casefold(), person)
    shown = [f"{person.shown} {person.part.did}{_certainty(person, services)}" for person in first.values()]
    more = len(shown) - _SHOWN
    return "; ".join([*shown[:_SHOWN], *([f"and {more} more"] if more > 0 else [])])


def _certainty(person: InvolvedPerson, services: Sequence[str]) -> str:
    if person.is_one_of(services):
        return " (a service that the project knows)"
    return "" if person.trust is Trust.PROVED else f" ({person.trust.spoken})"


def _unknown_people_text(
    run: Run | None, parts: tuple[Involvement, ...], involved: tuple[InvolvedPerson, ...], services: Sequence[str]
) -> str:
    what = f"it is not known who {'asked for the CI run' if parts is _REQUESTERS else 'made the change'}"
    doings = f"; {_people_and_parts(involved, services)}" if involved else ""
    return f"{what}{doings}{f': {run.behind.why}' if run else ''}"


def is_barred(release: Release, gate: ApprovalGate, names: frozenset[str]) -> bool:
    """Whether a person may not approve because the release is their own work, or because its author is unknown."""
    return any(rule.blocks for rule in own_work_rules(release, gate, names))


def counted_approvals(release: Release, gate: ApprovalGate) -> tuple[Vote, ...]:
    """The approvals that count: one per person, and none for a person's own release."""
    votes = release.gate.votes if release.gate else ()
    return one_approval_each([vote for vote in votes if not is_barred(release, gate, names_of(vote, gate))], gate)


def one_approval_each(votes: Iterable[Vote], gate: ApprovalGate) -> tuple[Vote, ...]:
    """The approvals among the votes, one per person."""
    counted: list[Vote] = []
    counted_names: set[str] = set()
    for vote in votes:
        names = names_of(vote, gate)
        if vote.decision is not VoteDecision.APPROVE or not counted_names.isdisjoint(names):
            continue
        counted_names |= names
        counted.append(vote)
    return tuple(counted)


def quorum_rules(release: Release, environment: Environment) -> tuple[RuleResult, ...]:
    """Whether enough people have approved, overall and from each group of which some must approve."""
    gate = environment.gate
    if not isinstance(gate, ApprovalGate):
        return ()
    return approvals_rules(counted_approvals(release, gate), gate)


def approvals_rules(votes: Sequence[Vote], gate: ApprovalGate) -> tuple[RuleResult, ...]:
    """The rules of enough approvals, for the votes that count."""
    rules = [_approvals_rule(Rule.QUORUM_REACHED, len(votes), gate.required)]
    for share in gate.each:
        have = sum(gate.is_person_among(share.of, names_of(vote, gate), vote.signed_in) for vote in votes)
        rules.append(_approvals_rule(Rule.APPROVED_BY_GROUP, have, share.required, group=share.subject))
    return tuple(rules)


def _approvals_rule(rule: Rule, have: int, required: int, *, group: str = "") -> RuleResult:
    reason = f"{have} of {required} approvals{f' from {group}' if group else ''}"
    if have >= required:
        return rule.holds(reason, subject=group)
    return rule.not_yet(reason, WaitsFor.PERSON, subject=group)


def people_left(release: Release, gate: ApprovalGate) -> tuple[Person, ...]:
    """The people who are listed, may approve, and have not voted yet."""
    voted = frozenset[str]().union(*(names_of(vote, gate) for vote in (release.gate.votes if release.gate else ())))
    return tuple(
        person
        for person in gate.voters()
        if voted.isdisjoint(person.names) and not is_barred(release, gate, person.names)
    )


def voters_left(release: Release, gate: ApprovalGate) -> tuple[str, ...]:
    """`people_left` by name. People whom only Entra knows appear as "somebody with the role …"."""
    return tuple(person.shown for person in people_left(release, gate)) + gate.unlisted()


def policy_groups(gate: ApprovalGate, signed_in: SignedIn | None) -> SignedIn | None:
    """The sign-in as stored with a vote, with only the groups and roles that the policy names."""
    if signed_in is None:
        return None
    roles = tuple(role for role in signed_in.roles if role in gate.roles())
    return signed_in.evolve(groups=tuple(group for group in signed_in.groups if group in gate.groups()), roles=roles)
