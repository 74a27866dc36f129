"""The results of steps in the in-memory world: steps pass with realistic results unless a story says otherwise."""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from slipway.domain.application import Application
from slipway.domain.around import NO_JOBS, JobsAround, Side
from slipway.domain.decide.blocks import called_off_rules
from slipway.domain.environment import policy_hash
from slipway.domain.model import canonical, sha256
from slipway.domain.release import Lane, Release
from slipway.domain.rules import RuleResult
from slipway.domain.steps import Step, StepKind


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a step reports."""

    passed: bool = True
    reason: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    broken: tuple[RuleResult, ...] = ()


class Effects:
    """Scripted effects. Each scripted outcome is used once, in the order in which it was scripted."""

    usual_jobs: ClassVar[JobsAround] = NO_JOBS
    """The Jobs around rollouts in each world created from now on."""

    def __init__(self) -> None:
        self._script: dict[tuple[StepKind, str | None], deque[Outcome | None]] = defaultdict(deque)
        self.registry: dict[str, str] = {}
        """The digest that each tag resolves to."""
        self.jobs = self.usual_jobs
        self.unmet: dict[str, str] = {}
        """The supply chain rules that do not hold, each with the reason; all others hold."""

    def fail(self, kind: StepKind, environment: str | None = None, *, reason: str = "it broke", **result: Any) -> None:
        """Make the next such step fail."""
        self._script[kind, environment].append(Outcome(passed=False, reason=reason, result=result))

    def refuse(self, kind: StepKind, rule: RuleResult, environment: str | None = None, **result: Any) -> None:
        """Make the next such step stop because this rule does not hold."""
        outcome = Outcome(passed=False, reason=f"{rule.name}: {rule.reason}", result=result, broken=(rule,))
        self._script[kind, environment].append(outcome)

    def answer(self, kind: StepKind, environment: str | None = None, **result: Any) -> None:
        """Make the next such step pass with this result."""
        self._script[kind, environment].append(Outcome(result=result))

    def lose(self, kind: StepKind, environment: str | None = None, *, times: int = 1) -> None:
        """Make the next such steps report nothing."""
        self._script[kind, environment].extend([None] * times)

    def perform(self, step: Step, *, application: Application, definition: str, release: Release, lane: Lane) -> Any:
        """The outcome of a step; None if it reports nothing."""
        for key in ((step.kind, step.environment), (step.kind, None)):
            if self._script[key]:
                return self._script[key].popleft()
        return self._passing(step, application=application, definition=definition, release=release, lane=lane)

    def _passing(
        self, step: Step, *, application: Application, definition: str, release: Release, lane: Lane
    ) -> Outcome:
        match step.kind:
            case StepKind.RESOLVE:
                tag_digest = self.registry.get(release.tag)
                if tag_digest is None:
                    return Outcome(passed=False, reason=f"the registry has no tag {release.tag}")
                return Outcome(result={"digest": tag_digest})
            case StepKind.PLAN:
                planned_result = plan_result(step, application, definition, release, lane, unmet=self.unmet)
                return Outcome(result=planned_result | {"jobs": self.jobs.model_dump(mode="json")})
            case StepKind.BEFORE | StepKind.DEPLOY if failed_rules := tuple(called_off_rules(release, lane)):
                return Outcome(passed=False, reason=failed_rules[0].reason, broken=failed_rules)
            case StepKind.BEFORE:
                return Outcome(reason="done", result={"jobs": runs(Side.BEFORE, self.jobs.before)})
            case StepKind.AFTER:
                return Outcome(reason="done", result={"jobs": runs(Side.AFTER, self.jobs.after)})
            case StepKind.COPY:
                return Outcome(result={"digest": release.digest, "bytes": 0})
            case StepKind.VERIFY:
                evidence = {"name": "probes", "environment": step.environment, "passed": True, "summary": "200"}
                return Outcome(reason="1 probe passed", result={"evidence": [evidence]})
            case _:
                return Outcome(reason="done")


def runs(side: Side, names: tuple[str, ...], *, passed: bool = True) -> list[dict[str, Any]]:
    """What a step reports of its Jobs."""
    return [{"side": side, "name": name, "uid": f"uid of {name}", "passed": passed} for name in names]


def plan_result(
    step: Step,
    application: Application,
    definition: str,
    release: Release,
    lane: Lane,
    *,
    unmet: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What a plan step reports. The same release, environment, base, policy, run and waivers give the same hash."""
    environment = application.environment(step.environment)
    base = lane.live.plan_hash if lane.live else None
    policy = policy_hash(environment) if environment else None
    run = release.run.number if release.run else None
    waivers = [waiver.text for waiver in release.waivers_in(step.environment)]
    reasons = unmet or {}
    supply_chain = [
        rule.judged(rule not in reasons, reasons.get(rule, f"about {rule}")).model_dump(mode="json")
        for rule in (environment.require.rules() if environment else ())
    ]
    parts = {
        "image": release.digest or "",
        "what is live": base or "",
        "policy": policy or "",
        "waivers": str(waivers),
        "evidence": f"{supply_chain} {run}",
    }
    plan = [release.number, release.digest, step.environment, base, policy, supply_chain, run, waivers]
    report = {
        "plan_hash": sha256(canonical(plan)),
        "base": base,
        "definition": definition,
        "changed": 1,
        "parts": parts,
    }
    return report | ({"supply_chain": supply_chain} if supply_chain else {})
