"""What `explain` says of a gate: who has voted and who is still asked, or which conditions hold.

Made of the rules by which `decide` opens gates, so that what people read is what the machine looked at.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from .application import Application, Environment
from .decide.automatic import condition_rules
from .decide.quorum import own_rules, quorum_rules, voters_left
from .gate import ApprovalGate
from .release import ROLLOUT_PHASES, Lane, Phase, Release
from .rules import RuleResult
from .wording import moment


def gate_rules(
    application: Application,
    release: Release,
    environment: Environment,
    lanes: Mapping[str, Lane],
    *,
    now: datetime,
) -> Iterator[RuleResult]:
    """The rules of one environment's gate, for a release that is there or somewhere else in the chain."""
    gate = environment.gate
    here = release.environment == environment.name
    if not isinstance(gate, ApprovalGate):
        rules = condition_rules(application, release, environment, lanes, now=now)
        yield from rules or (_rule("quorum-reached", True, "nobody is asked here"),)
        return
    yield _is_open(release, here=here, now=now)
    if not here:
        yield from _will_be_asked(gate)
        return
    quorum, *groups = quorum_rules(release, environment)
    yield _with_votes(quorum, release, gate)
    yield from groups
    # For nobody in particular: they say whose approval does not count, and whether that is known.
    yield from own_rules(release, gate, frozenset())


def _rule(name: str, passed: bool, reason: str) -> RuleResult:
    return RuleResult(name=name, passed=passed, reason=reason)


def _is_open(release: Release, *, here: bool, now: datetime) -> RuleResult:
    opened = release.gate if here else None
    if opened is None:
        return _rule("gate-is-open", False, "it opens once there is a plan")
    if release.phase in ROLLOUT_PHASES or release.phase is Phase.HELD_BACK:
        return _rule("gate-is-open", True, f"it was passed; it opened at {moment(opened.opened_at)}")
    if release.phase is Phase.AWAITING_APPROVAL and opened.deadline and now < opened.deadline:
        return _rule("gate-is-open", True, f"it is open until {moment(opened.deadline)}")
    if release.phase.final and release.phase is not Phase.EXPIRED:
        return _rule("gate-is-open", False, f"the release was {release.phase}: {release.reason}")
    over = f"its time was over at {moment(opened.deadline)}" if opened.deadline else "it is being planned again"
    return _rule("gate-is-open", False, over)


def _will_be_asked(gate: ApprovalGate) -> Iterator[RuleResult]:
    entra = (f"members of {name}" for name in gate.unlisted_groups())
    people = ", ".join([*(person.name for person in gate.people()), *entra])
    yield _rule("quorum-reached", False, f"{gate.required} of {people} will be asked")
    for name, group in gate.groups.items():
        if group.required:
            yield _rule(f"approved-by-{name}", False, f"{group.required} of {name} must be among them")


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
