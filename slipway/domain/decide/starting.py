"""From facts to releases: a push, a CI run, or both joined on digest or tag."""

from fnmatch import fnmatchcase

from ..application import Start
from ..causes import ImagePushed, PipelineCompleted
from ..release import Phase, Push, Release
from ..rules import RuleResult, failed
from ..steps import StepKind
from .lanes import arrive, ask, end, supersede
from .state import Draft, tag_of


def image_pushed(draft: Draft, cause: ImagePushed) -> None:
    known = draft.release(draft.state.by_digest)
    if known is not None:
        _pushed_again(draft, known, cause)
        return
    rule = draft.state.tag_rule
    if rule is not None and not rule.passed:
        draft.rules = (rule,)
        draft.record(
            "image.ignored",
            actor=cause.actor or "registry",
            tag=cause.tag,
            pushed=cause.digest,
            rule=rule.name,
            reason=rule.reason,
        )
        return
    push = Push(at=cause.pushed_at, actor=cause.actor)
    joining = draft.release(draft.state.by_tag)
    if joining is not None and joining.phase is Phase.JOINING and joining.digest is None and joining.push is None:
        release = draft.put(joining.evolve(digest=cause.digest, push=push, order=cause.pushed_at))
        draft.record("release.joined", release, fact="image", tag=cause.tag, actor=cause.actor or "registry")
    else:
        release = _create(
            draft, cause.tag, cause.pushed_at, digest=cause.digest, push=push, actor=cause.actor or "registry"
        )
    draft.digests[cause.digest] = release.number
    draft.tags[cause.tag] = release.number
    _start_when_complete(draft, release)


def _pushed_again(draft: Draft, known: Release, cause: ImagePushed) -> None:
    """The digest is a release already: at most the missing fact, or one more tag."""
    if known.phase is Phase.JOINING and known.push is None:
        release = draft.put(known.evolve(push=Push(at=cause.pushed_at, actor=cause.actor), order=cause.pushed_at))
        draft.record("release.joined", release, fact="image", tag=cause.tag, actor=cause.actor or "registry")
        draft.tags[cause.tag] = release.number
        _start_when_complete(draft, release)
    elif cause.tag != known.tag and draft.state.by_tag != known.number:
        draft.record("image.tagged", known, tag=cause.tag, actor=cause.actor or "registry")
        draft.tags[cause.tag] = known.number


def pipeline_completed(draft: Draft, cause: PipelineCompleted) -> None:
    run, actor = cause.run, f"pipeline:{cause.run.pipeline}"
    rules = run_rules(draft, cause)
    draft.rules = rules
    known = draft.release(draft.state.by_digest) or draft.release(draft.state.by_tag)
    if known is not None and cause.digest and known.digest and known.digest != cause.digest:
        known = None  # the tag was pushed again with other content: that release is not this run's
    refused = [rule for rule in failed(rules) if rule.name != "run-succeeded"]
    if refused:
        draft.record(
            "run.ignored", actor=actor, run=run.number, url=run.url, rule=refused[0].name, reason=refused[0].reason
        )
    elif not run.succeeded:
        _run_failed(draft, known, cause, actor)
    elif known is not None:
        _run_joins(draft, known, cause, actor)
    elif draft.application.start is Start.PUSH:
        draft.record(
            "run.recorded", actor=actor, run=run.number, url=run.url, reason="no release of its image is known"
        )
    else:
        _run_starts(draft, cause, actor)


def run_rules(draft: Draft, cause: PipelineCompleted) -> tuple[RuleResult, ...]:
    """Whether a run counts for the application."""
    run, wanted = cause.run, draft.application.pipeline
    branch = run.branch.removeprefix("refs/heads/")
    rules = [
        RuleResult(
            name="run-succeeded", passed=run.succeeded, reason=f"run {run.number} ended as {run.result or 'unknown'}"
        )
    ]
    if wanted is not None:
        rules.append(
            RuleResult(
                name="branch-counts",
                passed=any(fnmatchcase(branch, pattern) for pattern in wanted.branches),
                reason=f"branch {branch or '(none)'}, of {', '.join(wanted.branches)}",
            )
        )
    if draft.state.tag_rule is not None and draft.state.by_digest is None:
        rules.append(draft.state.tag_rule)
    return tuple(rules)


def _run_failed(draft: Draft, known: Release | None, cause: PipelineCompleted, actor: str) -> None:
    run = cause.run
    draft.record("run.failed", known, actor=actor, run=run.number, result=run.result, url=run.url)
    if known is not None and known.phase is Phase.JOINING:
        known = draft.put(known.evolve(run=run))
        end(draft, known, Phase.CANCELLED, f"CI run {run.number} ended as {run.result}")


def _run_joins(draft: Draft, known: Release, cause: PipelineCompleted, actor: str) -> None:
    if known.run is not None:
        return
    release = draft.put(known.evolve(run=cause.run))
    draft.record(
        "release.joined",
        release,
        actor=actor,
        fact="run",
        run=cause.run.number,
        url=cause.run.url,
        commit=cause.run.commit,
    )
    if release.phase is Phase.JOINING:
        _start_when_complete(draft, release)


def _run_starts(draft: Draft, cause: PipelineCompleted, actor: str) -> None:
    tag = tag_of(draft.application, cause)
    if tag is None:
        draft.record(
            "run.ignored",
            actor=actor,
            run=cause.run.number,
            url=cause.run.url,
            rule="run-names-its-image",
            reason="the run names a digest but no tag",
        )
        return
    release = _create(draft, tag, cause.run.finished_at, digest=cause.digest, run=cause.run, actor=actor)
    if cause.digest:
        draft.digests[cause.digest] = release.number
    draft.tags[tag] = release.number
    _start_when_complete(draft, release)


def _create(
    draft: Draft,
    tag: str,
    order: object,
    *,
    actor: str,
    digest: str | None = None,
    push: Push | None = None,
    run: object = None,
) -> Release:
    image = draft.application.image
    release = draft.create(
        Release.model_validate(
            {
                "application": draft.application.application,
                "number": draft.head.next_release,
                "phase": Phase.JOINING,
                "registry": image.registry,
                "repository": image.repository,
                "tag": tag,
                "digest": digest,
                "order": order,
                "created_at": draft.now,
                "changed_at": draft.now,
                "push": push,
                "run": run,
            }
        )
    )
    draft.record("release.created", release, actor=actor, tag=tag, start=str(draft.application.start))
    return release


def _start_when_complete(draft: Draft, release: Release) -> None:
    start = draft.application.start
    has_push, has_run = release.push is not None, release.run is not None
    complete = {Start.PUSH: has_push, Start.RUN: has_run, Start.BOTH: has_push and has_run}[start]
    if not complete:
        if release.due is None:
            release = draft.put(release.evolve(due=draft.now + draft.application.join_within))
            draft.send_deadline(release)
        return
    if release.digest is None:
        release = draft.enter(release, Phase.RESOLVING)
        draft.record("resolve.requested", release, tag=release.tag)
        ask(draft, release, StepKind.RESOLVE)
        return
    begin(draft, release)


def begin(draft: Draft, release: Release) -> None:
    """All facts are there: on to the first environment."""
    draft.record("release.started", release, tag=release.tag, commit=release.run.commit if release.run else None)
    for number in draft.head.active:
        older = draft.release(number)
        if (
            older is not None
            and older.number != release.number
            and older.phase is Phase.JOINING
            and older.tag == release.tag
            and release.newer_than(older)
        ):
            supersede(draft, older, by=release.number, why=f"the tag {release.tag} was pushed again, as {release.id}")
    arrive(draft, release, draft.application.environments[0])
