"""Why a release is where it is, rule by rule and environment by environment: what `slipway explain` and its page show.

Pure, like `decide`, and made of the same conditions. `wording.py` says the result in one sentence.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from .application import Application, Environment, Start
from .blocks import Freeze
from .decide.blocks import LANE, Blocks, blocks
from .decide.conditions import (
    facts_missing,
    newer_in_lane,
    plan_rule,
    run_rules,
    short,
    supply_chain_rules,
)
from .explain_gate import gate_rules
from .model import Record
from .release import Lane, Phase, Release, Visit
from .requirements import BUILT_BY, HAS_SBOM, SIGNED_BY_COSIGN, SIGNED_BY_NOTATION
from .rules import RuleResult, failed
from .windows import Opening
from .wording import Wording, moment

_WAY = (
    Phase.QUEUED,
    Phase.PLANNING,
    Phase.SOAKING,
    Phase.AWAITING_APPROVAL,
    Phase.HELD_BACK,
    Phase.PROMOTING,
    Phase.DEPLOYING,
    Phase.CHECKING,
    Phase.VERIFYING,
)
"""The phases within one environment, in order."""


class EnvironmentRules(Record):
    """What must hold in one environment, in the order in which it is looked at."""

    environment: str
    rules: tuple[RuleResult, ...]


class Explanation(Record):
    """Where a release stands, why, and what has to happen next."""

    release: str
    phase: Phase
    headline: str
    """One sentence: why it is where it is, and what it waits for."""
    rules: tuple[EnvironmentRules, ...]
    next: str
    """What has to happen next, and who can do it."""


def explain(
    application: Application,
    release: Release,
    lanes: Mapping[str, Lane],
    releases: Mapping[int, Release],
    *,
    delivery: str,
    now: datetime,
    tag_rule: RuleResult | None,
    everything: Freeze | None = None,
    windows: Mapping[str, Opening] | None = None,
) -> Explanation:
    """Explain one release. `releases` holds at least those that its lanes name as rolling or waiting; `everything` is
    the freeze of everything, `windows` says of each environment that has time windows whether they are open now."""
    view = _View(
        application=application,
        release=release,
        lanes=lanes,
        releases=releases,
        delivery=delivery,
        now=now,
        tag_rule=tag_rule,
        everything=everything,
        windows=windows or {},
    )
    wording = Wording(
        application=application,
        release=release,
        lanes=lanes,
        releases=releases,
        now=now,
        blocks=view.blocks(release.environment) if release.environment else Blocks(rules=()),
    )
    return Explanation(
        release=release.id,
        phase=release.phase,
        headline=wording.headline(),
        rules=tuple(
            EnvironmentRules(environment=environment.name, rules=tuple(view.rules(environment)))
            for environment in application.environments
            if release.brings_back is None or release.environment == environment.name
        ),
        next=wording.next(),
    )


_STAGES: tuple[frozenset[str], ...] = (
    frozenset({"image-was-pushed", "run-succeeded", "branch-counts"}),
    frozenset({"digest-is-known"}),
    frozenset({"no-newer-release", "lane-is-free"}),
    frozenset({"plan-is-current", SIGNED_BY_NOTATION, SIGNED_BY_COSIGN, HAS_SBOM, BUILT_BY}),
    frozenset({"gate-is-open", "quorum-reached", "soaked", "tests-passed"}),
    frozenset({"artifact-is-promoted"}),
    frozenset({"rollout-succeeded"}),
    frozenset({"verification-passed"}),
    frozenset({"is-live"}),
)
"""Rules by when they come to hold; those that are not named here can be in the way at any time."""

_STAGE_OF = {
    Phase.JOINING: 0,
    Phase.RESOLVING: 1,
    Phase.QUEUED: 2,
    Phase.PLANNING: 3,
    Phase.SOAKING: 4,
    Phase.AWAITING_APPROVAL: 4,
    Phase.HELD_BACK: 4,
    Phase.PROMOTING: 5,
    Phase.DEPLOYING: 6,
    Phase.CHECKING: 6,
    Phase.VERIFYING: 7,
}


def in_the_way(explanation: Explanation, environment: str) -> tuple[RuleResult, ...]:
    """The rules that a release waits for in an environment now: those that do not hold and could by now."""
    stage = _STAGE_OF.get(explanation.phase)
    if stage is None:
        return ()
    here = (group.rules for group in explanation.rules if group.environment == environment)
    later = frozenset[str]().union(*_STAGES[stage + 1 :])
    waiting = stage < _STAGE_OF[Phase.PROMOTING]
    later_groups = stage < _STAGE_OF[Phase.AWAITING_APPROVAL]
    return tuple(
        rule
        for rule in failed(next(here, ()))
        if rule.name not in later
        and (waiting or rule.name in _STAGES[stage])
        and not (later_groups and rule.name.startswith("approved-by-"))
    )


def _rule(name: str, passed: bool, reason: str) -> RuleResult:
    return RuleResult(name=name, passed=passed, reason=reason)


@dataclass(frozen=True, kw_only=True)
class _View:
    """One release, seen from each environment of its chain."""

    application: Application
    release: Release
    lanes: Mapping[str, Lane]
    releases: Mapping[int, Release]
    delivery: str
    now: datetime
    tag_rule: RuleResult | None
    everything: Freeze | None
    windows: Mapping[str, Opening]

    def rules(self, environment: Environment) -> Iterator[RuleResult]:
        yield from self._way_here(environment)
        visit = self.release.visit(environment.name)
        yield from self._supply_chain(environment, visit)
        if visit is None or visit.outcome != "live":
            if self.release.brings_back is None:
                yield self._no_newer(environment)
            yield self._lane_is_free(environment)
            yield self._plan(environment)
            if self.release.brings_back is None:
                yield from gate_rules(self.application, self.release, environment, self.lanes, now=self.now)
            yield from self._blocks(environment)
            if self.application.registry_of(environment) != self.release.registry:
                yield self._promoted(environment)
            yield self._rolled_out(environment)
        if environment.verify.http or environment.verify.job:
            yield self._verified(environment)
        yield self._is_live(environment, visit)

    # ---- before the environment
    def _way_here(self, environment: Environment) -> Iterator[RuleResult]:
        names = [e.name for e in self.application.environments]
        place = names.index(environment.name)
        back = self.release.brings_back
        if back is not None:
            ordered = f"{back.by} ordered it: {back.reason}"
            yield _rule("was-live-here", True, f"{self.release.application}-{back.to} was live in {environment.name}")
            yield _rule("ordered-by-an-operator", True, ordered)
            return
        if place == 0:
            yield from self._start()
            return
        visit = self.release.visit(names[place - 1])
        passed = visit is not None and visit.outcome == "live"
        reason = f"{self.release.id} {'went' if passed else 'has not gone'} live in {names[place - 1]}"
        yield _rule("previous-environment-was-live", passed, reason)

    def _start(self) -> Iterator[RuleResult]:
        release, start = self.release, self.application.start
        missing = facts_missing(release, start)
        if self.tag_rule is not None:
            yield self.tag_rule
        if release.push is not None:
            by = f" by {release.push.actor}" if release.push.actor else ""
            yield _rule("image-was-pushed", True, f"pushed as {release.tag} at {moment(release.push.at)}{by}")
        elif "image" in missing:
            yield _rule("image-was-pushed", False, f"no push of {release.tag} was heard of")
        if release.run is not None:
            yield from run_rules(release.run, self.application.pipeline)
        elif "run" in missing:
            yield _rule("run-succeeded", False, f"no CI run that built {release.tag} was heard of")
        if start is not Start.PUSH or release.digest is None:
            known = f"{release.tag} is {short(release.digest)}" if release.digest else f"{release.tag} is not resolved"
            yield _rule("digest-is-known", release.digest is not None, known)

    # ---- in the environment
    def _here(self, environment: Environment) -> bool:
        return self.release.environment == environment.name

    def _past(self, environment: Environment, phase: Phase) -> bool:
        """Whether the release is in this environment, and beyond the phase."""
        now = self.release.phase
        return self._here(environment) and now in _WAY and _WAY.index(now) > _WAY.index(phase)

    def _lane(self, environment: Environment) -> Lane:
        return self.lanes.get(environment.name) or Lane(environment=environment.name)

    def _no_newer(self, environment: Environment) -> RuleResult:
        release = self.release
        first = environment is self.application.environments[0]
        here = self._here(environment) or (release.environment is None and first)
        if release.phase is Phase.SUPERSEDED and here:
            return _rule("no-newer-release", False, release.reason)
        newer = None if release.phase.final else newer_in_lane(release, self._lane(environment), self.releases)
        reason = newer.why if newer else f"no newer release was in the way in {environment.name}"
        return _rule("no-newer-release", newer is None, reason)

    def _lane_is_free(self, environment: Environment) -> RuleResult:
        rolling = self._lane(environment).rolling
        if rolling == self.release.number:
            return _rule("lane-is-free", True, f"{self.release.id} holds the lane")
        if rolling is None or self.release.phase.final:
            return _rule("lane-is-free", True, "no other rollout is in the way")
        other = self.releases.get(rolling)
        doing = f" ({str(other.phase).replace('_', ' ')})" if other else ""
        return _rule("lane-is-free", False, f"{self.release.application}-{rolling} is being rolled out{doing}")

    def _plan(self, environment: Environment) -> RuleResult:
        release = self.release
        if not self._here(environment):
            return _rule("plan-is-current", False, "no plan is made before the release is here")
        if release.phase is Phase.PLANNING:
            return _rule("plan-is-current", False, f"the plan is being made (attempt {release.attempt})")
        if release.plan_hash is None:
            why = release.reason if release.phase is Phase.FAILED else "no plan was made"
            return _rule("plan-is-current", False, why)
        if release.phase in (Phase.AWAITING_APPROVAL, Phase.SOAKING, Phase.HELD_BACK):
            return plan_rule(release, self._lane(environment).live, self.delivery)
        return _rule("plan-is-current", True, f"plan {short(release.plan_hash)} was the one to roll out")

    def blocks(self, environment: str) -> Blocks:
        """What would be in the way of a rollout now."""
        lane = self.lanes.get(environment) or Lane(environment=environment)
        opening = self.windows.get(environment)
        return blocks(self.release, lane, everything=self.everything, opening=opening, now=self.now)

    def _blocks(self, environment: Environment) -> Iterator[RuleResult]:
        """Freeze, hold and windows, for a release that has not begun to roll out here."""
        if not self.release.phase.final and not self._past(environment, Phase.HELD_BACK):
            yield from (rule for rule in self.blocks(environment.name).rules if rule.name != LANE)

    def _supply_chain(self, environment: Environment, visit: Visit | None) -> Iterator[RuleResult]:
        """What is required of the image: as the plan found it, or else what a plan will have to find."""
        if visit is not None and (visit.supply_chain or visit.outcome == "live"):
            yield from visit.supply_chain
            return
        for rule in supply_chain_rules(environment.require, ()):
            yield rule.evolve(reason="it is looked at when the rollout is planned")

    def _promoted(self, environment: Environment) -> RuleResult:
        source, target = self.release.registry, self.application.registry_of(environment)
        here = self._here(environment)
        brought_back = here and self.release.phase in (Phase.ROLLING_BACK, Phase.ROLLED_BACK)
        kept = self.release.brings_back is not None and self.release.brings_back.copied
        if kept or self._past(environment, Phase.PROMOTING) or brought_back or (here and self._has_evidence()):
            return _rule("artifact-is-promoted", True, f"{target} has {short(self.release.digest)}")
        under_way = here and self.release.phase is Phase.PROMOTING
        copied = "is being copied" if under_way else "is not known to have been copied"
        return _rule("artifact-is-promoted", False, f"{short(self.release.digest)} {copied} from {source} to {target}")

    def _rolled_out(self, environment: Environment) -> RuleResult:
        release = self.release
        if self._past(environment, Phase.CHECKING) or (self._here(environment) and self._has_evidence()):
            return _rule("rollout-succeeded", True, f"the cluster runs {short(release.digest)}")
        if self._here(environment) and release.phase in (Phase.FAILED, Phase.ROLLED_BACK, Phase.ROLLING_BACK):
            return _rule("rollout-succeeded", False, release.reason)
        under_way = self._here(environment) and release.phase in (Phase.DEPLOYING, Phase.CHECKING)
        return _rule("rollout-succeeded", False, "it is under way" if under_way else "it has not begun")

    def _has_evidence(self) -> bool:
        """Whether acceptance tests answered in the environment it is in: then everything before them went well."""
        return bool(self.release.visits and self.release.visits[-1].evidence)

    def _verified(self, environment: Environment) -> RuleResult:
        visit = self.release.visit(environment.name)
        evidence = visit.evidence if visit else ()
        refuted = [f"{item.name}: {item.summary}" for item in evidence if not item.passed]
        if refuted:
            return _rule("verification-passed", False, "; ".join(refuted))
        if visit is not None and visit.outcome == "live":
            summaries = "; ".join(f"{item.name}: {item.summary}" for item in evidence)
            return _rule("verification-passed", True, summaries or "the acceptance tests passed")
        under_way = self._here(environment) and self.release.phase is Phase.VERIFYING
        return _rule("verification-passed", False, "it is under way" if under_way else "it has not been passed")

    def _is_live(self, environment: Environment, visit: Visit | None) -> RuleResult:
        if visit is None or visit.outcome != "live" or visit.left_at is None:
            return _rule("is-live", False, f"{self.release.id} is not live in {environment.name}")
        live = self._lane(environment).live
        if live is not None and live.release != self.release.number:
            by = f"{self.release.application}-{live.release}"
            reason = f"went live at {moment(visit.left_at)}, and was replaced by {by} at {moment(live.at)}"
            return _rule("is-live", False, reason)
        return _rule("is-live", True, f"live since {moment(visit.left_at)}")
