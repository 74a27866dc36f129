"""The approvers of the live release in an environment, and their evidence: one answer per application."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..catalogue.entries import Entry
from ..domain.actions import Action, GateMeaning, Intervention
from ..domain.audit import AuditRecord
from ..domain.audit_query import PAGE_LIMIT, AuditQuery
from ..domain.model import release_id
from ..domain.release import Live, VoteDecision
from ..domain.reports import Approval, LiveInEnvironment, NotShown, Override
from .reading import Reader
from .trail import Trail


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Combines an application's lane and release with their audit records."""

    reader: Reader
    trail: Trail

    def live(
        self, environment: str, *, application: str | None = None, after: str = ""
    ) -> Iterator[LiveInEnvironment | NotShown]:
        """The live releases of an environment by application name, those after `after`. Raises `LedgerUnavailable`."""

        def live_in(entry: Entry) -> LiveInEnvironment | None:
            name = entry.application.application
            lane = self.reader.ledger.lanes(name).get(environment) if application in (None, name) else None
            return (
                self._live_in_environment(name, environment, lane.live)
                if lane is not None and lane.live is not None
                else None
            )

        return (one for one in self.reader.read_each_application(live_in, after=after) if one is not None)

    def _live_in_environment(self, application: str, environment: str, live: Live) -> LiveInEnvironment:
        release = self.reader.release(release_id(application, live.release))
        query = AuditQuery(release=release.id, environment=environment)
        newest = self.trail.page(query, limit=PAGE_LIMIT).records
        records = tuple(record for record in newest if isinstance(record, AuditRecord))
        plan_records = [
            record for record in records if record.details.get("plan_hash", live.plan_hash) == live.plan_hash
        ]
        gate_passed = next((record for record in plan_records if record.known_action is Action.GATE_PASSED), None)
        rollout = next((rollout for rollout in reversed(release.rollouts) if rollout.environment == environment), None)
        return LiveInEnvironment(
            application=application,
            environment=environment,
            release=release.id,
            tag=live.tag,
            digest=live.digest,
            plan_hash=live.plan_hash,
            since=live.at,
            approvals=tuple(_approvals(plan_records)),
            gate=f"{gate_passed.action} #{gate_passed.sequence}" if gate_passed else "",
            brought_back=next((_override(record) for record in records if _orders_a_rollback(record)), None),
            overrides=tuple(_overrides(records)),
            evidence=tuple(item for past_rollout in release.rollouts for item in past_rollout.evidence),
            supply_chain=rollout.supply_chain if rollout else (),
            run=release.run.url if release.run else "",
            commit=release.run.commit if release.run else "",
        )


def _approvals(records: list[AuditRecord]) -> Iterator[Approval]:
    """Each person's last approval of the plan that was not withdrawn, oldest first."""
    last: dict[str, tuple[AuditRecord, VoteDecision]] = {}
    for record in reversed(records):
        action = record.known_action
        if action is not None and action.vote is not None:  # a refused vote does not replace the one before
            last[record.attribution.spoken] = record, action.vote
    for who, (record, vote) in last.items():
        if vote is VoteDecision.APPROVE:
            yield Approval(
                actor=who,
                name=record.attribution.name,
                at=record.time,
                reason=_text(record.details.get("reason")),
                channel=_text(record.details.get("channel")),
                sequence=record.sequence,
            )


def _overrides(records: tuple[AuditRecord, ...]) -> Iterator[Override]:
    for record in records:
        action = record.known_action
        if action is not None and action.intervention in (Intervention.OVERRIDE, Intervention.WAIVER):
            yield _override(record)


def _orders_a_rollback(record: AuditRecord) -> bool:
    return record.known_action is not None and record.known_action.of_gate is GateMeaning.ROLLBACK_ORDERED


def _override(record: AuditRecord) -> Override:
    return Override(
        actor=record.actor,
        name=record.attribution.name,
        at=record.time,
        action=record.action,
        reason=_text(record.details.get("reason")),
        sequence=record.sequence,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
