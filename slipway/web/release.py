"""A release's page: its status and why, its progress along the chain, its evidence, and its full history."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from ..domain.audit import AuditRecord, Damaged
from ..domain.bundle import ends_before, reached
from ..domain.drift import Drift
from ..domain.environment import Environment
from ..domain.errors import NotFound
from ..domain.explain import Explanation
from ..domain.gate import ApprovalGate
from ..domain.plan import Plan, Preview
from ..domain.promotion import PromotionProgress
from ..domain.release import Release
from ..domain.spans import spans
from ..ledger import LedgerUnavailable
from ..queries.reading import Reader
from . import times, words
from .answer import ASK_FIRST, Answer, document, kept
from .chain import stops
from .changes import changes_view, whole_text
from .deciding import decision_address, objections
from .evidence import ReadDocument, evidence_views
from .signin import Visitor
from .templating import render
from .timeline import TELLING, timeline

RECORDS = 100
"""Records of the trail on one page."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """Everything the page is rendered from."""

    release: Release
    environments: tuple[Environment, ...]
    explanation: Explanation | None
    """None if this installation no longer delivers the application."""
    records: tuple[AuditRecord | Damaged, ...]
    after: int
    """The records start after this sequence; 0 means from the beginning."""
    more: bool
    plan: Plan | None
    preview: Preview = field(default_factory=Preview)
    plan_missing: str = ""
    """Why the plan cannot be shown."""
    gate: ApprovalGate | None = None
    """The gate at which the release waits."""
    ends_before: str = ""
    """The environment that the release does not reach, as its bundle has no folder for it."""
    drift: Mapping[str, Drift] = field(default_factory=dict)
    """By environment, how the cluster differs from this release, which is live there."""
    progress: PromotionProgress | None = None
    """Progress of the promotion under way, if there is one."""
    follow: bool = False
    """Whether the reader wants the page to be asked for again until the release has ended."""


def release_page(story: Story, read: ReadDocument, *, now: datetime, visitor: Visitor) -> str:
    release = story.release
    return render(
        "release.html",
        release=release,
        sign=words.phase(release.phase),
        to_do=_to_do(release),
        drift=[(name, words.drift(each), each) for name, each in story.drift.items()],
        decide=decision_address(release, story.gate, visitor) if story.gate else "",
        objections=tuple(objections(release, story.environments, visitor)),
        explanation=story.explanation,
        progress=story.progress,
        ends_before=story.ends_before,
        stops=stops(release, tuple(e.name for e in story.environments), now),
        moments=timeline(story.records),
        steps=steps_taken(story, now),
        after=story.after,
        next_after=story.records[-1].sequence if story.more else None,
        plan=story.plan,
        plan_missing=story.plan_missing,
        changes=changes_view(story.preview) if story.plan else None,
        evidence=evidence_views((*release.jobs_done, *release.evidence, *release.failures), read),
        now=now,
        reader=visitor,
        follow=story.follow,
    )


def _to_do(release: Release) -> str:
    """Label of the button that leads to the operator's actions; empty if there are none."""
    if not release.phase.final:
        return "Cancel, override or waive"
    if release.phase.retryable:
        return "Try again or roll back" if release.phase.ended_in_failure else "Send it out again"
    return "Roll back to it" if any(rollout.outcome == "live" for rollout in release.rollouts) else ""


def show(reader: Reader, release_id: str, *, visitor: Visitor, after: int = 0, follow: bool = False) -> Answer:
    """Raises `NotFound`, `LedgerUnavailable`."""
    release = reader.release(release_id)
    entry = reader.catalogue.get(release.application)
    records = list(
        islice(reader.verified(release.application, after=after, release=release, limit=RECORDS + 1), RECORDS + 1)
    )
    plan, missing = readable_plan(reader, release.plan_hash)
    end = ends_before(entry.application, release.bundle) if entry else None
    story = Story(
        release=release,
        environments=tuple(reached(entry.application, release.bundle)) if entry else (),
        ends_before=end.name if end else "",
        explanation=reader.explain(release) if entry else None,
        records=tuple(records[:RECORDS]),
        after=after,
        more=len(records) > RECORDS,
        plan=plan,
        preview=reader.preview(release, release.plan_hash),
        plan_missing=missing,
        progress=state.progress if (state := reader.under_way(release)) else None,
        gate=reader.gate_of(release, release.environment or ""),
        drift=reader.drift_of(release),
        follow=follow and not release.phase.final,
    )
    page = release_page(story, reader.evidence, now=reader.clock(), visitor=visitor)
    return kept(page, follow=story.follow)


def changes(reader: Reader, release_id: str) -> Answer:
    """The full diffs of a release's plan, as a text file. Raises `NotFound`, `LedgerUnavailable`."""
    release = reader.release(release_id)
    plan, missing = readable_plan(reader, release.plan_hash)
    if plan is None:
        raise NotFound(missing or f"{release.id} has no plan")
    name = f"{release.id}-{plan.environment}-changes.txt"
    return document(
        whole_text(plan, reader.preview(release, release.plan_hash)).encode(), name=name, download=True, cache=ASK_FIRST
    )


@dataclass(frozen=True, kw_only=True)
class StepView:
    """One step of the release: what was happening, in which environment, and for how long."""

    word: str
    waits: bool
    environment: str
    took: str
    lasts: bool
    share: int
    """Percentage of the longest step."""


def steps_taken(story: Story, now: datetime) -> tuple[StepView, ...]:
    """Computed from the records on the page, so only when the page holds the whole history."""
    if story.after or story.more:
        return ()
    stages = list(spans(record for record in story.records if isinstance(record, AuditRecord)))
    stages = [stage for stage in stages if stage.ended is None or stage.length(now) >= TELLING]
    longest = max([stage.length(now) for stage in stages], default=TELLING) or TELLING
    return tuple(
        StepView(
            word=words.STAGES[stage.stage],
            waits=stage.stage.waits,
            environment=stage.environment,
            took=times.duration(stage.length(now)),
            lasts=stage.ended is None,
            share=max(round(100 * (stage.length(now) / longest)), 1),
        )
        for stage in stages
    )


def readable_plan(reader: Reader, plan_hash: str | None) -> tuple[Plan | None, str]:
    """The plan, or why it cannot be shown."""
    if plan_hash is None:
        return None, ""
    try:
        return reader.plan(plan_hash), ""
    except NotFound:
        return None, "The plan's document is no longer kept."
    except LedgerUnavailable:
        return None, "The plan's document cannot be read right now."
    except ValueError:
        return None, "The plan's document was changed after it was written, so it is not shown."
