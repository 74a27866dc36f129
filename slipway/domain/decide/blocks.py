"""Between gate and rollout: whether a freeze, a hold or a closed time window blocks the release.

A blocked release whose gate has passed waits as `held_back`. It continues automatically once the block ends or is
lifted. Its plan is checked first, and made again if it no longer describes the rollout.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from ...text import moment
from ..actions import Action
from ..blocks import Freeze, Hold
from ..drift import Drift, OnDrift
from ..environment import Environment
from ..errors import present
from ..gate import ApprovalGate, Gate
from ..model import release_id
from ..project import ProvenanceLevel
from ..release import Head, Lane, Phase, Release
from ..rules import NotYet, Rule, RuleResult, WaitsFor, as_details, not_passed
from ..runs import Trust
from ..waivers import waived
from ..windows import WindowStatus
from .state import Draft

NOT_IN_SIGHT = timedelta(days=30)
"""How soon a window is checked again if it is not known when it next opens."""


def block_rules(
    release: Release,
    lane: Lane,
    head: Head,
    environment: Environment | None,
    *,
    window_status: WindowStatus | None,
    now: datetime,
    problems: Sequence[str],
) -> tuple[RuleResult, ...]:
    """The rules that may block a rollout at `now`.

    `environment` is None if the application no longer has it, and `window_status` if the environment has no windows. A
    manual rollback waits only for a rollout that is under way: it must work while everything is frozen. No release
    passes in a ledger that was put back to an earlier state.
    """
    busy = (*_rewound_rules(head), *_busy_lane_rules(release, lane))
    if release.rollback is not None:
        return busy
    provenance = environment.provenance if environment is not None else ProvenanceLevel.NONE
    return (
        order_rule(problems),
        freeze_rule(lane, head.freeze, now),
        hold_rule(release.application, lane),
        *objection_time_rules(release, environment.gate if environment is not None else None, now),
        *drift_rules(lane, environment.drift if environment is not None else OnDrift.REPORT),
        *_window_rules(window_status, now),
        *(waived(rule, release.waivers_in(lane.environment)) for rule in built_rules(release, provenance)),
        *busy,
    )


def order_rule(problems: Sequence[str]) -> RuleResult:
    """Whether the application may open anything: if it has problems, a corrected version has to be applied first."""
    if problems:
        return Rule.APPLICATION_IS_IN_ORDER.not_yet("; ".join(problems)[:1000], WaitsFor.PERSON)
    return Rule.APPLICATION_IS_IN_ORDER.holds("the applied version is in order")


def built_rules(release: Release, provenance: ProvenanceLevel) -> Iterator[RuleResult]:
    """Whether the run that built the artifact is proved, if the environment demands it; a claim is not enough.

    A release whose reports contradict each other enters no environment. That does not resolve by itself.
    """
    run = release.run
    if run is not None and run.built.trust is Trust.CONTRADICTED:
        yield Rule.BUILT_BY_RUN.fails(run.built.why)
    elif provenance is ProvenanceLevel.ARTIFACT and run is None:
        yield Rule.BUILT_BY_RUN.not_yet("built by: not proved; no CI run that built it was reported", WaitsFor.EVENT)
    elif provenance is ProvenanceLevel.ARTIFACT and run is not None:
        lacking = next((fact for fact in (run.proof, run.built) if fact.trust is not Trust.PROVED), None)
        if lacking is not None:
            yield Rule.BUILT_BY_RUN.not_yet(lacking.why, WaitsFor.EVENT)
        else:
            yield Rule.BUILT_BY_RUN.holds(run.built.why)


def blocks_end_at(rules: Sequence[RuleResult]) -> datetime | None:
    """When time alone will have ended every block; None if nothing blocks, or if a block needs a person or another
    release."""
    blocking = not_passed(rules)
    ends = [rule.until for rule in blocking if isinstance(rule, NotYet) and rule.until is not None]
    return max(ends) if ends and len(ends) == len(blocking) else None


def freezes_in_force(lane: Lane, everything: Freeze | None, now: datetime) -> tuple[tuple[str, Freeze], ...]:
    """The freezes in force for the lane, each with the name of its scope."""
    freezes = ((lane.environment, lane.freeze), ("everything", everything))
    return tuple((what, freeze) for what, freeze in freezes if freeze is not None and freeze.in_force(now))


def freeze_rule(lane: Lane, everything: Freeze | None, now: datetime) -> RuleResult:
    freezes = freezes_in_force(lane, everything, now)
    if not freezes:
        return Rule.FREEZE.holds("no freeze is in force")
    reason = "; ".join(freeze_text(what, freeze) for what, freeze in freezes)
    until = thaws_at(lane, everything, now)
    if until is None:
        return Rule.FREEZE.not_yet(reason, WaitsFor.PERSON)
    return Rule.FREEZE.not_yet(reason, WaitsFor.TIME, until=until)


def thaws_at(lane: Lane, everything: Freeze | None, now: datetime) -> datetime | None:
    """When time alone will have ended every freeze in force; None if somebody has to end one, or if there is none."""
    ends = [freeze.until for _, freeze in freezes_in_force(lane, everything, now)]
    return None if not ends or None in ends else max(until for until in ends if until is not None)


def freeze_text(scope: str, freeze: Freeze) -> str:
    until = f"until {moment(freeze.until)}" if freeze.until else "until somebody ends it"
    return f"{scope} is frozen by {freeze.who} since {moment(freeze.at)}, {until}: {freeze.reason}"


def hold_rule(application: str, lane: Lane) -> RuleResult:
    hold = lane.hold
    if hold is None:
        return Rule.HOLD.holds("no manual rollback holds the lane")
    return Rule.HOLD.not_yet(hold_text(application, lane.environment, hold), WaitsFor.PERSON)


def hold_text(application: str, environment: str, hold: Hold) -> str:
    ordered = f"{hold.who} ordered {environment} back to {release_id(application, hold.to)} at {moment(hold.at)}"
    return f"{ordered}, and it is held until somebody resumes: {hold.reason}"


def called_off_rules(release: Release, lane: Lane) -> Iterator[RuleResult]:
    """Whether the rollout was called off; no rule if it was not. Unlike a block, this does not end by itself."""
    called_off = lane.called_off
    if called_off is not None and called_off.release == release.number and not called_off.too_late:
        did = f"{'rejected' if called_off.rejected else 'cancelled'} {release.id} at {moment(called_off.at)}"
        yield Rule.NOT_CALLED_OFF.fails(f"{called_off.attribution.shown} {did}: {called_off.reason}")


def objection_time_rules(release: Release, gate: Gate | None, now: datetime) -> Iterator[RuleResult]:
    """Whether the time to object is over; no rule if the gate gives no time."""
    passed_at = release.gate.passed_at if release.gate else None
    if not isinstance(gate, ApprovalGate) or not gate.objection or passed_at is None:
        return
    until = passed_at + gate.objection
    if now < until:
        why = f"until {moment(until)} voters may say that a vote counted in their name was not theirs"
        yield Rule.OBJECTION_TIME.not_yet(why, WaitsFor.TIME, until=until)
    else:
        yield Rule.OBJECTION_TIME.holds(f"nobody objected before {moment(until)}")


def drift_rules(lane: Lane, on_drift: OnDrift) -> Iterator[RuleResult]:
    """Whether drift blocks the release; no rule if drift is only reported."""
    if on_drift is OnDrift.REPORT:
        return
    if lane.drift is None:
        yield Rule.NO_DRIFT.holds("the last look at the cluster found the live release")
    else:
        yield _drift_rule(lane.drift)


def _drift_rule(drift: Drift) -> RuleResult:
    since = f"since {moment(drift.since)}"
    if drift.seen.unknown:
        return Rule.NO_DRIFT.unknown(f"{since} {drift.seen.summary}")
    return Rule.NO_DRIFT.not_yet(f"{since}: {drift.seen.summary}", WaitsFor.PERSON)


def _window_rules(window_status: WindowStatus | None, now: datetime) -> Iterator[RuleResult]:
    if window_status is None:
        return
    if window_status.open:
        yield Rule.WINDOW.holds(window_status.reason)
    else:
        yield Rule.WINDOW.not_yet(window_status.reason, WaitsFor.TIME, until=window_status.until or now + NOT_IN_SIGHT)


def _rewound_rules(head: Head) -> Iterator[RuleResult]:
    if head.rewound is not None:
        reason = f"found at {moment(head.rewound.at)}: {head.rewound.reason}"
        yield Rule.LEDGER_IS_WHOLE.not_yet(reason, WaitsFor.PERSON)


def _busy_lane_rules(release: Release, lane: Lane) -> Iterator[RuleResult]:
    if lane.in_progress not in (None, release.number):
        reason = f"{release_id(release.application, lane.in_progress)} is being rolled out"
        yield Rule.LANE_IS_FREE.not_yet(reason, WaitsFor.RELEASE)


def block_rules_of(draft: Draft, release: Release, environment: Environment) -> tuple[RuleResult, ...]:
    """The rules that may block a release in its current environment."""
    return block_rules(
        release,
        draft.lane(environment.name),
        draft.head,
        environment,
        window_status=draft.snapshot.windows.get(environment.name),
        now=draft.now,
        problems=draft.snapshot.problems,
    )


def held_back(draft: Draft, release: Release, environment: Environment) -> bool:
    """Whether the release is blocked. If so, it becomes `held_back`, with a deadline if time alone ends the block.

    An override that covers every block is used up here.
    """
    rules = block_rules_of(draft, release, environment)
    draft.rules = (*draft.rules, *rules)
    lane, everything = draft.lane(environment.name), draft.head.freeze
    blocking = tuple(rule for rule in not_passed(rules) if not was_let_past(release, lane, everything, rule, draft.now))
    if not blocking:
        return False
    unused = release.override is not None and release.override.used_at is None
    if unused and all(result.rule.overridable for result in blocking):
        _pass(draft, release, blocking)
        return False
    hold_back(draft, release, blocking, until=blocks_end_at(blocking))
    return True


def was_let_past(release: Release, lane: Lane, everything: Freeze | None, rule: RuleResult, now: datetime) -> bool:
    """Whether an override has let the release past this block before the copy or the rollout that is under way."""
    override = release.override
    if not release.phase.holds_lane or override is None or override.used_at is None:
        return False
    if rule.rule is not Rule.FREEZE:
        return rule.rule.overridable
    return all(freeze.at <= override.used_at for _, freeze in freezes_in_force(lane, everything, now))


def _pass(draft: Draft, release: Release, broken: tuple[RuleResult, ...]) -> None:
    override = present(release.override, f"the override of {release.id}")
    release = draft.put(release, override=override.evolve(used_at=draft.now))
    draft.record(
        Action.OVERRIDE_USED,
        release,
        actor=override.by,
        name=override.name or None,
        plan_hash=release.plan_hash,
        results=as_details(broken),
        reason=override.reason,
    )


def hold_back(draft: Draft, release: Release, blocking: tuple[RuleResult, ...], *, until: datetime | None) -> None:
    """Have the release wait, until `until` if that is given."""
    names = tuple(result.name for result in blocking)
    held_back = release.phase is Phase.HELD_BACK
    if held_back and (release.blocked_by, release.due) == (names, until):
        return
    if held_back:
        release = draft.put(release, blocked_by=names, due=until)
    else:
        release = draft.enter(release, Phase.HELD_BACK, blocked_by=names, due=until)
    draft.record(
        Action.RELEASE_HELD_BACK,
        release,
        plan_hash=release.plan_hash,
        rules=list(names),
        until=until.isoformat() if until else None,
        reason="; ".join(result.reason for result in blocking)[:2000],
    )
    if release.due is not None:
        draft.send_deadline(release)
