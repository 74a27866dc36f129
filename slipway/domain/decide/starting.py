"""From triggers to releases: a push, a CI run, or both, matched by digest or tag. `runs.py` handles the runs."""

from datetime import datetime

from ..actions import Action
from ..application import SourceKind
from ..bundle import ends_before
from ..events import ImagePushed
from ..release import Phase, Push, Release
from ..rules import Rule, RuleResult
from ..runs import Run
from ..steps import StepKind
from .conditions import newer_in_lane, triggers_missing, version_rule
from .lanes import arrive, begin_step, end_release, supersede
from .state import Draft


def image_pushed(draft: Draft, event: ImagePushed) -> None:
    earlier = draft.by_digest(event.digest)
    if earlier is not None and not goes_out_again(draft, earlier, event.pushed_at):
        _pushed_again(draft, earlier, event)
        return
    if _ignored(draft, event, earlier):
        return
    push = Push(at=event.pushed_at, actor=event.actor)
    joining = draft.by_tag(event.tag)
    if joining is not None and joining.phase is Phase.JOINING and joining.digest is None and joining.push is None:
        release = draft.put(joining, digest=event.digest, push=push, dated_at=event.pushed_at)
        draft.record(Action.RELEASE_JOINED, release, fact="image", tag=event.tag, actor=event.actor or "registry")
    else:
        release = new_release(
            draft, event.tag, event.pushed_at, digest=event.digest, push=push, actor=event.actor or "registry"
        )
    draft.digests[event.digest] = release.number
    name_by_tag(draft, event.tag, release)
    start_when_complete(draft, release)


def goes_out_again(draft: Draft, known: Release, at: datetime) -> bool:
    """Whether an image that has had a release, and was pushed or built again at this time, gets another one.

    It does after a revert, when its tag was moved back to it, and when its release ended before it was live everywhere.
    It does not if its release is still the newest under way, if that release runs everywhere, or if this event only
    repeats, late, what that release began with.
    """
    waits_for_its_push = known.phase is Phase.JOINING and known.push is None
    if at <= known.dated_at or waits_for_its_push:
        return False
    newer = [
        release
        for release in draft.releases.values()
        if not release.phase.final and release.digest != known.digest and known.dated_at < release.dated_at < at
    ]
    if newer:
        return True
    return known.phase.final and at > known.ended_at and not _runs_everywhere(draft, known)


def no_higher_version_rule(draft: Draft, tag: str) -> RuleResult:
    """Whether no higher version of the tag's line is live or on its way."""
    higher = draft.snapshot.higher_tags
    active = {
        release.tag: f"is on its way as {release.id}"
        for release in draft.releases.values()
        if release.tag in higher and not release.phase.final and release.rollback is None
    }
    live = {
        lane.live.tag: f"is live in {name}"
        for name, lane in draft.lanes.items()
        if lane.live is not None and lane.live.tag in higher and draft.application.environment(name) is not None
    }
    return version_rule(tag, active | live)


def rejection_rule(known: Release | None) -> RuleResult | None:
    """The broken rule if somebody rejected the image's release; None otherwise."""
    if known is None or known.phase is not Phase.REJECTED:
        return None
    why = f"{known.id} with this image was rejected: {known.reason}; a person can send it out again"
    return Rule.WAS_NOT_REJECTED.fails(why[:2000])


def _runs_everywhere(draft: Draft, release: Release) -> bool:
    last = ends_before(draft.application, release.bundle)
    for environment in draft.application.environments:
        if environment is last:
            break
        live = draft.lane(environment.name).live
        if live is None or live.digest != release.digest:
            return False
    return True


def _ignored(draft: Draft, event: ImagePushed, known: Release | None = None) -> bool:
    """Whether the push may not start a release: because of its tag, its kind of artifact, its version, or a rejection.
    The reason is recorded."""
    rule: RuleResult | None = draft.tag_rule(event.tag)
    if (rule is None or rule.passed) and event.no_image:
        rule = Rule.IS_AN_IMAGE.fails(event.no_image)
    if rule is None or rule.passed:
        rule = rejection_rule(known)
    if rule is None and not (lower := no_higher_version_rule(draft, event.tag)).passed:
        rule = lower
    if rule is None:
        return False
    draft.rules = (rule,)
    draft.record(
        Action.IMAGE_IGNORED,
        actor=event.actor or "registry",
        tag=event.tag,
        pushed=event.digest,
        rule=rule.name,
        reason=rule.reason,
    )
    return True


def name_by_tag(draft: Draft, tag: str, release: Release) -> None:
    """Point the tag at this release, unless it points at a newer one already: pushes may arrive in any order."""
    holder = draft.by_tag(tag)
    if holder is None or not holder.newer_than(release):
        draft.tags[tag] = release.number


def _pushed_again(draft: Draft, known: Release, event: ImagePushed) -> None:
    """Handle a push of a known digest: the missing trigger of its release, or one more tag for it, or a repeat."""
    if known.phase is Phase.JOINING and known.push is None:
        if _ignored(draft, event):
            return
        push = Push(at=event.pushed_at, actor=event.actor)
        release = draft.put(known, push=push, dated_at=event.pushed_at, tag=event.tag)
        draft.record(Action.RELEASE_JOINED, release, fact="image", tag=event.tag, actor=event.actor or "registry")
        draft.tags[event.tag] = release.number
        start_when_complete(draft, release)
    elif event.tag != known.tag and draft.snapshot.tags.get(event.tag) != known.number:
        draft.record(Action.IMAGE_TAGGED, known, tag=event.tag, actor=event.actor or "registry")
        draft.tags[event.tag] = known.number


def new_release(
    draft: Draft,
    tag: str,
    dated_at: datetime,
    *,
    actor: str,
    digest: str | None = None,
    push: Push | None = None,
    run: Run | None = None,
) -> Release:
    pushed = draft.application.pushed
    release = draft.create(
        Release(
            application=draft.application.application,
            number=draft.head.next_release,
            phase=Phase.JOINING,
            registry=pushed.registry,
            repository=pushed.repository,
            tag=tag,
            digest=digest,
            dated_at=dated_at,
            created_at=draft.now,
            changed_at=draft.now,
            push=push,
            run=run,
        )
    )
    run_fields = run.recorded if run else {}
    draft.record(
        Action.RELEASE_CREATED, release, actor=actor, tag=tag, start=str(draft.application.start), **run_fields
    )
    return release


def start_when_complete(draft: Draft, release: Release) -> None:
    if triggers_missing(release, draft.application.start):
        first = draft.application.environments[0]
        if newer := newer_in_lane(release, draft.lane(first.name), draft.releases):
            supersede(draft, release, by=newer.number, why=newer.why)  # judged as if its other trigger had come
        elif release.due is None:
            release = draft.put(release, due=draft.now + draft.application.join_within)
            draft.send_deadline(release)
        return
    resolve_or_begin(draft, release)


def resolve_or_begin(draft: Draft, release: Release) -> None:
    """Bring the release into the first environment, once its digest and its bundle's description are known."""
    is_unread = draft.application.source is SourceKind.BUNDLE and release.bundle is None
    if release.digest is None or is_unread:
        release = draft.enter(release, Phase.RESOLVING)
        draft.record(Action.RESOLVE_REQUESTED, release, tag=release.tag)
        begin_step(draft, release, StepKind.RESOLVE)
        return
    begin_release(draft, release)


def begin_release(draft: Draft, release: Release) -> None:
    """All triggers have arrived: bring the release into the first environment."""
    last = ends_before(draft.application, release.bundle)
    draft.record(
        Action.RELEASE_STARTED,
        release,
        tag=release.tag,
        commit=release.run.commit if release.run else None,
        ends_before=last.name if last else None,
    )
    first = draft.application.environments[0]
    if last is first:
        end_release(draft, release, Phase.FAILED, f"its bundle has no folder for {first.name}, the first environment")
        return
    for number in draft.head.active:
        older = draft.release(number)
        if older is None or not release.newer_than(older):
            continue
        if _replaces(release, older):
            how = "was started" if release.manual_start else "was pushed"
            supersede(draft, older, by=release.number, why=f"the tag {release.tag} {how} again, as {release.id}")
        elif older.phase is Phase.JOINING:
            supersede(draft, older, by=release.number, why=f"the newer {release.id} began while it waited")
    arrive(draft, release, first)


def _replaces(release: Release, older: Release) -> bool:
    """Whether the older release has the same tag, which now names another image, and has not begun to roll out.

    Approving the older one would deploy an image that its tag no longer names. A manual rollback is exempt: it is
    meant for the image that was live, whatever its tag names now.
    """
    same_tag = older.tag == release.tag and older.rollback is None
    return same_tag and not older.phase.holds_lane
