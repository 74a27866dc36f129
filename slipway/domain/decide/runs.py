"""The effect of a CI run: a proved run joins a release or starts one; an unproved run does neither.

An unproved report is kept and shown. A report that contradicts another stops the releases that both are about.
"""

from ..actions import Action
from ..application import Start
from ..events import PipelineCompleted
from ..release import Phase, Release
from ..rules import Rule, RuleResult, Trait, not_passed
from ..runs import Run, Trust
from ..snapshot import tag_of
from .conditions import run_rules
from .gates import bar_late
from .lanes import end_release, request_plan
from .rollouts import look_again
from .starting import (
    goes_out_again,
    name_by_tag,
    new_release,
    no_higher_version_rule,
    rejection_rule,
    start_when_complete,
)
from .state import Draft
from .unproved import contradiction, keep_claim, record_contradiction, refuse_run


def pipeline_completed(draft: Draft, event: PipelineCompleted) -> None:
    run, actor = event.run, f"pipeline:{event.run.pipeline}"
    draft.rules = _rules(draft, event)
    release = _release_of(draft, event)
    if event.refused:
        refuse_run(draft, release, event, actor)
        return
    if why := contradiction(draft, run):
        record_contradiction(draft, event, actor, why)
        return
    if not run.proof.stands:
        keep_claim(draft, release, event, actor, Rule.RUN_IS_PROVED)
        return
    ignored = [rule for rule in not_passed(draft.rules) if Trait.OWN_RECORD not in rule.rule.traits]
    if ignored:
        draft.record(
            Action.RUN_IGNORED, actor=actor, run=run.number, url=run.url, rule=ignored[0].name, reason=ignored[0].reason
        )
    elif not draft.application.succeeded(run):
        _run_failed(draft, release, event, actor)
    elif release is not None and not _builds_again(draft, release, run):
        _run_joins(draft, release, event, actor)
    elif draft.application.start is Start.PUSH:
        draft.record(
            Action.RUN_RECORDED, actor=actor, run=run.number, url=run.url, reason="no release of its image is known"
        )
    elif not run.counts:
        also = "" if tag_of(draft.application, event) else f", and {_no_tag(run)}"
        keep_claim(draft, release, event, actor, Rule.BUILT_BY_RUN, also=also)
    else:
        _run_starts(draft, event, actor)


def _release_of(draft: Draft, event: PipelineCompleted) -> Release | None:
    """The release whose image the run built, by digest, or by tag if the tag still names that image."""
    if (release := draft.by_digest(event.digest)) is not None:
        return release
    release = draft.by_tag(tag_of(draft.application, event))
    if release is None:
        return None
    other_image = event.digest is not None and release.digest is not None and release.digest != event.digest
    other_run = release.run is not None and release.run.proof.stands and not release.run.same_as(event.run)
    return None if other_image or other_run else release  # a mismatch means that the tag was reused for a later image


def _rules(draft: Draft, event: PipelineCompleted) -> tuple[RuleResult, ...]:
    """Whether a run counts for the application."""
    rules = run_rules(event.run, draft.application.pipeline)
    waits_for_push = event.digest is not None and event.tag is None and draft.application.start is Start.BOTH
    tag_rule = None if waits_for_push else draft.tag_rule(tag_of(draft.application, event))
    if tag_rule is not None and draft.by_digest(event.digest) is None:
        return (*rules, tag_rule, *not_passed(_version_rules(draft, event)))
    return rules


def _version_rules(draft: Draft, event: PipelineCompleted) -> tuple[RuleResult, ...]:
    """Whether the run's version may start a release, if runs start releases."""
    tag = tag_of(draft.application, event)
    starts = draft.application.start is not Start.PUSH and draft.by_tag(tag) is None
    return (no_higher_version_rule(draft, tag),) if tag and starts else ()


def _run_failed(draft: Draft, release: Release | None, event: PipelineCompleted, actor: str) -> None:
    run = event.run
    draft.record(Action.RUN_FAILED, release, actor=actor, run=run.number, result=run.result, url=run.url)
    overtaken = release is not None and release.run is not None and release.run.finished_at > run.finished_at
    if release is not None and release.phase is Phase.JOINING and not overtaken:
        release = draft.put(release, run=run)
        end_release(draft, release, Phase.CANCELLED, f"CI run {run.number} ended as {run.result}")


def _run_joins(draft: Draft, known: Release, event: PipelineCompleted, actor: str) -> None:
    run, before = event.run, known.run
    if before is None or _proves_more(run, before):
        join_run(draft, known, run, actor)
    elif known.phase is Phase.CANCELLED and not draft.application.succeeded(before):
        _try_again(draft, known, run, actor)
    elif not before.same_as(run):
        draft.record(
            Action.RUN_RECORDED,
            known,
            actor=actor,
            run=run.number,
            url=run.url,
            reason=f"{known.id} has a CI run already",
        )


def _builds_again(draft: Draft, known: Release, run: Run) -> bool:
    """Whether the run has built again an image that had a release before, and the image should go out again. If pushes
    alone start releases, a run never does."""
    other = known.run is not None and not known.run.same_as(run)
    by_runs = draft.application.start is not Start.PUSH
    again = goes_out_again(draft, known, run.finished_at) and not rejection_rule(known)
    return other and by_runs and known.phase.final and run.counts and again


def _proves_more(run: Run, before: Run) -> bool:
    """Whether a report replaces an earlier one: a proved report replaces an unproved one. No report replaces one in
    which everything that can be proved is proved."""
    if not before.proof.stands:
        return True
    if not run.same_as(before):
        return run.counts and not before.counts
    ranks = [(r.counts, r.proof.trust is Trust.PROVED, r.behind.trust is Trust.PROVED) for r in (run, before)]
    return ranks[0] > ranks[1]


def join_run(draft: Draft, release: Release, run: Run, actor: str) -> None:
    """Attach the run to a release, and start the release if it was waiting for it."""
    release = draft.put(release, run=run)
    draft.record(
        Action.RELEASE_JOINED,
        release,
        actor=actor,
        fact="run",
        run=run.number,
        url=run.url,
        commit=run.commit or None,
        **run.recorded,
    )
    if release.phase is Phase.JOINING:
        start_when_complete(draft, release)
    else:
        bar_late(draft, release)
        _plan_with_evidence(draft, release.number, run)
        _no_longer_held_back(draft, release.number)


def _no_longer_held_back(draft: Draft, number: int) -> None:
    """Check the release again if it is held back: perhaps it waited only for the proof of its run."""
    release = draft.release(number)
    if release is not None and release.phase is Phase.HELD_BACK:
        look_again(draft, release)


def _plan_with_evidence(draft: Draft, number: int, run: Run) -> None:
    """Make the plan of a release at its gate again: voters must see the run, which the current plan lacks."""
    release = draft.release(number)
    if release is not None and release.gate is not None and release.phase.at_the_gate:
        reason = f"there is newer evidence: the CI run {run.number} is known now"
        draft.record(Action.PLAN_OUTDATED, release, plan_hash=release.plan_hash, reason=reason)
        request_plan(draft, release)


def _try_again(draft: Draft, cancelled: Release, run: Run, actor: str) -> None:
    """A failed run had cancelled its release, and has now succeeded when it was run again. No second push will come, so
    reuse the first."""
    dated_at = cancelled.push.at if cancelled.push else run.finished_at
    release = new_release(
        draft, cancelled.tag, dated_at, digest=cancelled.digest, push=cancelled.push, run=run, actor=actor
    )
    if release.digest is not None:
        draft.digests[release.digest] = release.number
    draft.tags[release.tag] = release.number
    start_when_complete(draft, release)


def _run_starts(draft: Draft, event: PipelineCompleted, actor: str) -> None:
    tag = tag_of(draft.application, event) or _unnamed(event.digest)
    if tag is None:
        draft.record(
            Action.RUN_IGNORED,
            actor=actor,
            run=event.run.number,
            url=event.run.url,
            rule=str(Rule.RUN_NAMES_ITS_IMAGE),
            reason=f"it published nothing, and {_no_tag(event.run)}: let it publish its image, or set pipeline.tag",
        )
        return
    release = new_release(draft, tag, event.run.finished_at, digest=event.digest, run=event.run, actor=actor)
    if event.digest:
        draft.digests[event.digest] = release.number
    name_by_tag(draft, tag, release)
    start_when_complete(draft, release)


def _no_tag(run: Run) -> str:
    return f"its name {run.number!r} is not a tag of at most 128 characters (letters, digits and ._-)"


def _unnamed(digest: str | None) -> str | None:
    """A tag for an image of which only the digest is known, until its push names one."""
    return f"digest-{digest.removeprefix('sha256:')[:12]}" if digest else None
