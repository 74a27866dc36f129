"""Gates that ask nobody: they open once named conditions hold, and wait where time alone is missing."""

from collections.abc import Mapping
from datetime import datetime

from ..actions import Action
from ..application import Application, Environment
from ..gate import AutoGate
from ..release import Lane, Phase, Release
from ..rules import RuleResult, failed
from .lanes import end, plan, supersede
from .rollouts import plan_is_current, proceed
from .state import Draft

TESTS_PASSED = "tests-passed"
SOAKED = "soaked"


def condition_rules(
    application: Application,
    release: Release,
    environment: Environment,
    lanes: Mapping[str, Lane],
    *,
    now: datetime,
) -> tuple[RuleResult, ...]:
    """Each condition of an environment that asks nobody; none where it has none."""
    gate = environment.gate
    if not isinstance(gate, AutoGate):
        return ()
    rules = [_tests_passed(release, gate.tests_passed)] if gate.tests_passed else []
    if gate.soak is not None:
        rules.append(_soaked(application, release, environment, lanes, now=now))
    return tuple(rules)


def _tests_passed(release: Release, wanted: tuple[str, ...]) -> RuleResult:
    said: list[str] = []
    passed = True
    for name in wanted:
        visit = release.visit(name)
        evidence = visit.evidence if visit else ()
        refuted = [item.name for item in evidence if not item.passed]
        passed = passed and bool(evidence) and not refuted
        held = f"{', '.join(item.name for item in evidence)} passed" if evidence else "no results are known"
        said.append(f"{name}: {', '.join(refuted)} failed" if refuted else f"{name}: {held}")
    return RuleResult(name=TESTS_PASSED, passed=passed, reason="; ".join(said))


def soaks_in(application: Application, environment: Environment) -> str:
    """Name of the environment in which a release must have been live for a while; empty where in none."""
    gate = environment.gate
    if not isinstance(gate, AutoGate) or gate.soak is None:
        return ""
    before = application.before(environment.name)
    return gate.soak_in or (before.name if before else "")


def soaked_at(application: Application, release: Release, environment: Environment) -> datetime | None:
    """When the soak is over; None where it never began."""
    gate, visit = environment.gate, release.visit(soaks_in(application, environment))
    if not isinstance(gate, AutoGate) or gate.soak is None or visit is None or visit.outcome != "live":
        return None
    return visit.left_at + gate.soak if visit.left_at else None


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
        return RuleResult(name=SOAKED, passed=False, reason=f"it has not been live in {where or 'any environment'}")
    if live.release != release.number and live.at < until:
        by = f"{release.application}-{live.release}"
        return RuleResult(name=SOAKED, passed=False, reason=f"{by} took its place in {where} before its soak was over")
    over = "was" if now >= until else "is"
    return RuleResult(name=SOAKED, passed=now >= until, reason=f"its soak in {where} {over} over at {_said(until)}")


def _said(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def look_at_conditions(draft: Draft, release: Release, environment: Environment) -> None:
    """Go on where every condition holds; wait for a soak; end the release where a condition cannot hold any more."""
    rules = condition_rules(draft.application, release, environment, draft.lanes, now=draft.now)
    broken = failed(rules)
    draft.rules = (*draft.rules, *rules)
    if not broken:
        if rules:
            _record(draft, Action.GATE_PASSED, release, rules)
        proceed(draft, release, environment)
    elif not (current := plan_is_current(draft, release)).passed:
        draft.record(Action.PLAN_OUTDATED, release, plan_hash=release.plan_hash, reason=current.reason)
        plan(draft, release)
    elif (until := _waits_until(draft, release, environment, broken)) is not None:
        release = draft.enter(release, Phase.SOAKING, due=until)
        _record(draft, Action.GATE_SOAKING, release, rules, until=until)
        draft.send_deadline(release)
    else:
        _refuse(draft, release, environment, rules)


def soak_over(draft: Draft, release: Release) -> None:
    """The time that a release soaked for has come."""
    environment = draft.environment(release)
    if environment is None:
        end(draft, release, Phase.CANCELLED, f"the environment {release.environment!r} is no longer in delivery.yaml")
    elif isinstance(environment.gate, AutoGate):
        look_at_conditions(draft, release, environment)
    else:
        plan(draft, release)  # people are asked here by now


def _waits_until(
    draft: Draft, release: Release, environment: Environment, broken: tuple[RuleResult, ...]
) -> datetime | None:
    """When the one condition that does not hold yet will; None where time does not mend it."""
    until = soaked_at(draft.application, release, environment)
    if until is None or draft.now >= until or [rule.name for rule in broken] != [SOAKED]:
        return None
    live = draft.lane(soaks_in(draft.application, environment)).live
    return until if live is not None and live.release == release.number else None


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
