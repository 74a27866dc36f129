"""Conditions that must hold before something happens: each is a pure function that returns a named result.

`decide` acts on them and `explain` shows them, so people read the very results that the decision was based on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from ..application import Start
from ..model import release_id
from ..patterns import matches_any
from ..pipeline import Pipeline
from ..release import Lane, Live, Release, Run
from ..requirements import Requirements
from ..rules import Rule, RuleResult, WaitsFor
from ..runs import Fact, Trust

PULL_REQUESTS: Final = "refs/pull/"
"""A run for such a ref builds a possible merge: it starts no release, whichever branches count."""


@dataclass(frozen=True, kw_only=True)
class Newer:
    """A newer release that takes precedence, and the reason."""

    number: int
    why: str


def run_rules(run: Run, pipeline: Pipeline | None) -> tuple[RuleResult, ...]:
    """Whether a CI run counts for an application, by what is known of the run and what it reports."""
    proved = _judge_fact(Rule.RUN_IS_PROVED, run.proof, f"run {run.number} of {run.pipeline}: {run.proof.why}")
    ended = f"run {run.number} ended as {run.result or 'unknown'}"
    counts = pipeline.accepts_result(run) if pipeline is not None else run.succeeded
    succeeded = _judge_report(Rule.RUN_SUCCEEDED, run, counts, ended)
    if pipeline is None:
        return (proved, built_rule(run), succeeded)
    branch = run.branch.removeprefix("refs/heads/")
    matches = not run.branch.startswith(PULL_REQUESTS) and matches_any(branch, pipeline.branches)
    of = f"branch {branch or '(none)'}, of {', '.join(pipeline.branches)}"
    return proved, built_rule(run), succeeded, _judge_report(Rule.BRANCH_COUNTS, run, matches, of)


def _judge_report(rule: Rule, run: Run, holds: bool, reason: str) -> RuleResult:
    """A result from a run's report about itself: a pass only if the run is proved. If it is not, `run-is-proved`
    blocks."""
    if holds and run.proof.trust is not Trust.PROVED:
        return rule.unknown(f"{reason}, according to its reporter", blocks=False)
    return rule.judged(holds, reason)


def built_rule(run: Run) -> RuleResult:
    """Whether the run made the image. A fact that is not proved is unknown, never a pass."""
    return _judge_fact(Rule.BUILT_BY_RUN, run.built, run.built.why)


def _judge_fact(rule: Rule, fact: Fact, reason: str) -> RuleResult:
    match fact.trust:
        case Trust.PROVED:
            return rule.holds(reason)
        case Trust.CLAIMED:
            return rule.unknown(reason, blocks=False)
        case Trust.NOT_PROVED:
            return rule.unknown(reason)
        case Trust.CONTRADICTED:
            return rule.fails(reason)
        case _:
            assert_never(fact.trust)


def version_rule(tag: str, higher: Mapping[str, str]) -> RuleResult:
    """Whether a version goes out although a higher one of its line is live or on its way. `higher` says, by tag, where
    each of those is."""
    if not higher:
        return Rule.VERSION_IS_NOT_LOWER.holds(f"no higher version than {tag} is live or on its way")
    shown, where = next(iter(sorted(higher.items())))
    how = "versions.order: time accepts versions as they are pushed, versions.lines keeps several side by side"
    return Rule.VERSION_IS_NOT_LOWER.fails(f"{tag} is lower than {shown}, which {where}; {how}")


def triggers_missing(release: Release, start: Start) -> tuple[str, ...]:
    """The triggers of the application that have not arrived: `image`, `run`. A run does not count as arrived while it
    is unknown whether it made the image."""
    required = {Start.PUSH: ("image",), Start.RUN: ("run",), Start.BOTH: ("image", "run")}[start]
    arrived = {"image": release.push is not None, "run": release.run is not None and release.run.counts}
    return tuple(trigger for trigger in required if not arrived[trigger])


def newer_in_lane(release: Release, lane: Lane, releases: Mapping[int, Release]) -> Newer | None:
    """The newer release in this lane that supersedes `release`, if any."""
    live = lane.live
    if live is not None and (live.dated_at, live.release) > (release.dated_at, release.number):
        return Newer(number=live.release, why=f"the newer {release_id(release.application, live.release)} is live")
    for number, why in ((lane.in_progress, "is being rolled out"), (lane.waiting, "is already here")):
        other = releases.get(number) if number is not None else None
        if other is not None and other.newer_than(release):
            return Newer(number=other.number, why=f"the newer {other.id} {why}")
    return None


def plan_rule(release: Release, live: Live | None, definition: str) -> RuleResult:
    """Whether the plan still describes what a rollout would do."""
    if release.plan_base != (live.plan_hash if live else None):
        reason = "another release went live since the plan was made"
    elif release.plan_definition != definition:
        reason = "the application (policy or manifests) changed since the plan was made"
    elif release.is_stopped:
        reason = "it was stopped right before its first object, and what it would do is checked again"
    else:
        return Rule.PLAN_IS_CURRENT.holds(
            f"plan {digest_text(release.plan_hash)} still describes what a rollout would do"
        )
    return Rule.PLAN_IS_CURRENT.not_yet(reason, WaitsFor.STEP)


def supply_chain_rules(required: Requirements, results: tuple[RuleResult, ...]) -> tuple[RuleResult, ...]:
    """The plan's result for each rule required of the image. A rule that the plan has no result for fails."""
    by_rule = {result.rule: result for result in results}
    return tuple(by_rule.get(rule) or rule.fails("the plan has no result for it") for rule in required.rules())


def digest_text(digest: str | None) -> str:
    """The first 12 hex digits of a digest, for people to read."""
    return digest.removeprefix("sha256:")[:12] if digest else "not made yet"
