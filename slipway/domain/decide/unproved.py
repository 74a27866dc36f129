"""Runs that are not proved, that did not build the artifact that a message names, or whose reports contradict each
other."""

from ..actions import Action
from ..events import PipelineCompleted
from ..release import Phase, Release
from ..rules import Rule
from ..runs import PEOPLE_LIMIT, Fact, Involvement, Run, Trust
from .lanes import end_release
from .state import Draft


def refuse_run(draft: Draft, known: Release | None, event: PipelineCompleted, actor: str) -> None:
    """The run is genuine, but did not build the image that a message names. The image's own release stays as it is;
    otherwise any sender of such a message could stop it."""
    rule = Rule.BUILT_BY_RUN.fails(event.refused)
    draft.rules = (*(other for other in draft.rules if other.rule is not Rule.BUILT_BY_RUN), rule)
    draft.record(
        Action.RUN_REFUSED,
        known,
        actor=actor,
        run=event.run.number,
        url=event.run.url,
        image=event.digest,
        rule=rule.name,
        reason=rule.reason,
    )


def keep_claim(
    draft: Draft, release: Release | None, event: PipelineCompleted, actor: str, rule: Rule, *, also: str = ""
) -> None:
    """Keep the claim, so that people see why the release waits. It neither starts nor stops a release."""
    run = event.run
    fact = run.proof if rule is Rule.RUN_IS_PROVED else run.built
    before = release.run if release is not None else None
    if before is not None and (before.proof.stands or before == run):
        return
    if release is not None and release.phase.final:
        release = None
    if release is not None:
        release = draft.put(release, run=run)
    draft.record(
        Action.RUN_NOT_PROVED,
        release,
        actor=actor,
        run=run.number,
        url=run.url,
        rule=str(rule),
        reason=f"{fact.why}{also}",
        **(run.recorded if release else {}),
    )


def contradiction(draft: Draft, run: Run) -> str:
    """How the run's report contradicts itself or an earlier report of the same run; empty if it does not."""
    if run.built.trust is Trust.CONTRADICTED:
        return run.built.why
    return next((why for release in _built_by(draft, run) if (why := _difference(release.run, run))), "")


def _built_by(draft: Draft, run: Run) -> tuple[Release, ...]:
    """The loaded releases that this very run built."""
    return tuple(r for r in draft.releases.values() if r.run is not None and r.run.same_as(run))


def _difference(before: Run | None, now: Run) -> str:
    if before is None or not (before.succeeded and now.succeeded):
        return ""  # a run that failed is run again, under the same id
    if before.document and now.document and before.document != now.document:
        return f"run {now.number} published something else when it was asked before"
    if before.proof.trust is Trust.CLAIMED and now.proof.trust is Trust.CLAIMED:
        for name, one, other in _claims(before, now):
            if one and other and one.casefold() != other.casefold():
                return f"two reports of run {now.number} name another {name}: {one} and {other}"
    return ""


def _claims(one: Run, other: Run) -> tuple[tuple[str, str, str], ...]:
    """The claims that two reports of one run must agree on, if both make them."""
    requesters = (
        ", ".join(person.shown for person in run.people_with_part(Involvement.REQUESTER)) for run in (one, other)
    )
    return (
        ("commit", one.commit, other.commit),
        ("branch", one.branch, other.branch),
        ("requester", next(requesters), next(requesters)),
    )


def record_contradiction(draft: Draft, event: PipelineCompleted, actor: str, why: str) -> None:
    """Stop every release that the run is known to have built, or that its report names."""
    run = event.run
    of_digest = draft.by_digest(event.digest)
    stopped = {release.number: release for release in (*_built_by(draft, run), *((of_digest,) if of_digest else ()))}
    if not stopped:
        draft.record(Action.RUN_CONTRADICTED, actor=actor, run=run.number, url=run.url, reason=why)
    for release in stopped.values():
        _stop(draft, release, run, actor, why)


def _stop(draft: Draft, release: Release, run: Run, actor: str, why: str) -> None:
    if release.run is not None and release.run.built.trust is Trust.CONTRADICTED:
        return
    before = release.run or run
    everybody = tuple(dict.fromkeys((*before.people, *run.people)))[:PEOPLE_LIMIT]
    contradicted = before.evolve(built=Fact(trust=Trust.CONTRADICTED, why=why), people=everybody)
    release = draft.put(release, run=contradicted)
    details = contradicted.recorded
    draft.record(Action.RUN_CONTRADICTED, release, actor=actor, run=run.number, url=run.url, reason=why, **details)
    if Phase.CANCELLED in release.phase.followers and not release.phase.has_begun:
        end_release(draft, release, Phase.CANCELLED, f"reports of its CI run contradict each other: {why}")
