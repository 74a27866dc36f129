"""Why a release is where it is, by environment and rule: what `slipway explain` and its page show.

Pure, like `decide`, and built from the same conditions. `wording.py` puts the result into one sentence.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from ..text import moment
from .application import Start
from .audit import AuditRecord
from .bundle import reachable_environments
from .decide.blocks import block_rules, called_off_rules
from .decide.conditions import (
    digest_text,
    newer_in_lane,
    plan_rule,
    run_rules,
    triggers_missing,
)
from .environment import TESTS_NONE, Environment
from .explain_gate import gate_rules
from .later_reports import LaterReport, later_reports, waits_or_waited
from .model import Record, release_id
from .release import Lane, Phase, Release, Rollout
from .rules import Milestone, Moot, NotYet, Rule, RuleResult, WaitsFor, not_passed
from .snapshot import JOINING_LOADED, Lookups, Snapshot
from .wording import Wording

type Explained = RuleResult | Moot


class EnvironmentRules(Record):
    """The rules of one environment, in the order in which they are checked."""

    environment: str
    rules: tuple[Annotated[Explained, Field(discriminator="verdict")], ...]


class Explanation(Record):
    """A release's position, the reasons for it, and the next thing that has to happen."""

    v: int = 1
    release: str
    phase: Phase
    headline: str
    """One sentence: why the release is where it is, and why it waits."""
    rules: tuple[EnvironmentRules, ...]
    next: str
    """The next thing that has to happen, and who can do it."""
    later_reports: tuple[LaterReport, ...] = ()
    """Pushes and runs that were reported while the release waited for one, and why it took none of them; the newest
    first."""


def lookups_to_explain(release: Release) -> Lookups:
    active = JOINING_LOADED if waits_or_waited(release) else 0
    return Lookups(releases=(release.number,), active=active, waits=True)


def explain(snapshot: Snapshot, release: Release, records: Iterable[AuditRecord] = ()) -> Explanation:
    """Explain one release of a snapshot. `records` are those of the time in which it waited for a push or a run, for
    `later_reports`."""
    view = _View(snapshot=snapshot, release=release)
    blocks = view.blocks(release.environment) if release.environment else ()
    wording = Wording(snapshot=snapshot, release=release, blocks=blocks)
    return Explanation(
        release=release.id,
        phase=release.phase,
        headline=wording.headline(),
        rules=tuple(
            EnvironmentRules(environment=environment.name, rules=tuple(view.rules(environment)))
            for environment in reachable_environments(snapshot.application, release.bundle)
            if release.rollback is None or release.environment == environment.name
        ),
        next=wording.next(),
        later_reports=later_reports(snapshot, release, records),
    )


def rules_in_the_way(explanation: Explanation, environment: str) -> tuple[RuleResult, ...]:
    """The rules that a release now waits for in an environment: those that could hold by now and do not."""
    reaching = explanation.phase.milestone
    if reaching is None:
        return ()
    rules = (r for group in explanation.rules if group.environment == environment for r in group.rules)
    open_rules = not_passed(result for result in rules if not isinstance(result, Moot))
    return tuple(result for result in open_rules if _is_due(result.rule, reaching))


def _is_due(rule: Rule, reaching: Milestone) -> bool:
    """Whether a rule could hold by now. Once a rollout has begun, only the rules of its current milestone count."""
    rolls_out = not Milestone.COPY.comes_after(reaching)
    if rolls_out:
        return rule.milestone is reaching
    return rule.milestone is None or not rule.milestone.comes_after(reaching)


@dataclass(frozen=True, kw_only=True)
class _View:
    """One release, seen from each environment of its chain."""

    snapshot: Snapshot
    release: Release

    def rules(self, environment: Environment) -> Iterator[Explained]:
        """The rules of an environment. If a release ended before it came here, no rule here is shown as broken."""
        reached = self._has_come_to(environment)
        for result in self._all_rules(environment):
            over = self.release.phase.final and (isinstance(result, NotYet) or not (reached or result.passed))
            yield _moot(result.rule, result.reason, result.subject) if over else result

    def _has_come_to(self, environment: Environment) -> bool:
        """Whether the release has come to the environment; a release that is in none yet is on its way to the first."""
        first = environment is self.snapshot.application.environments[0]
        was_here = self.release.rollout_in(environment.name) is not None
        return was_here or self._is_in(environment) or (self.release.environment is None and first)

    def _all_rules(self, environment: Environment) -> Iterator[Explained]:
        rollout = self.release.rollout_in(environment.name)
        before = tuple(self._up_to_rollout(environment, rollout))
        yield from before
        for waiver in self.release.waivers_in(environment.name):
            # Once the rollout has begun, the waived rule is asked for no more, but it was not known to hold.
            if not any(
                result.rule is waiver.rule and result.reason.startswith(waiver.reason_prefix) for result in before
            ):
                yield waiver.rule.unknown(waiver.reason_prefix, blocks=False)
        yield self._verified(environment)
        yield self._live_rule(environment, rollout)

    def _up_to_rollout(self, environment: Environment, rollout: Rollout | None) -> Iterator[Explained]:
        yield from self._arrival_rules(environment)
        yield from self._supply_chain(environment, rollout)
        if rollout is None or rollout.outcome != "live":
            if self.release.rollback is None:
                yield self._no_newer_release_rule(environment)
            yield self._free_lane_rule(environment)
            yield self._plan(environment)
            if self.release.rollback is None:
                yield from gate_rules(self.snapshot, self.release, environment)
            yield from self._blocks(environment)
            if self._is_in(environment) and self.release.phase.writes_first:
                yield from called_off_rules(self.release, self._lane(environment))
            if self.snapshot.application.registry_of(environment) != self.release.registry:
                yield self._copied(environment)
            yield self._rolled_out(environment)

    # ---- before the environment
    def _arrival_rules(self, environment: Environment) -> Iterator[RuleResult]:
        names = [e.name for e in self.snapshot.application.environments]
        position = names.index(environment.name)
        back = self.release.rollback
        if back is not None:
            ordered = f"{back.who} ordered it: {back.reason}"
            yield Rule.WAS_LIVE_HERE.holds(
                f"{release_id(self.release.application, back.to)} was live in {environment.name}"
            )
            yield Rule.ORDERED_BY_AN_OPERATOR.holds(ordered)
            return
        if position == 0:
            yield from self._start_rules()
            return
        rollout = self.release.rollout_in(names[position - 1])
        passed = rollout is not None and rollout.outcome == "live"
        reason = f"{self.release.id} {'went' if passed else 'has not gone'} live in {names[position - 1]}"
        yield _reached(Rule.PREVIOUS_ENVIRONMENT_WAS_LIVE, passed, reason)

    def _start_rules(self) -> Iterator[RuleResult]:
        release, start = self.release, self.snapshot.application.start
        missing = () if release.manual_start else triggers_missing(release, start)
        yield self.snapshot.tag_rules[release.tag]
        if release.push is not None:
            by = f" by {release.push.actor}" if release.push.actor else ""
            yield Rule.IMAGE_WAS_PUSHED.holds(f"pushed as {release.tag} at {moment(release.push.at)}{by}")
        elif release.manual_start is not None:
            yield Rule.IMAGE_WAS_PUSHED.holds(
                f"the registry had {release.tag} when {release.manual_start.who} started it"
            )
        elif "image" in missing:
            yield Rule.IMAGE_WAS_PUSHED.not_yet(
                f"no push of {release.tag} was reported", WaitsFor.EVENT, until=release.due
            )
        if release.run is not None:
            yield from run_rules(release.run, self.snapshot.application.pipeline)
        elif "run" in missing:
            yield Rule.RUN_SUCCEEDED.not_yet(
                f"no CI run that built {release.tag} was reported", WaitsFor.EVENT, until=release.due
            )
        if start is not Start.PUSH or release.digest is None:
            trigger = (
                f"{release.tag} is {digest_text(release.digest)}"
                if release.digest
                else f"{release.tag} is not resolved"
            )
            yield _reached(Rule.DIGEST_IS_KNOWN, release.digest is not None, trigger)

    # ---- in the environment
    def _is_in(self, environment: Environment) -> bool:
        return self.release.environment == environment.name

    def _is_past(self, environment: Environment, phase: Phase) -> bool:
        """Whether the release is in this environment and beyond the phase."""
        return self._is_in(environment) and self.release.phase.is_beyond(phase)

    def _lane(self, environment: Environment) -> Lane:
        return self.snapshot.lane(environment.name)

    def _no_newer_release_rule(self, environment: Environment) -> RuleResult:
        release = self.release
        if release.phase is Phase.SUPERSEDED and self._has_come_to(environment):
            return Rule.NO_NEWER_RELEASE.fails(release.reason)
        newer = None if release.phase.final else newer_in_lane(release, self._lane(environment), self.snapshot.releases)
        reason = newer.why if newer else f"no newer release was in the way in {environment.name}"
        return Rule.NO_NEWER_RELEASE.judged(newer is None, reason)

    def _free_lane_rule(self, environment: Environment) -> RuleResult:
        lane = self._lane(environment)
        in_progress = lane.in_progress
        if in_progress == self.release.number:
            return Rule.LANE_IS_FREE.holds(f"{self.release.id} holds the lane")
        if lane.next == self.release.number and self.release.phase is Phase.PLANNING:
            reason = f"it takes the place of {self.release.application}-{lane.waiting} once it has a plan"
            return Rule.LANE_IS_FREE.holds(reason)
        if lane.next == self.release.number and lane.waiting is not None:
            reason = f"people are asked about {release_id(self.release.application, lane.waiting)} first"
            return Rule.LANE_IS_FREE.not_yet(reason, WaitsFor.RELEASE)
        if in_progress is None or self.release.phase.final:
            return Rule.LANE_IS_FREE.holds("no other rollout is in the way")
        other = self.snapshot.releases.get(in_progress)
        doing = f" ({other.phase.spoken})" if other else ""
        reason = f"{release_id(self.release.application, in_progress)} is being rolled out{doing}"
        return Rule.LANE_IS_FREE.not_yet(reason, WaitsFor.RELEASE)

    def _plan(self, environment: Environment) -> Explained:
        release = self.release
        if not self._is_in(environment):
            return Rule.PLAN_IS_CURRENT.not_yet("the plan is made once the release arrives here", WaitsFor.STEP)
        if release.phase is Phase.PLANNING:
            made = f"the plan is being made (attempt {release.attempt})"
            return Rule.PLAN_IS_CURRENT.not_yet(_with_detail(made, self._waiting_reason()), WaitsFor.STEP)
        if release.plan_hash is None:
            return _unfulfilled(release, Rule.PLAN_IS_CURRENT, "no plan was made", failed=release.phase is Phase.FAILED)
        if release.phase.at_the_gate:
            return plan_rule(release, self._lane(environment).live, self.snapshot.definition)
        return Rule.PLAN_IS_CURRENT.holds(f"plan {digest_text(release.plan_hash)} was the one to roll out")

    def blocks(self, environment: str) -> tuple[RuleResult, ...]:
        """The rules that may block a rollout now."""
        snapshot = self.snapshot
        return block_rules(
            self.release,
            snapshot.lane(environment),
            snapshot.head,
            snapshot.application.environment(environment),
            window_status=snapshot.windows.get(environment),
            now=snapshot.now,
            problems=snapshot.problems,
        )

    def _blocks(self, environment: Environment) -> Iterator[RuleResult]:
        """Freeze, hold and windows, for a release that has not begun to roll out here."""
        if not self.release.phase.final and not self._is_past(environment, Phase.HELD_BACK):
            yield from (result for result in self.blocks(environment.name) if result.rule is not Rule.LANE_IS_FREE)

    def _supply_chain(self, environment: Environment, rollout: Rollout | None) -> Iterator[Explained]:
        """The requirements on the image: the plan's results, or the rules that a plan still has to check."""
        if rollout is not None and (rollout.supply_chain or rollout.outcome == "live"):
            yield from rollout.supply_chain
            return
        for rule in environment.require.rules():
            yield _unfulfilled(self.release, rule, "it is checked when the rollout is planned")

    def _copied(self, environment: Environment) -> Explained:
        source, target = self.release.registry, self.snapshot.application.registry_of(environment)
        is_here = self._is_in(environment)
        phase = self.release.phase
        already_copied = self.release.is_copied and (is_here or self.release.rollback is not None)
        if (
            already_copied
            or self._is_past(environment, Phase.COPYING)
            or (is_here and (phase.goes_back or self._has_evidence()))
        ):
            return Rule.ARTIFACT_IS_COPIED.holds(f"{target} has {digest_text(self.release.digest)}")
        under_way = is_here and self.release.phase is Phase.COPYING
        copied = "is being copied" if under_way else "is not known to have been copied"
        waits = self._waiting_reason() if under_way else ""
        reason = _with_detail(f"{digest_text(self.release.digest)} {copied} from {source} to {target}", waits)
        planned = is_here and phase is Phase.FAILED and self.release.plan_hash is not None
        return _unfulfilled(self.release, Rule.ARTIFACT_IS_COPIED, reason, failed=planned)

    def _rolled_out(self, environment: Environment) -> Explained:
        release = self.release
        if self._is_past(environment, Phase.CHECKING) or (self._is_in(environment) and self._has_evidence()):
            return Rule.ROLLOUT_SUCCEEDED.holds(
                _with_detail(f"the cluster runs {digest_text(release.digest)}", self._pruned_text(environment))
            )
        copied = self._is_copied_to(environment)
        failing = release.phase.ended_in_failure or release.phase is Phase.ROLLING_BACK
        if self._is_in(environment) and failing and release.plan_hash is not None and copied:
            return Rule.ROLLOUT_SUCCEEDED.fails(release.reason)
        under_way = self._is_in(environment) and release.phase.milestone is Milestone.ROLLOUT
        reason = _with_detail("it is under way", self._waiting_reason()) if under_way else "it has not begun"
        return _unfulfilled(release, Rule.ROLLOUT_SUCCEEDED, reason)

    def _is_copied_to(self, environment: Environment) -> bool:
        needed = self.snapshot.application.registry_of(environment) != self.release.registry
        return not needed or self._copied(environment).passed

    def _waiting_reason(self) -> str:
        """The reason why the step under way waits."""
        return self.snapshot.waits_for(self.release)

    def _pruned_text(self, environment: Environment) -> str:
        rollout = self.release.rollout_in(environment.name)
        return rollout.pruned if rollout else ""

    def _has_evidence(self) -> bool:
        """Whether acceptance tests ran in the current environment, which implies that the steps before them passed."""
        return bool(self.release.rollouts and self.release.rollouts[-1].evidence)

    def _verified(self, environment: Environment) -> Explained:
        if not environment.verification.exists:
            return Rule.VERIFICATION_PASSED.unknown(TESTS_NONE, blocks=False)
        rollout = self.release.rollout_in(environment.name)
        evidence = rollout.evidence if rollout else ()
        refuted = [f"{item.name}: {item.summary}" for item in evidence if not item.passed]
        if refuted:
            return Rule.VERIFICATION_PASSED.fails("; ".join(refuted))
        if rollout is not None and rollout.outcome == "live":
            summaries = "; ".join(f"{item.name}: {item.summary}" for item in evidence)
            return Rule.VERIFICATION_PASSED.holds(summaries or "the acceptance tests passed")
        under_way = self._is_in(environment) and self.release.phase is Phase.VERIFYING
        reason = (
            _with_detail("it is under way", self._waiting_reason())
            if under_way
            else "the acceptance tests have not passed yet"
        )
        return _unfulfilled(self.release, Rule.VERIFICATION_PASSED, reason)

    def _live_rule(self, environment: Environment, rollout: Rollout | None) -> Explained:
        if rollout is None or rollout.outcome != "live" or rollout.left_at is None:
            return _unfulfilled(self.release, Rule.IS_LIVE, f"{self.release.id} is not live in {environment.name}")
        live = self._lane(environment).live
        if live is not None and live.release != self.release.number:
            by = release_id(self.release.application, live.release)
            reason = f"went live at {moment(rollout.left_at)}, and was replaced by {by} at {moment(live.at)}"
            return _moot(Rule.IS_LIVE, reason)
        return Rule.IS_LIVE.holds(_with_detail(f"live since {moment(rollout.left_at)}", rollout.pruned))


def _with_detail(said: str, more: str) -> str:
    return f"{said}; {more}" if more else said


def _reached(rule: Rule, holds: bool, reason: str) -> RuleResult:
    """The result of a rule that a step of Slipway fulfils."""
    return rule.holds(reason) if holds else rule.not_yet(reason, WaitsFor.STEP)


def _moot(rule: Rule, reason: str, subject: str = "") -> Moot:
    return Moot(rule=rule, subject=subject, reason=reason)


def _unfulfilled(release: Release, rule: Rule, reason: str, *, failed: bool = False) -> Explained:
    """A rule that Slipway has not fulfilled. It may still do so unless the release has ended; `failed` tells whether
    the release ended because Slipway could not."""
    if failed:
        return rule.fails(release.reason)
    return _moot(rule, reason) if release.phase.final else rule.not_yet(reason, WaitsFor.STEP)
