"""Trails for tests of the audit index: records that look like those of real releases, without the flow behind them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from slipway.domain.actions import Action
from slipway.domain.audit import AuditDraft, AuditRecord
from slipway.domain.model import sha256
from slipway.testing.chains import signed_chain

START = datetime(2026, 9, 28, 8, 0, tzinfo=UTC)
ADA, BEN = "ada@example.com", "ben@example.com"

STORY: tuple[tuple[Action, str, str | None], ...] = (
    (Action.RELEASE_CREATED, "pipeline:Shop build/main", None),
    (Action.PLAN_MADE, "slipway", "staging"),
    (Action.ROLLOUT_APPLIED, "slipway", "staging"),
    (Action.RELEASE_LIVE, "slipway", "staging"),
    (Action.PLAN_MADE, "slipway", "production"),
    (Action.GATE_OPENED, "slipway", "production"),
    (Action.VOTE_APPROVED, ADA, "production"),
    (Action.GATE_PASSED, "slipway", "production"),
    (Action.ROLLOUT_APPLIED, "slipway", "production"),
    (Action.RELEASE_LIVE, "slipway", "production"),
)
REJECTED: tuple[tuple[Action, str, str | None], ...] = (
    *STORY[:6],
    (Action.VOTE_REJECTED, BEN, "production"),
    (Action.RELEASE_REJECTED, BEN, "production"),
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
                action=action,
                actor=actor,
                release=number,
                environment=environment,
                digest=digest_of(application, number),
                details={"place": place},
            )
            time = start + every * number + step * place
            (record,) = signed_chain([draft], application=application, time=time, sequence=sequence, previous=previous)
            sequence, previous = record.sequence, record.hash
            yield record
