"""The consequences of a failed step: the release ends, or the previous one is rolled out again."""

from collections.abc import Callable, Mapping

from ..actions import Action
from ..events import StepFinished
from ..release import Phase, Release
from ..steps import StepKind
from .lanes import end_release
from .results import bounded, with_consequence, with_evidence, with_failure, with_job_runs, with_made_objects
from .rollouts import begin_rollback
from .state import Draft


def _not_resolved(draft: Draft, release: Release, event: StepFinished) -> None:
    fail_release(draft, release, Action.RESOLVE_FAILED, event.reason)


def _not_planned(draft: Draft, release: Release, event: StepFinished) -> None:
    fail_release(draft, release, Action.PLAN_FAILED, event.reason, rules=event.result.get("rules"))


def _not_copied(draft: Draft, release: Release, event: StepFinished) -> None:
    fail_release(draft, release, Action.COPY_FAILED, event.reason)


def fail_release(
    draft: Draft, release: Release, action: Action, reason: str, *, rules: list[str] | None = None
) -> None:
    draft.record(action, release, rules=rules, reason=reason)
    end_release(draft, release, Phase.FAILED, reason)


def _not_run_before(draft: Draft, release: Release, event: StepFinished) -> None:
    """A Job before the rollout failed. No object was applied yet, so there is nothing to roll back."""
    release = with_failure(draft, with_job_runs(draft, release, event), event)
    draft.record(Action.BEFORE_FAILED, release, reason=event.reason, **bounded(event.result))
    end_release(draft, release, Phase.FAILED, event.reason)


def _not_run_after(draft: Draft, release: Release, event: StepFinished) -> None:
    release = with_failure(draft, with_job_runs(draft, release, event), event)
    draft.record(Action.AFTER_FAILED, release, reason=event.reason, **bounded(event.result))
    begin_rollback(draft, release, draft.environment_of(release), event.reason)


def _not_rolled_out(draft: Draft, release: Release, event: StepFinished) -> None:
    release = with_failure(draft, with_made_objects(draft, release, event), event)
    draft.record(Action.ROLLOUT_FAILED, release, reason=event.reason, **bounded(event.result))
    begin_rollback(draft, release, draft.environment_of(release), event.reason)


def _not_verified(draft: Draft, release: Release, event: StepFinished) -> None:
    release = with_evidence(draft, release, event)
    draft.record(Action.VERIFICATION_FAILED, release, reason=event.reason, **bounded(event.result))
    begin_rollback(draft, release, draft.environment_of(release), event.reason)


def _not_rolled_back(draft: Draft, release: Release, event: StepFinished) -> None:
    draft.record(Action.ROLLBACK_FAILED, release, reason=event.reason, **bounded(event.result))
    left = event.result.get("left", "")
    failed_because = f"and the rollback failed: {event.reason}"
    end_release(
        draft,
        release,
        Phase.FAILED,
        with_consequence(release.reason, f"{failed_because}; {left}" if left else failed_because),
    )


FAILED: Mapping[StepKind, Callable[[Draft, Release, StepFinished], None]] = {
    StepKind.RESOLVE: _not_resolved,
    StepKind.PLAN: _not_planned,
    StepKind.COPY: _not_copied,
    StepKind.BEFORE: _not_run_before,
    StepKind.DEPLOY: _not_rolled_out,
    StepKind.CHECK: _not_rolled_out,
    StepKind.AFTER: _not_run_after,
    StepKind.VERIFY: _not_verified,
    StepKind.ROLL_BACK: _not_rolled_back,
}
