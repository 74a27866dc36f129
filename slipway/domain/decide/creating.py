"""Create: a person starts a release of an artifact that an earlier release delivered, with the manifests now in force.
The artifact may also be one that was pushed but never delivered, for example before the application was applied.

The artifact of an earlier release and the facts proved about it stay the same; everything else is decided again, from
the first environment on. For an image that was only pushed, nothing is proved until its CI run reports. The person who
starts the release counts among those who asked for it, so they may not approve it, just as the person who asked for the
CI run may not.
"""

from ..actions import Action
from ..application import Application, SourceKind
from ..events import CommandGiven, PushedArtifact
from ..release import ManualStart, Phase, Release
from ..rules import Rule, RuleResult
from .commands import accepted, common_details, named_release, reason_rule
from .starting import begin_release, name_by_tag, resolve_or_begin
from .state import Draft


def create_rules(application: Application, source: Release) -> tuple[RuleResult, ...]:
    """The rules for starting a release of this release's artifact; pages show them before anybody tries."""
    is_read = application.source is SourceKind.IMAGE or source.bundle is not None
    pushed = application.pushed
    is_ours = (source.registry, source.repository) == (pushed.registry, pushed.repository)
    rejected = source.phase is Phase.REJECTED
    again = f"; `slipway retry {source.id}` sends it out again, and shows the rejection to its voters"
    return (
        Rule.HAS_ENDED.judged(
            source.phase.final,
            f"{source.id} is {source.phase.spoken}"
            + (
                ""
                if source.phase.final
                else ": the documents now in force will be part of its next plan; no other release is needed"
            ),
        ),
        Rule.DIGEST_IS_KNOWN.judged(
            source.digest is not None and is_read, f"{source.id} has {source.digest or 'no digest'}"
        ),
        Rule.WAS_NOT_REJECTED.judged(
            not rejected, f"{source.id} was rejected: {source.reason}{again}"[:2000] if rejected else "nobody did"
        ),
        Rule.IS_OF_THIS_APPLICATION.judged(
            is_ours,
            f"{source.id} is from {source.repository} in {source.registry}, and "
            f"{pushed.repository} in {pushed.registry} is delivered now",
        ),
    )


def create_release(draft: Draft, event: CommandGiven) -> None:
    if event.artifact is not None and draft.by_digest(event.artifact.digest) is None:
        _create_first(draft, event, event.artifact)
        return
    source = draft.by_digest(event.artifact.digest) if event.artifact else named_release(draft, event)
    if source is None or not accepted(
        draft, event, (*create_rules(draft.application, source), *reason_rule(event)), source
    ):
        return
    manual_start = ManualStart(by=event.actor, name=event.name, of=source.number, reason=event.reason)
    release = draft.create(draft.release_like(source).evolve(bundle=source.bundle, manual_start=manual_start))
    _record(draft, event, release, of=source.id)
    begin_release(draft, release)


def _create_first(draft: Draft, event: CommandGiven, artifact: PushedArtifact) -> None:
    """A release of an artifact that no release has delivered. It does not wait for the other triggers that the
    application requires after a push."""
    is_image = Rule.IS_AN_IMAGE.judged(not artifact.no_image, artifact.no_image or "the registry has it as one")
    if not accepted(draft, event, (draft.snapshot.tag_rules[artifact.tag], is_image, *reason_rule(event))):
        return
    pushed = draft.application.pushed
    release = draft.create(
        Release(
            application=event.application,
            number=draft.head.next_release,
            phase=Phase.JOINING,
            registry=pushed.registry,
            repository=pushed.repository,
            tag=artifact.tag,
            digest=artifact.digest,
            dated_at=draft.now,
            created_at=draft.now,
            changed_at=draft.now,
            manual_start=ManualStart(by=event.actor, name=event.name, reason=event.reason),
        )
    )
    _record(draft, event, release)
    resolve_or_begin(draft, release)


def _record(draft: Draft, event: CommandGiven, release: Release, *, of: str | None = None) -> None:
    draft.record(
        Action.RELEASE_CREATED,
        release,
        actor=event.actor,
        tag=release.tag,
        start="automation" if event.automated else "person",
        of=of,
        reason=event.reason or None,
        **(release.run.recorded if release.run else {}),
        **common_details(draft, event),
    )
    draft.digests[str(release.digest)] = release.number
    name_by_tag(draft, release.tag, release)
