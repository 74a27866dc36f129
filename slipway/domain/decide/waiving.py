"""Waive: a person whom the project names says, with a proof, that one rule about proof need not hold for one release in
one environment. The plan is then made again with the waiver, so earlier votes do not count."""

from collections.abc import Iterator

from ..actions import Action
from ..environment import Environment
from ..errors import present
from ..events import CommandGiven
from ..gate import ApprovalGate
from ..people import ROLE
from ..release import Release
from ..rules import Fail, Rule, RuleResult
from ..waivers import Waiver
from .blocks import built_rules
from .commands import accepted, common_details, exists_rule, named_release, reason_rule
from .lanes import request_plan
from .quorum import known_rules
from .state import Draft


def waivable(release: Release, environment: Environment) -> tuple[RuleResult, ...]:
    """The rules that block the release there and can be waived, without those already waived; pages show them before
    anybody tries."""
    if release.environment != environment.name or release.phase.final or release.phase.holds_lane:
        return ()
    if release.rollback is not None:
        return ()
    waived = {waiver.rule for waiver in release.waivers_in(environment.name)}
    return tuple(
        result
        for result in _about_proof(release, environment)
        if result.rule.waivable and result.blocks and not isinstance(result, Fail) and result.rule not in waived
    )


def _about_proof(release: Release, environment: Environment) -> Iterator[RuleResult]:
    yield from built_rules(release, environment.provenance)
    if isinstance(environment.gate, ApprovalGate):
        yield from known_rules(release, environment.gate)


def waive_rules(draft: Draft, release: Release, event: CommandGiven) -> Iterator[RuleResult]:
    is_here = release.environment == event.environment and not release.phase.final
    where, doing = f" in {release.environment}" if release.environment else "", release.phase.spoken
    yield Rule.IS_HERE.judged(is_here, f"{release.id} is {doing}{where}; the waiver is for {event.environment}")
    yield Rule.HAS_NOT_BEGUN_TO_ROLL_OUT.judged(not release.phase.holds_lane, f"{release.id} is {doing}")
    environment = draft.environment(release)
    if not is_here or environment is None:
        return
    yield waiver_role_rule(environment, event.roles)
    rule = _rule_to_waive(release, environment, event)
    names = ", ".join(result.name for result in waivable(release, environment)) or "none"
    reason = rule.reason if rule else f"{event.rule or 'no rule'} was named; what can be waived here now: {names}"
    yield Rule.CAN_BE_WAIVED.judged(rule is not None, reason)


def _rule_to_waive(release: Release, environment: Environment, event: CommandGiven) -> RuleResult | None:
    return next((result for result in waivable(release, environment) if str(result.rule) == event.rule), None)


def waiver_role_rule(environment: Environment, roles: tuple[str, ...]) -> RuleResult:
    """Whether somebody with these app roles may waive a rule there."""
    allowed = not {f"{ROLE}{role}" for role in roles}.isdisjoint(environment.waive)
    allowed_roles = ", ".join(environment.waive) or "nobody"
    return Rule.MAY_WAIVE.judged(allowed, f"the project lets {allowed_roles} waive rules in {environment.name}")


def waive_rule(draft: Draft, event: CommandGiven) -> None:
    release = named_release(draft, event)
    if release is None:
        return
    rules = (exists_rule(draft, event), *waive_rules(draft, release, event), *reason_rule(event))
    if not accepted(draft, event, rules, release):
        return
    environment = draft.environment_of(release)
    waiver = Waiver(
        environment=environment.name,
        rule=present(_rule_to_waive(release, environment, event), f"the rule {event.rule}").rule,
        by=event.actor,
        name=event.name,
        reason=event.reason,
        at=draft.now,
        proof=present(event.proved, "the proof of the waiver").proof,
    )
    release = draft.put(release, waivers=(*release.waivers, waiver))
    draft.record(
        Action.WAIVER_GIVEN,
        release,
        actor=event.actor,
        rule=str(waiver.rule),
        reason=event.reason,
        **common_details(draft, event),
    )
    if release.phase.before_rollout:
        draft.record(Action.PLAN_OUTDATED, release, plan_hash=release.plan_hash, reason=waiver.text[:2000])
        request_plan(draft, release)
