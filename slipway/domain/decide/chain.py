"""The steps of one environment in order: each step's outcome starts the next step or ends the release."""

from collections.abc import Callable
from typing import Any, assert_never

from ..actions import Action
from ..bundle import ends_before
from ..errors import present
from ..events import StepFinished
from ..model import release_id
from ..order import Order, TakenOrder
from ..plan import PlanMade
from ..pruning import KINDS_KEPT, Deleted, pruned_phrase
from ..release import Live, Phase, Release
from ..rollouts import PRUNED_TOLD
from ..rules import Rule, RuleResult, as_details, not_passed
from ..signed_head import is_as_signed
from ..steps import Notice, StepKind
from .commands import called_off_too_late, stopped_as_called_off
from .conditions import supply_chain_rules
from .drifting import end_drift_episode
from .failing import FAILED, fail_release
from .gates import open_gate
from .lanes import (
    arrive,
    begin_step,
    close_rollout,
    end_release,
    end_without_environment,
    leave_lane,
    order_found,
    order_taken,
    request_plan,
    supersede,
    take_over,
)
from .results import bounded, with_consequence, with_evidence, with_job_runs, with_made_objects
from .rollouts import begin_deploy, give_way_to_block, go_on_after_copy, proceed
from .runs import join_run
from .starting import begin_release, goes_out_again, rejection_rule
from .state import Draft


def _awaited_in(kind: StepKind) -> Phase | None:
    """The phase in which a release waits for this kind of step; None if no release waits for it."""
    match kind:
        case StepKind.RESOLVE:
            return Phase.RESOLVING
        case StepKind.PLAN:
            return Phase.PLANNING
        case StepKind.COPY:
            return Phase.COPYING
        case StepKind.BEFORE:
            return Phase.PREPARING
        case StepKind.DEPLOY:
            return Phase.DEPLOYING
        case StepKind.CHECK:
            return Phase.CHECKING
        case StepKind.AFTER:
            return Phase.FINISHING
        case StepKind.VERIFY:
            return Phase.VERIFYING
        case StepKind.ROLL_BACK:
            return Phase.ROLLING_BACK
        case StepKind.NOTIFY | StepKind.ANCHOR:
            return None
        case _:
            assert_never(kind)


def step_finished(draft: Draft, event: StepFinished) -> None:
    step = event.step
    release = draft.release(step.release)
    if release is None:
        return
    if step.kind is StepKind.NOTIFY:
        _notified(draft, release, event)
        return
    if step.kind is StepKind.ANCHOR:
        _anchored(draft, release, event)
        return
    if release.step != step.id or release.phase is not _awaited_in(step.kind):
        return  # a repeat, or the outcome of an earlier attempt
    environment = draft.application.environment(step.environment)
    if environment is None:
        end_without_environment(draft, release, step.environment)
        return
    if event.result.get("taken"):
        order_taken(draft, release, TakenOrder.model_validate(event.result["taken"]))
        called_off_too_late(draft, release)
    head = draft.snapshot.head
    if not event.broken and head.sig is not None and not is_as_signed(release, head):
        fault = Rule.IN_FORCE_ON_RECORD.fails(f"the row of {release.id} was changed while the step was under way")
        event = event.evolve(broken=(fault,), reason=f"{fault.name}: {fault.reason}", result={})
    if any(rule.rule is Rule.NO_NEWER_ROLLOUT for rule in event.broken):
        _overtaken(draft, release, event)
    elif event.broken:
        _not_begun(draft, release, event)
    elif event.passed:
        _PASSED[step.kind](draft, release, event)
    else:
        FAILED[step.kind](draft, release, event)


def _anchored(draft: Draft, release: Release, event: StepFinished) -> None:
    """The gate is anchored, or it cannot be, because the ledger no longer holds the record of an earlier anchor."""
    gate = present(event.step.gate, f"the gate of {event.step.id}")
    if event.passed:
        details = {"opening": gate.opening, "outcome": str(gate.outcome), **bounded(event.result)}
        draft.record(Action.GATE_ANCHORED, release, environment=gate.environment, **details)
    elif draft.head.rewound is None:
        draft.note_rewound(event.reason)
        draft.record(Action.LEDGER_REWOUND, release, environment=gate.environment, reason=event.reason)


def _overtaken(draft: Draft, release: Release, event: StepFinished) -> None:
    """A newer rollout has taken its order in the cluster: this one ends, and the objects of the newer one stay."""
    if event.result.get("found"):
        order_found(draft, release, Order.model_validate(event.result["found"]))
    draft.rules = event.broken
    draft.record(Action.ROLLOUT_OVERTAKEN, release, **_what_broke(release, event), **bounded(event.result))
    end_release(draft, release, Phase.SUPERSEDED, event.reason)


def _what_broke(release: Release, event: StepFinished) -> dict[str, Any]:
    return {
        "step": str(event.step.kind),
        "plan_hash": release.plan_hash,
        "rules": [rule.name for rule in event.broken],
        "results": as_details(event.broken),
        "reason": event.reason,
    }


def _not_begun(draft: Draft, release: Release, event: StepFinished) -> None:
    """The trail, or the Lease in the cluster, does not prove what the state says. The release neither goes on nor is
    rolled back: a rollback would have to write to the cluster as well."""
    draft.rules = event.broken
    by_rule = {rule.rule: rule for rule in event.broken}
    if all(rule.holds_back for rule in by_rule):
        if stopped_as_called_off(draft, release):  # perhaps it was called off after the worker looked
            return
        give_way_to_block(draft, release, draft.environment_of(release), event.broken)
        return
    action = Action.GATE_UNPROVED
    if lost := by_rule.get(Rule.LEDGER_IS_WHOLE):
        draft.note_rewound(lost.reason)
        action = Action.LEDGER_REWOUND
    elif Rule.FENCE_IS_UNTOUCHED in by_rule:
        action = Action.FENCE_TOUCHED
    draft.record(action, release, **_what_broke(release, event), **bounded(event.result))
    end_release(draft, release, Phase.FAILED, event.reason)


def _notified(draft: Draft, release: Release, event: StepFinished) -> None:
    step = event.step
    action = Action.NOTIFICATION_SENT if event.passed else Action.NOTIFICATION_FAILED
    draft.record(action, release, notice=str(step.notice), channel=step.channel, reason=event.reason or None)
    of_gate = step.notice in (Notice.GATE_OPENED, Notice.REMINDER)
    is_here = (step.environment, step.attempt) == (release.environment, release.attempt)
    if release.gate is not None and of_gate and is_here and not release.phase.final:
        reached = release.gate.notified or event.passed or bool(step.sent)
        why_nobody_was_notified = "" if reached else (event.reason or f"channel {step.channel}")[:500]
        draft.put(release, gate=release.gate.evolve(notified=reached, why_nobody_was_notified=why_nobody_was_notified))


# ---- what follows a step that passed


def _resolved(draft: Draft, release: Release, event: StepFinished) -> None:
    digest = event.result.get("digest")
    earlier = draft.by_digest(event.resolved_digest)
    is_other = earlier is not None and earlier.number != release.number
    if (
        earlier is not None
        and is_other
        and (rejection_rule(earlier) or not goes_out_again(draft, earlier, release.dated_at))
    ):
        supersede(draft, release, by=earlier.number, why=f"the tag {release.tag} names the image of {earlier.id}")
        if earlier.run is None and release.run is not None:
            # The push arrived while the tag was being resolved, and created a release that waits for this run.
            join_run(draft, earlier, release.run, f"pipeline:{release.run.pipeline}")
        return
    read = {"digest": digest, "bundle": event.result.get("bundle")}
    release = draft.put(Release.model_validate(release.model_dump() | read))
    bundle = release.bundle
    draft.record(
        Action.RESOLVE_DONE,
        release,
        tag=release.tag,
        images=[f"{image.repository}@{image.digest}" for image in bundle.images] if bundle else None,
        environments=list(bundle.environments) if bundle else None,
        targets=bundle.targets if bundle else None,
    )
    draft.digests[str(digest)] = release.number
    begin_release(draft, release)


def _planned(draft: Draft, release: Release, event: StepFinished) -> None:
    report = PlanMade.model_validate(event.result)
    live = draft.lane(release.environment or "").live
    if report.base != (live.plan_hash if live else None):
        draft.record(
            Action.PLAN_OUTDATED,
            release,
            plan_hash=report.plan_hash,
            reason="another release went live while it was made",
        )
        request_plan(draft, release)
        return
    # A rollback's image passed the policy in force when it was first rolled out. Today's requirements must not block
    # the way back.
    required, results = draft.environment_of(release).require, report.supply_chain
    rules = results if release.rollback else supply_chain_rules(required, results)
    draft.rules = rules
    release = draft.put_rollout(
        release.evolve(plan_hash=report.plan_hash, plan_base=report.base, plan_definition=report.definition),
        plan_hash=report.plan_hash,
        preview=report.preview,
        supply_chain=rules,
        jobs=report.jobs,
    )
    _remember(draft, release, report.kinds)
    _record_plan(draft, release, report)
    if release.rollback is not None:
        release = draft.put(release, rollback=release.rollback.evolve(copied=report.copied))
        proceed(draft, release, draft.environment_of(release))
    elif refused := not_passed(rules):
        _refuse(draft, release, refused)
    else:
        take_over(draft, release)
        open_gate(draft, release, draft.environment_of(release), report.parts)


def _record_plan(draft: Draft, release: Release, report: PlanMade) -> None:
    draft.record(
        Action.PLAN_MADE,
        release,
        plan_hash=report.plan_hash,
        base=report.base,
        created=report.created,
        changed=report.changed,
        unchanged=report.unchanged,
        deleted=report.deleted or None,
        left=report.left or None,
        unsearched=list(report.unsearched) or None,
        before=list(report.jobs.before) or None,
        after=list(report.jobs.after) or None,
        supply_chain=[rule.model_dump() for rule in draft.rules] or None,
        warnings=list(report.warnings) or None,
    )


def _remember(draft: Draft, release: Release, kinds: tuple[str, ...]) -> None:
    """Add these kinds to the lane: objects of them may be left behind from now on, even if this rollout fails."""
    lane = draft.lane(release.environment or "")
    if new := set(kinds) - set(lane.kinds):
        draft.put_lane(lane.evolve(kinds=(*lane.kinds, *sorted(new))[-KINDS_KEPT:]))


def _refuse(draft: Draft, release: Release, refused: tuple[RuleResult, ...]) -> None:
    """The image does not meet the environment's requirements: no gate opens, and nothing is copied or deployed."""
    if release.plan_definition != draft.snapshot.definition:
        reason = "the application (policy or manifests) changed while it was made"
        draft.record(Action.PLAN_OUTDATED, release, plan_hash=release.plan_hash, reason=reason)
        request_plan(draft, release)
        return
    reason = "; ".join(f"{rule.name}: {rule.reason}" for rule in refused)[:2000]
    draft.record(
        Action.PLAN_REFUSED, release, plan_hash=release.plan_hash, rules=[rule.name for rule in refused], reason=reason
    )
    end_release(draft, release, Phase.FAILED, reason)


def _artifact_copied(draft: Draft, release: Release, event: StepFinished) -> None:
    if event.result.get("digest") != release.digest:
        fail_release(
            draft,
            release,
            Action.COPY_FAILED,
            f"the target has {event.result.get('digest')}, expected {release.digest}",
        )
        return
    draft.record(Action.COPY_DONE, release, **bounded(event.result))
    go_on_after_copy(draft, release, draft.environment_of(release))


def _ran_before(draft: Draft, release: Release, event: StepFinished) -> None:
    release = with_job_runs(draft, release, event).evolve(override=None)
    draft.record(Action.BEFORE_DONE, release, reason=event.reason, **bounded(event.result))
    begin_deploy(draft, release)


def _applied(draft: Draft, release: Release, event: StepFinished) -> None:
    release = with_made_objects(draft, release, event).evolve(override=None)
    draft.record(Action.ROLLOUT_APPLIED, release, **bounded(event.result))
    release = draft.enter(release, Phase.CHECKING)
    begin_step(draft, release, StepKind.CHECK)


def _rolled_out(draft: Draft, release: Release, event: StepFinished) -> None:
    result = bounded(event.result)
    deleted = tuple(Deleted.model_validate(each) for each in result.pop("deleted", []))
    draft.record(Action.ROLLOUT_DONE, release, reason=event.reason, **result)
    if deleted:
        draft.record(Action.OBJECTS_DELETED, release, objects=[str(each) for each in deleted])
        release = draft.put_rollout(release, pruned=pruned_phrase(deleted)[:PRUNED_TOLD])
    if release.jobs.after:
        release = draft.enter(release, Phase.FINISHING)
        draft.record(Action.AFTER_REQUESTED, release, jobs=list(release.jobs.after))
        begin_step(draft, release, StepKind.AFTER)
    else:
        _verify(draft, release)


def _ran_after(draft: Draft, release: Release, event: StepFinished) -> None:
    release = with_job_runs(draft, release, event)
    draft.record(Action.AFTER_DONE, release, reason=event.reason, **bounded(event.result))
    _verify(draft, release)


def _verify(draft: Draft, release: Release) -> None:
    """Test the rollout, or make the release live if the environment has no tests."""
    if not draft.environment_of(release).verification.exists:
        _live(draft, release)
        return
    release = draft.enter(release, Phase.VERIFYING)
    draft.record(
        Action.VERIFICATION_REQUESTED,
        release,
        job=draft.environment_of(release).verification.job,
        probes=len(draft.environment_of(release).verification.http) or None,
    )
    begin_step(draft, release, StepKind.VERIFY)


def _verified(draft: Draft, release: Release, event: StepFinished) -> None:
    release = with_evidence(draft, release, event)
    draft.record(Action.VERIFICATION_DONE, release, reason=event.reason, **bounded(event.result))
    _live(draft, release)


def _live(draft: Draft, release: Release) -> None:
    environment = draft.environment_of(release)
    live = Live(
        release=release.number,
        dated_at=release.dated_at,
        digest=present(release.digest, f"the digest of {release.id}"),
        tag=release.tag,
        plan_hash=present(release.plan_hash, f"the plan of {release.id}"),
        at=draft.now,
    )
    lane = draft.lane(environment.name)
    replaced = release_id(release.application, lane.live.release) if lane.live else None
    end_drift_episode(draft, lane, release, f"{release.id} went live")
    draft.put_lane(draft.lane(environment.name).evolve(live=live, failed=None))
    draft.record(
        Action.RELEASE_LIVE,
        release,
        tag=release.tag,
        plan_hash=release.plan_hash,
        replaces=replaced,
        tests=None if environment.verification.exists else "none",
    )
    release = close_rollout(draft, release)
    if release.rollback is not None:
        to = release_id(release.application, release.rollback.to)
        end_release(draft, release, Phase.COMPLETED, f"{environment.name} is back at {to}")
        return
    following = draft.application.after(environment.name)
    if following is None:
        end_release(draft, release, Phase.COMPLETED, f"live in {environment.name}, the last environment")
        return
    if following is ends_before(draft.application, release.bundle):
        why = f"live in {environment.name}; its bundle ends there, it has no folder for {following.name}"
        end_release(draft, release, Phase.COMPLETED, why)
        return
    leave_lane(draft, release)
    arrive(draft, release, following)


def _rolled_back(draft: Draft, release: Release, event: StepFinished) -> None:
    draft.record(Action.ROLLBACK_DONE, release, reason=event.reason, **bounded(event.result))
    end_release(draft, release, Phase.ROLLED_BACK, with_consequence(release.reason, event.result.get("left", "")))


_Follow = Callable[[Draft, Release, StepFinished], None]

_PASSED: dict[StepKind, _Follow] = {
    StepKind.RESOLVE: _resolved,
    StepKind.PLAN: _planned,
    StepKind.COPY: _artifact_copied,
    StepKind.BEFORE: _ran_before,
    StepKind.DEPLOY: _applied,
    StepKind.CHECK: _rolled_out,
    StepKind.AFTER: _ran_after,
    StepKind.VERIFY: _verified,
    StepKind.ROLL_BACK: _rolled_back,
}
