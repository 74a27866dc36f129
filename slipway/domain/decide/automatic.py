"""Gates without approvers: they open once their conditions hold, and wait for conditions that need more time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import assert_never

from ..actions import Action
from ..application import Application, Environment
from ..chain_anchor import GateOutcome
from ..gate import AutoGate
from ..release import Lane, Phase, Release
from ..rules import Fail, NotYet, Pass, Rule, RuleResult, Unknown, WaitsFor, failed
from .lanes import end, end_without_environment, plan, supersede
from .rollouts import plan_is_current, proceed
from .state import Draft

LOOK_AGAIN = timedelta(minutes=5)
"""How soon to re-check a condition when nobody can say when it will hold."""


def condition_rules(
    application: Application,
    release: Release,
    environment: Environment,
    lanes: Mapping[str, Lane],
    *,
    now: datetime,
) -> tuple[RuleResult, ...]:
    """The conditions of an environment's automatic gate; empty if its gate asks people or has no conditions."""
    gate = environment.gate
    if not isinstance(gate, AutoGate):
        return ()
    rules = [_tests_passed(release, gate.tests_passed)] if gate.tests_passed else []
    if gate.soak is not None:
        rules.append(_soaked(application, release, environment, lanes, now=now))
    return tuple(rules)


def _tests_passed(release: Release, environments: tuple[str, ...]) -> RuleResult:
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


def soaks_in(application: Application, environment: Environment) -> str:
    """Name of the environment in which a release must soak before this one; empty if no soak is required."""
    gate = environment.gate
    if not isinstance(gate, AutoGate) or gate.soak is None:
        return ""
    before = application.before(environment.name)
    return gate.soak_in or (before.name if before else "")


def soaked_at(application: Application, release: Release, environment: Environment) -> datetime | None:
    """When the soak ends; None if it never began."""
    gate, rollout = environment.gate, release.rollout_in(soaks_in(application, environment))
    if not isinstance(gate, AutoGate) or gate.soak is None or rollout is None or rollout.outcome != "live":
        return None
    return rollout.left_at + gate.soak if rollout.left_at else None


def _soaked(
    application: Application,
    release: Release,
    environment: Environment,
    lanes: Mapping[str, Lane],
    *,
    now: datetime,
) -> RuleResult:
    where, until = soaks_in(application, environment), soaked_at(application, release, environment)
    lane = lanes.get(where)
    live = lane.live if lane else None
    if until is None or live is None:
        return Rule.SOAKED.fails(f"it has not been live in {where or 'any environment'}")
    if live.release != release.number and live.at < until:
        by = f"{release.application}-{live.release}"
        return Rule.SOAKED.fails(f"{by} took its place in {where} before its soak was over")
    if now < until:
        return Rule.SOAKED.not_yet(f"its soak in {where} is over at {_said(until)}", WaitsFor.TIME, until=until)
    return Rule.SOAKED.holds(f"its soak in {where} was over at {_said(until)}")


def _said(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def look_at_conditions(draft: Draft, release: Release, environment: Environment) -> None:
    """Proceed if every condition holds, wait if one does not hold yet, and end the release if one can no longer
    hold."""
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
        if rules:
            _record(draft, Action.GATE_PASSED, release, rules)
            draft.anchor_gate(release, environment, GateOutcome.PASSED)
        proceed(draft, release, environment)
    elif not (current := plan_is_current(draft, release)).passed:
        draft.record(Action.PLAN_OUTDATED, release, plan_hash=release.plan_hash, reason=current.reason)
        plan(draft, release)
    elif refused:
        _refuse(draft, release, environment, rules)
    else:
        _wait(draft, release, rules, waits)


def _wait(draft: Draft, release: Release, rules: tuple[RuleResult, ...], waits: Sequence[NotYet]) -> None:
    """Wait until the last of the conditions may hold. Re-checking without a change adds no audit record."""
    names = tuple(rule.name for rule in waits)
    known = [rule.until for rule in waits if rule.until is not None and rule.until > draft.now]
    until = max(known) if len(known) == len(waits) else draft.now + LOOK_AGAIN
    recorded_before = release.phase is Phase.SOAKING and release.blocked_by == names
    if release.phase is Phase.SOAKING:
        release = draft.put(release.evolve(due=until, blocked_by=names))
    else:
        release = draft.enter(release, Phase.SOAKING, due=until, blocked_by=names)
    if not recorded_before:
        _record(draft, Action.GATE_SOAKING, release, rules, until=until)
    draft.send_deadline(release)


def soak_over(draft: Draft, release: Release) -> None:
    """The soak of a release has ended: re-check its gate's conditions."""
    environment = draft.environment(release)
    if environment is None:
        end_without_environment(draft, release, release.environment)
    elif isinstance(environment.gate, AutoGate):
        look_at_conditions(draft, release, environment)
    else:
        plan(draft, release)  # the policy changed meanwhile: this gate now asks people


def _refuse(draft: Draft, release: Release, environment: Environment, rules: tuple[RuleResult, ...]) -> None:
    reason = "; ".join(f"{rule.name}: {rule.reason}" for rule in failed(rules))[:2000]
    _record(draft, Action.GATE_REFUSED, release, rules, reason=reason)
    where = soaks_in(draft.application, environment)
    live = draft.lane(where).live if where else None
    if live is not None and (live.order, live.release) > (release.order, release.number):
        supersede(draft, release, by=live.release, why=reason)
    else:
        end(draft, release, Phase.CANCELLED, reason)


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
        results=[rule.model_dump(mode="json") for rule in rules],
        reason=reason,
    )
