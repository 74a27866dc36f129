"""From triggers to releases: a push, a CI run, or both, correlated by digest or tag."""

from datetime import datetime

from ..actions import Action
from ..application import Start
from ..events import ImagePushed, PipelineCompleted
from ..release import Phase, Push, Release, Run
from ..rules import Rule, RuleResult, failed
from ..snapshot import tag_of
from ..steps import StepKind
from .conditions import facts_missing, run_rules
from .gates import bar_late
from .lanes import arrive, ask, end, plan, supersede
from .state import Draft


def image_pushed(draft: Draft, event: ImagePushed) -> None:
    known = draft.by_digest(event.digest)
    if known is not None:
        _pushed_again(draft, known, event)
        return
    rule = draft.tag_rule(event.tag)
    if rule is not None and not rule.passed:
        draft.rules = (rule,)
        draft.record(
            Action.IMAGE_IGNORED,
            actor=event.actor or "registry",
            tag=event.tag,
            pushed=event.digest,
            rule=rule.name,
            reason=rule.reason,
        )
        return
    push = Push(at=event.pushed_at, actor=event.actor)
    joining = draft.by_tag(event.tag)
    if joining is not None and joining.phase is Phase.JOINING and joining.digest is None and joining.push is None:
        release = draft.put(joining.evolve(digest=event.digest, push=push, order=event.pushed_at))
        draft.record(Action.RELEASE_JOINED, release, fact="image", tag=event.tag, actor=event.actor or "registry")
    else:
        release = _create(
            draft, event.tag, event.pushed_at, digest=event.digest, push=push, actor=event.actor or "registry"
        )
    draft.digests[event.digest] = release.number
    _name_by_tag(draft, event.tag, release)
    start_when_complete(draft, release)


def _name_by_tag(draft: Draft, tag: str, release: Release) -> None:
    """Point the tag at this release, unless a newer one has it already: pushes may arrive in any order."""
    named = draft.by_tag(tag)
    if named is None or not named.newer_than(release):
        draft.tags[tag] = release.number


def _pushed_again(draft: Draft, known: Release, event: ImagePushed) -> None:
    """The digest has a release already: the push is its missing trigger, one more tag, or a repeat."""
    if known.phase is Phase.JOINING and known.push is None:
        release = draft.put(known.evolve(push=Push(at=event.pushed_at, actor=event.actor), order=event.pushed_at))
        draft.record(Action.RELEASE_JOINED, release, fact="image", tag=event.tag, actor=event.actor or "registry")
        draft.tags[event.tag] = release.number
        start_when_complete(draft, release)
    elif event.tag != known.tag and draft.snapshot.tags.get(event.tag) != known.number:
        draft.record(Action.IMAGE_TAGGED, known, tag=event.tag, actor=event.actor or "registry")
        draft.tags[event.tag] = known.number


def pipeline_completed(draft: Draft, event: PipelineCompleted) -> None:
    run, actor = event.run, f"pipeline:{event.run.pipeline}"
    rules = _rules(draft, event)
    draft.rules = rules
    known = _release_of(draft, event)
    refused = [rule for rule in failed(rules) if rule.rule is not Rule.RUN_SUCCEEDED]
    if refused:
        draft.record(
            Action.RUN_IGNORED, actor=actor, run=run.number, url=run.url, rule=refused[0].name, reason=refused[0].reason
        )
    elif not run.succeeded:
        _run_failed(draft, known, event, actor)
    elif known is not None:
        _run_joins(draft, known, event, actor)
    elif draft.application.start is Start.PUSH:
        draft.record(
            Action.RUN_RECORDED, actor=actor, run=run.number, url=run.url, reason="no release of its image is known"
        )
    else:
        _run_starts(draft, event, actor)


def _release_of(draft: Draft, event: PipelineCompleted) -> Release | None:
    """The release whose image the run built, by digest, or by tag if the tag still names that image."""
    if (known := draft.by_digest(event.digest)) is not None:
        return known
    known = draft.by_tag(tag_of(draft.application, event))
    if known is None:
        return None
    other_image = event.digest is not None and known.digest is not None and known.digest != event.digest
    other_run = known.run is not None and not known.run.same_as(event.run)
    return None if other_image or other_run else known  # a mismatch means that the tag was reused for a later image


def _rules(draft: Draft, event: PipelineCompleted) -> tuple[RuleResult, ...]:
    """Whether a run counts for the application."""
    rules = run_rules(event.run, draft.application.pipeline)
    tag_rule = draft.tag_rule(tag_of(draft.application, event))
    if tag_rule is not None and draft.by_digest(event.digest) is None:
        return (*rules, tag_rule)
    return rules


def _run_failed(draft: Draft, known: Release | None, event: PipelineCompleted, actor: str) -> None:
    run = event.run
    draft.record(Action.RUN_FAILED, known, actor=actor, run=run.number, result=run.result, url=run.url)
    overtaken = known is not None and known.run is not None and known.run.finished_at > run.finished_at
    if known is not None and known.phase is Phase.JOINING and not overtaken:
        known = draft.put(known.evolve(run=run))
        end(draft, known, Phase.CANCELLED, f"CI run {run.number} ended as {run.result}")


def _run_joins(draft: Draft, known: Release, event: PipelineCompleted, actor: str) -> None:
    run, before = event.run, known.run
    if before is None:
        join_run(draft, known, run, actor)
    elif known.phase is Phase.CANCELLED and not before.succeeded:
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


def join_run(draft: Draft, release: Release, run: Run, actor: str) -> None:
    """Attach the run to a release, and start the release if it was waiting for it."""
    release = draft.put(release.evolve(run=run))
    draft.record(
        Action.RELEASE_JOINED, release, actor=actor, fact="run", run=run.number, url=run.url, commit=run.commit or None
    )
    if release.phase is Phase.JOINING:
        start_when_complete(draft, release)
    else:
        bar_late(draft, release)
        _plan_with_evidence(draft, release.number, run)


def _plan_with_evidence(draft: Draft, number: int, run: Run) -> None:
    """Make the plan of a release at its gate again: voters must see the run, which the current plan lacks."""
    release = draft.release(number)
    if release is not None and release.gate is not None and release.phase.at_the_gate:
        reason = f"there is newer evidence: the CI run {run.number} is known now"
        draft.record(Action.PLAN_OUTDATED, release, plan_hash=release.plan_hash, reason=reason)
        plan(draft, release)


def _try_again(draft: Draft, cancelled: Release, run: Run, actor: str) -> None:
    """A failed run had cancelled its release and now succeeded on re-run. No second push will come, so reuse the
    first."""
    order = cancelled.push.at if cancelled.push else run.finished_at
    release = _create(draft, cancelled.tag, order, digest=cancelled.digest, push=cancelled.push, run=run, actor=actor)
    if release.digest is not None:
        draft.digests[release.digest] = release.number
    draft.tags[release.tag] = release.number
    start_when_complete(draft, release)


def _run_starts(draft: Draft, event: PipelineCompleted, actor: str) -> None:
    tag = tag_of(draft.application, event)
    if tag is None:
        draft.record(
            Action.RUN_IGNORED,
            actor=actor,
            run=event.run.number,
            url=event.run.url,
            rule=str(Rule.RUN_NAMES_ITS_IMAGE),
            reason="the run names a digest but no tag",
        )
        return
    release = _create(draft, tag, event.run.finished_at, digest=event.digest, run=event.run, actor=actor)
    if event.digest:
        draft.digests[event.digest] = release.number
    _name_by_tag(draft, tag, release)
    start_when_complete(draft, release)


def _create(
    draft: Draft,
    tag: str,
    order: datetime,
    *,
    actor: str,
    digest: str | None = None,
    push: Push | None = None,
    run: Run | None = None,
) -> Release:
    place = draft.application.pushed
    release = draft.create(
        Release(
            application=draft.application.application,
            number=draft.head.next_release,
            phase=Phase.JOINING,
            registry=place.registry,
            repository=place.repository,
            tag=tag,
            digest=digest,
            order=order,
            created_at=draft.now,
            changed_at=draft.now,
            push=push,
            run=run,
        )
    )
    draft.record(Action.RELEASE_CREATED, release, actor=actor, tag=tag, start=str(draft.application.start))
    return release


def start_when_complete(draft: Draft, release: Release) -> None:
    if facts_missing(release, draft.application.start):
        if release.due is None:
            release = draft.put(release.evolve(due=draft.now + draft.application.join_within))
            draft.send_deadline(release)
        return
    if release.digest is None:
        release = draft.enter(release, Phase.RESOLVING)
        draft.record(Action.RESOLVE_REQUESTED, release, tag=release.tag)
        ask(draft, release, StepKind.RESOLVE)
        return
    begin(draft, release)


def begin(draft: Draft, release: Release) -> None:
    """All triggers have arrived: bring the release into the first environment."""
    draft.record(Action.RELEASE_STARTED, release, tag=release.tag, commit=release.run.commit if release.run else None)
    for number in draft.head.active:
        older = draft.release(number)
        if older is not None and _replaces(release, older):
            supersede(draft, older, by=release.number, why=f"the tag {release.tag} was pushed again, as {release.id}")
    arrive(draft, release, draft.application.environments[0])


def _replaces(release: Release, older: Release) -> bool:
    """Whether `older` has the same tag, which now names another image, and has not begun to roll out.

    Approving it would deploy an image that its tag no longer names. A roll-back by hand is exempt: it is meant for the
    image that was live, whatever the tag names now.
    """
    same_tag = older.tag == release.tag and older.rollback is None
    return same_tag and not older.phase.holds_lane and release.newer_than(older)
