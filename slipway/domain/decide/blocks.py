"""Between gate and rollout: whether a freeze, a hold or a closed time window is in the way, and what then.

A release whose gate is passed waits here as `held_back`. It goes on by itself when time or a person takes away what is
in its way; the plan is looked at again before, and made again where it is no longer what would happen.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..actions import Action
from ..application import Environment
from ..blocks import Freeze, Hold
from ..release import Lane, Phase, Release
from ..rules import RuleResult, failed
from ..windows import Opening
from .state import Draft

FREEZE, HOLD, WINDOW, LANE = "freeze", "hold", "window", "lane-is-free"
OVERRIDABLE = frozenset({FREEZE, WINDOW})
"""What one release may be let past. A hold is ended for all, by `resume`."""
NOT_IN_SIGHT = timedelta(days=30)
"""When a window is looked at again of which it is not known when it opens."""


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """What is in the way of a rollout at one moment."""

    rules: tuple[RuleResult, ...]
    until: datetime | None = None
    """When time alone will have taken it away; None where a person has to, or nothing is in the way."""


def blocks(
    release: Release, lane: Lane, *, everything: Freeze | None, opening: Opening | None, now: datetime
) -> Blocks:
    """`everything` is the freeze of everything; `opening` is None where the environment has no windows.

    A roll-back by hand waits for a rollout that is under way, and for nothing else: it is what people need when
    they have frozen everything.
    """
    free = tuple(_lane_is_busy(release, lane))
    if release.brings_back is not None:
        return Blocks(rules=free)
    freezes = in_force(lane, everything, now)
    rules = (freeze_rule(lane, everything, now), hold_rule(release.application, lane), *_window_rules(opening), *free)
    ends: list[datetime | None] = [freeze.until for _, freeze in freezes]
    if opening is not None and not opening.open:
        ends.append(opening.until or now + NOT_IN_SIGHT)
    if lane.hold is not None or free:
        ends.append(None)
    known = [end for end in ends if end is not None]
    return Blocks(rules=rules, until=max(known) if known and len(known) == len(ends) else None)


def in_force(lane: Lane, everything: Freeze | None, now: datetime) -> tuple[tuple[str, Freeze], ...]:
    """The freezes that the lane is under, with what each of them freezes."""
    found = ((lane.environment, lane.freeze), ("everything", everything))
    return tuple((what, freeze) for what, freeze in found if freeze is not None and freeze.in_force(now))


def freeze_rule(lane: Lane, everything: Freeze | None, now: datetime) -> RuleResult:
    said = "; ".join(said_of(what, freeze) for what, freeze in in_force(lane, everything, now))
    return RuleResult(name=FREEZE, passed=not said, reason=said or "no freeze is in force")


def said_of(what: str, freeze: Freeze) -> str:
    until = f"until {_moment(freeze.until)}" if freeze.until else "until somebody ends it"
    return f"{what} is frozen by {freeze.owner} since {_moment(freeze.at)}, {until}: {freeze.reason}"


def hold_rule(application: str, lane: Lane) -> RuleResult:
    hold = lane.hold
    if hold is None:
        return RuleResult(name=HOLD, passed=True, reason="no roll-back by hand holds the lane")
    return RuleResult(name=HOLD, passed=False, reason=said_of_hold(application, lane.environment, hold))


def said_of_hold(application: str, environment: str, hold: Hold) -> str:
    brought = f"{hold.owner} rolled {environment} back to {application}-{hold.to} at {_moment(hold.at)}"
    return f"{brought}, until somebody resumes: {hold.reason}"


def _window_rules(opening: Opening | None) -> Iterator[RuleResult]:
    if opening is not None:
        yield RuleResult(name=WINDOW, passed=opening.open, reason=opening.reason)


def _lane_is_busy(release: Release, lane: Lane) -> Iterator[RuleResult]:
    if lane.rolling not in (None, release.number):
        yield RuleResult(name=LANE, passed=False, reason=f"{release.application}-{lane.rolling} is being rolled out")


def blocks_of(draft: Draft, release: Release, environment: Environment) -> Blocks:
    """What is in the way of a release where it is now."""
    return blocks(
        release,
        draft.lane(environment.name),
        everything=draft.head.freeze,
        opening=draft.state.windows.get(environment.name),
        now=draft.now,
    )


def held_back(draft: Draft, release: Release, environment: Environment) -> bool:
    """Whether something is in the way: then the release waits, and comes back when that is over."""
    found = blocks_of(draft, release, environment)
    draft.rules = (*draft.rules, *found.rules)
    broken = failed(found.rules)
    if not broken:
        return False
    if release.override is not None and {rule.name for rule in broken} <= OVERRIDABLE:
        _pass(draft, release, broken)
        return False
    _wait(draft, release, found, broken)
    return True


def _pass(draft: Draft, release: Release, broken: tuple[RuleResult, ...]) -> None:
    override = release.override
    assert override is not None
    release = draft.put(release.evolve(override=None))
    draft.record(
        Action.OVERRIDE_USED,
        release,
        actor=override.by,
        plan_hash=release.plan_hash,
        results=[rule.model_dump(mode="json") for rule in broken],
        reason=override.reason,
    )


def _wait(draft: Draft, release: Release, found: Blocks, broken: tuple[RuleResult, ...]) -> None:
    names = tuple(rule.name for rule in broken)
    before = (release.phase, release.blocked_by, release.due)
    if before == (Phase.HELD_BACK, names, found.until):
        return
    if release.phase is Phase.HELD_BACK:
        release = draft.put(release.evolve(blocked_by=names, due=found.until))
    else:
        release = draft.enter(release, Phase.HELD_BACK, blocked_by=names, due=found.until)
    draft.record(
        Action.RELEASE_BLOCKED,
        release,
        plan_hash=release.plan_hash,
        rules=list(names),
        until=found.until.isoformat() if found.until else None,
        reason="; ".join(rule.reason for rule in broken)[:2000],
    )
    if release.due is not None:
        draft.send_deadline(release)


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
