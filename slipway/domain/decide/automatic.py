"""The conditions that must hold before a gate lets a release through or asks people, and the wait for conditions that
need time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import assert_never

from ...text import exact_moment
from ..actions import Action
from ..application import Application
from ..chain_anchor import GateOutcome
from ..environment import Environment
from ..gate import AutoGate
from ..model import release_id
from ..release import Lane, Phase, Release
from ..rules import Fail, NotYet, Pass, Rule, RuleResult, Unknown, WaitsFor, as_details, not_passed
from .lanes import end_release, end_without_environment, request_plan, supersede
from .rollouts import current_plan_rule, proceed
from .state import Draft

LOOK_AGAIN = timedelta(minutes=5)
"""How soon a condition is checked again if it is not known when it will hold."""


def condition_rules(
    application: Application,
    release: Release,
    environment: Environment,
    lanes: Mapping[str, Lane],
    *,
    now: datetime,
) -> tuple[RuleResult, ...]:
    """The conditions of an environment, which must hold before its gate lets a release through or asks people."""
    tests = environment.gate.tests_passed if isinstance(environment.gate, AutoGate) else ()
    rules = [_tests_passed_rule(release, tests)] if tests else []
    if environment.soak is not None:
        rules.append(_soak_rule(application, release, environment, lanes, now=now))
    return tuple(rules)


def _tests_passed_rule(release: Release, environments: tuple[str, ...]) -> RuleResult:
    parts: list[str] = []
    any_failed, all_known = False, True
    for name in environments:
        rollout = release.rollout_in(name)
        evidence = rollout.evidence if rollout else ()
        failures = [item.name for item in evidence if not item.passed]
        any_failed, all_known = any_failed or bool(failures), all_known and bool(evidence)
        outcome = f"{', '.join(item.name for item in evidence)} passed" if evidence else "no results yet"
        parts.append(f"{name}: {', '.join(failures)} failed" if failures else f"{name}: {outcome}")
    if any_failed:
        return Rule.TESTS_PASSED.fails("; ".join(parts))
    return Rule.TESTS_PASSED.holds("; ".join(parts)) if all_known else Rule.TESTS_PASSED.unknown("; ".join(parts))


def soak_environment(application: Application, environment: Environment) -> str:
    """Name of the environment in which a release must soak before this one; empty if no soak is required."""
    if environment.soak is None:
        return ""
    before = application.before(environment.name)
    return environment.soak.environment or (before.name if before else "")


def soak_ends_at(application: Application, release: Release, environment: Environment) -> datetime | None:
    """When the soak ends; None if it never began."""
    soak, rollout = environment.soak, release.rollout_in(soak_environment(application, environment))
    if soak is None or rollout is None or rollout.outcome != "live":
        return None
    return rollout.left_at + soak.time if rollout.left_at else None


def _soak_rule(
    application: Application,
    release: Release,
    environment: Environment,
    lanes: Mapping[str, Lane],
    *,
    now: datetime,
) -> RuleResult:
    where, until = soak_environment(application, environment), soak_ends_at(application, release, environment)
    lane = lanes.get(where)
    live = lane.live if lane else None
    if until is None or live is None:
        return Rule.SOAKED.fails(f"it has not been live in {where or 'any environment'}")
    if live.release != release.number and live.at < until:
        by = release_id(release.application, live.release)
        return Rule.SOAKED.fails(f"{by} took its place in {where} before its soak was over")
    if now < until:
        return Rule.SOAKED.not_yet(f"its soak in {where} is over at {exact_moment(until)}", WaitsFor.TIME, until=until)
    return Rule.SOAKED.holds(f"its soak in {where} was over at {exact_moment(until)}")


def conditions_hold(draft: Draft, release: Release, environment: Environment) -> bool:
    """Whether every condition holds. If not, the release waits if the others may still hold, and ends if one no longer
    can."""
    rules = condition_rules(draft.application, release, environment, draft.lanes, now=draft.now)
    draft.rules = (*draft.rules, *rules)
    waits, refused = list[NotYet](), list[RuleResult]()
    for rule in rules:
        match rule:
            case Pass():
                pass
            case NotYet():
                waits.append(rule)
            case Fail():
                refused.append(rule)
            case Unknown():  # the release has left that environment, so no results will arrive later
                if rule.blocks:
                    refused.append(rule)
            case _:
                assert_never(rule)
    if not waits and not refused:
        return True
    if not (current := current_plan_rule(draft, release)).passed:
        draft.record(Action.PLAN_OUTDATED, release, plan_hash=release.plan_hash, reason=current.reason)
        request_plan(draft, release)
    elif refused:
        _refuse(draft, release, environment, rules)
    else:
        _wait(draft, release, rules, waits)
    return False


def let_through(draft: Draft, release: Release, environment: Environment) -> None:
    """Go on from a gate that asks nobody, once all of its conditions hold."""
    rules = condition_rules(draft.application, release, environment, draft.lanes, now=draft.now)
    if rules:
        _record(draft, Action.GATE_PASSED, release, rules)
        draft.anchor_gate(release, environment, GateOutcome.PASSED)
    proceed(draft, release, environment)


def _wait(draft: Draft, release: Release, rules: tuple[RuleResult, ...], waits: Sequence[NotYet]) -> None:
    """Wait until the last of the conditions may hold. Re-checking without a change adds no audit record."""
    names = tuple(rule.name for rule in waits)
    times = [rule.until for rule in waits if rule.until is not None and rule.until > draft.now]
    until = max(times) if len(times) == len(waits) else draft.now + LOOK_AGAIN
    recorded_before = release.phase is Phase.SOAKING and release.blocked_by == names
    if release.phase is Phase.SOAKING:
        release = draft.put(release, due=until, blocked_by=names)
    else:
        release = draft.enter(release, Phase.SOAKING, due=until, blocked_by=names)
    if not recorded_before:
        _record(draft, Action.GATE_SOAKING, release, rules, until=until)
    draft.send_deadline(release)


def soak_over(draft: Draft, release: Release) -> None:
    """The soak of a release has ended: check the conditions again. If people are asked, it is about a new plan."""
    environment = draft.environment(release)
    if environment is None:
        end_without_environment(draft, release, release.environment)
    elif isinstance(environment.gate, AutoGate):
        if conditions_hold(draft, release, environment):
            let_through(draft, release, environment)
    else:
        request_plan(draft, release)


def _refuse(draft: Draft, release: Release, environment: Environment, rules: tuple[RuleResult, ...]) -> None:
    reason = "; ".join(f"{rule.name}: {rule.reason}" for rule in not_passed(rules))[:2000]
    _record(draft, Action.GATE_REFUSED, release, rules, reason=reason)
    where = soak_environment(draft.application, environment)
    live = draft.lane(where).live if where else None
    if live is not None and (live.dated_at, live.release) > (release.dated_at, release.number):
        supersede(draft, release, by=live.release, why=reason)
    else:
        end_release(draft, release, Phase.CANCELLED, reason)


def _record(
    draft: Draft,
    action: Action,
    release: Release,
    rules: tuple[RuleResult, ...],
    *,
    reason: str | None = None,
    until: datetime | None = None,
) -> None:
    draft.record(
        action,
        release,
        plan_hash=release.plan_hash,
        until=until.isoformat() if until else None,
        results=as_details(rules),
        reason=reason,
    )
