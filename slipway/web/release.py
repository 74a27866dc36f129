"""A release's page: its status and why, its progress along the chain, its evidence, and its full history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ..domain.audit import AuditRecord, Damaged
from ..domain.bundle import ends_before, reachable_environments
from ..domain.errors import NotFound
from ..domain.explain import rules_in_the_way
from ..domain.plan import Plan
from ..domain.release import Release
from ..domain.rules import Rule
from ..domain.spans import spans
from ..ledger import LedgerUnavailable
from ..queries.reading import Reader
from ..text import duration
from . import words
from .answer import ASK_FIRST, Answer, cacheable, document
from .chain import stops
from .changes import changes_view, whole_text
from .deciding import decision_address, objections
from .evidence import evidence_views
from .signin import Visitor
from .templating import render
from .timeline import SIMULTANEOUS_WITHIN, timeline

RECORDS = 100
"""Records of the trail on one page."""


def _to_do(release: Release) -> str:
    """Label of the button that leads to the operator's actions; empty if there are none."""
    if not release.phase.final:
        return "Cancel, override or waive"
    if release.phase.retryable:
        return "Try again or roll back" if release.phase.ended_in_failure else "Send it out again"
    return "Roll back to it" if any(rollout.outcome == "live" for rollout in release.rollouts) else ""


def show_release(reader: Reader, release_id: str, *, visitor: Visitor, after: int = 0, follow: bool = False) -> Answer:
    """The page, with the records after a given sequence; `follow` makes the browser ask again until the release has
    ended. Raises `NotFound`, `LedgerUnavailable`."""
    release, now = reader.release(release_id), reader.clock()
    entry = reader.catalogue.get(release.application)
    environments = tuple(reachable_environments(entry.application, release.bundle)) if entry else ()
    end = ends_before(entry.application, release.bundle) if entry else None
    records = list(
        islice(reader.verified(release.application, after=after, release=release, limit=RECORDS + 1), RECORDS + 1)
    )
    shown, more = records[:RECORDS], len(records) > RECORDS
    plan, missing = readable_plan(reader, release.plan_hash)
    gate, state = reader.gate_of(release, release.environment or ""), reader.under_way(release)
    follow = follow and not release.phase.final
    explanation = reader.explain(release) if entry else None
    open_rules = rules_in_the_way(explanation, release.environment or "") if explanation else ()
    page = render(
        "release.html",
        release=release,
        to_do=_to_do(release),
        drift=[(name, words.drift_badge(each), each) for name, each in reader.drift_of(release).items()],
        decide=decision_address(release, gate, visitor) if gate else "",
        ask=words.LOOK if any(rule.rule is Rule.PLAN_IS_CURRENT for rule in open_rules) else words.DECIDE,
        objections=tuple(objections(release, environments, visitor)),
        explanation=explanation,
        progress=state.progress if state else None,
        ends_before=end.name if end else "",
        stops=stops(release, tuple(e.name for e in environments), now),
        entries=timeline(shown),
        steps=() if after or more else _steps_taken(shown, now),  # computed from the whole history
        after=after,
        next_after=shown[-1].sequence if more else None,
        plan=plan,
        plan_missing=missing,
        changes=changes_view(reader.preview(release, release.plan_hash)) if plan else None,
        evidence=evidence_views((*release.jobs_done, *release.evidence, *release.failures), reader.evidence),
        now=now,
        reader=visitor,
        follow=follow,
    )
    return cacheable(page, follow=follow)


def plan_changes(reader: Reader, release_id: str) -> Answer:
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


def _steps_taken(records: Sequence[AuditRecord | Damaged], now: datetime) -> tuple[StepView, ...]:
    stages = list(spans(record for record in records if isinstance(record, AuditRecord)))
    stages = [stage for stage in stages if stage.ended is None or stage.length(now) >= SIMULTANEOUS_WITHIN]
    longest = max([stage.length(now) for stage in stages], default=SIMULTANEOUS_WITHIN) or SIMULTANEOUS_WITHIN
    return tuple(
        StepView(
            word=stage.stage.phase.word,
            waits=stage.stage.waits,
            environment=stage.environment,
            took=duration(stage.length(now)),
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
