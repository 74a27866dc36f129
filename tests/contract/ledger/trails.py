"""Trails for tests of the audit index: records that look like those of real releases, without the flow behind them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from slipway.domain.actions import Action
from slipway.domain.audit import AuditDraft, AuditRecord, chained
from slipway.domain.model import sha256

START = datetime(2026, 9, 28, 8, 0, tzinfo=UTC)
ADA, BEN = "ada@example.com", "ben@example.com"

STORY: tuple[tuple[str, str, str | None], ...] = (
    ("release.created", "pipeline:Shop build/main", None),
    ("plan.made", "slipway", "staging"),
    ("rollout.applied", "slipway", "staging"),
    ("release.live", "slipway", "staging"),
    ("plan.made", "slipway", "production"),
    ("gate.opened", "slipway", "production"),
    ("vote.approved", ADA, "production"),
    ("gate.passed", "slipway", "production"),
    ("rollout.applied", "slipway", "production"),
    ("release.live", "slipway", "production"),
)
REJECTED: tuple[tuple[str, str, str | None], ...] = (
    *STORY[:6],
    ("vote.rejected", BEN, "production"),
    ("release.rejected", BEN, "production"),
)


def digest_of(application: str, release: int) -> str:
    return sha256(f"{application} {release}".encode())


def trail(
    application: str,
    releases: int,
    *,
    start: datetime = START,
    every: timedelta = timedelta(hours=7),
    step: timedelta = timedelta(seconds=20),
) -> Iterator[AuditRecord]:
    """The chain of an application, release after release; each third is rejected."""
    sequence, previous = 0, ""
    for number in range(1, releases + 1):
        story = REJECTED if number % 3 == 0 else STORY
        for place, (action, actor, environment) in enumerate(story):
            draft = AuditDraft(
                action=Action(action),
                actor=actor,
                release=number,
                environment=environment,
                digest=digest_of(application, number),
                details={"place": place},
            )
            time = start + every * number + step * place
            (record,) = chained([draft], application=application, time=time, sequence=sequence, previous=previous)
            sequence, previous = record.sequence, record.hash
            yield record
