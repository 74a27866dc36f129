"""The signed records of a trail as proof about a release: the worker derives the gate from them again before it opens
anything.

State rows are caches, so a row that says "approved" counts for nothing here. Only the records count, and their votes
are counted by the same rules as at the gate. Pure: the caller has verified chain and signatures.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, assert_never

from ..text import exact_moment
from .actions import Action, GateMeaning
from .application import Start
from .audit import AuditRecord
from .decide.conditions import digest_text
from .decide.quorum import approvals_rules, one_approval_each
from .environment import Environment
from .gate import ApprovalGate, AutoGate, Level, Share
from .model import release_id
from .people import SignedIn
from .release import Release, Vote, VoteDecision
from .rules import Rule, RuleResult, not_passed
from .runs import RECORDED_OF_RUN
from .waivers import Waiver


def on_record(records: Iterable[AuditRecord], release: Release, environment: Environment, now: datetime) -> RuleResult:
    """Whether the records prove that the release may be rolled out with its current plan at `now`.

    `records` are all records of the application's chain from the release's first one to the end of the chain.
    """
    records = tuple(records)
    if release.rollback is None and (why := _not_as_begun(records, release)):
        return Rule.ON_RECORD.fails(why)
    trail = _trail(records, release, environment)
    if why := _not_waived(trail, release.waivers_in(environment.name)):
        return Rule.ON_RECORD.fails(why)
    if release.rollback is not None:
        return _rollback_on_record(trail, _id(release, release.rollback.to))
    gate = environment.gate
    match gate:
        case ApprovalGate():
            return _approved(trail, release, gate, now)
        case AutoGate():
            return _let_through(trail, release, conditions=bool(gate.tests_passed or environment.soak))


def rests_on(records: Iterable[AuditRecord], release: Release, environment: Environment) -> tuple[AuditRecord, ...]:
    """The proved records on which `on_record` rests: the votes that opened the gate, or the order to roll back, and the
    waivers."""
    trail = _trail(records, release, environment)
    waivers = (trail.waived.get((str(waiver.rule), waiver.by)) for waiver in release.waivers_in(environment.name))
    statements = (trail.rollback_ordered,) if release.rollback is not None else tuple(trail.votes.values())
    return tuple(record for record in (*statements, *waivers) if record is not None and record.proof is not None)


def _trail(records: Iterable[AuditRecord], release: Release, environment: Environment) -> "_Trail":
    trail = _Trail(plan_hash=release.plan_hash)
    for record in records:
        if record.known_action is Action.LEDGER_RESET:
            trail = _Trail(plan_hash=release.plan_hash, ended=record)
        elif record.release == release.id and record.environment == environment.name:
            trail.feed(record)
    return trail


def _not_as_begun(records: Iterable[AuditRecord], release: Release) -> str:
    """How the release's row differs from the records about the people behind it, who may not vote; empty if it does
    not. The signed head names no row of an ended release, and a release is sent out again after it has ended."""
    own = [record for record in records if record.release == release.id]
    created = next((record for record in own if record.known_action is Action.RELEASE_CREATED), None)
    recorded = next((record.details for record in reversed(own) if "known" in record.details), {})
    sent = next((record.actor for record in reversed(own) if record.known_action is Action.RELEASE_RETRIED), "")
    run = release.run.recorded if release.run else {}
    if any(recorded.get(name) != run.get(name) for name in RECORDED_OF_RUN):
        return f"the CI run that built {release.id} is not the one on record"
    by = created.actor if created is not None and created.details.get("start") not in set(Start) else None
    if created is None or (release.manual_start.by if release.manual_start else None) != by:
        return f"who started {release.id} is not whom the records name"
    return "" if release.sent_by == sent else f"who sent {release.id} out again is not whom the records name"


def _not_waived(trail: "_Trail", waivers: tuple[Waiver, ...]) -> str:
    """Why a waiver in the release's row does not count; empty if each waiver is on record, with a proof."""
    for waiver in waivers:
        record = trail.waived.get((str(waiver.rule), waiver.by))
        if record is None or record.proof != waiver.proof:
            return f"no record says that {waiver.by} waived {waiver.rule}"
    return ""


def _rollback_on_record(trail: "_Trail", to: str) -> RuleResult:
    """A rollback waits for no gate; it counts because of its author's proof."""
    order = trail.rollback_ordered
    if order is None or order.details.get("to") != to:
        return Rule.ON_RECORD.fails(f"no order to roll back to {to} is on record")
    return Rule.ON_RECORD.judged(order.proof is not None, f"record {order.sequence} has the order to roll back to {to}")


def _approved(trail: "_Trail", release: Release, gate: ApprovalGate, now: datetime) -> RuleResult:
    """The gate asks for as many people as the record of its opening says. Voters' own work was already excluded when
    each vote was counted, and again when the run became known; later changes do not undo that."""
    plan = digest_text(release.plan_hash)
    if trail.passed is None:
        return Rule.ON_RECORD.fails(f"no record says that the gate passed for the plan {plan}{trail.ended_by}")
    if now < (until := trail.passed.time + gate.objection):
        return Rule.ON_RECORD.fails(f"voters may object until {exact_moment(until)}")
    each = tuple(Share.model_validate(share) for share in trail.opened.get("each") or ())
    gate_asked = gate.model_copy(  # not validated again: today's lists may be shorter
        update={"required": trail.opened.get("required", gate.required), "each": each}
    )
    if gate.level is Level.SIGNED and (unsigned := [who for who, vote in trail.votes.items() if vote.proof is None]):
        return Rule.ON_RECORD.fails(f"no proof of the vote of {unsigned[0]} is on record")
    votes = [_vote(record) for record in trail.votes.values()]
    broken = not_passed(approvals_rules(one_approval_each(votes, gate_asked), gate_asked))
    if broken:
        reasons = "; ".join(rule.reason for rule in broken)
        return Rule.ON_RECORD.fails(f"the votes on record do not suffice for the plan {plan}: {reasons}")
    return Rule.ON_RECORD.holds(f"{len(trail.votes)} votes and record {trail.passed.sequence} prove it")


def _let_through(trail: "_Trail", release: Release, *, conditions: bool) -> RuleResult:
    """Whether the records let the plan through. A gate without conditions leaves no record of its own, so the plan's
    record counts. A gate that asked people when this plan was made must have passed, whatever it asks for today."""
    has_conditions = conditions or trail.opened.get("plan_hash") == trail.plan_hash
    proof = trail.passed if has_conditions else trail.planned
    if proof is None:
        what = "the gate passed for" if has_conditions else "there is"
        return Rule.ON_RECORD.fails(
            f"no record says that {what} the plan {digest_text(release.plan_hash)}{trail.ended_by}"
        )
    return Rule.ON_RECORD.holds(f"record {proof.sequence} proves it")


def _id(release: Release, number: int) -> str:
    return release_id(release.application, number)


@dataclass(kw_only=True)
class _Trail:
    """The records of one release in one environment about one plan, folded so far."""

    plan_hash: str | None
    opened: Mapping[str, Any] = field(default_factory=dict)
    """The content of the record of the gate's last opening. Whenever votes are voided, a record says so."""
    votes: dict[str, AuditRecord] = field(default_factory=dict)
    """The approvals, by person."""
    planned: AuditRecord | None = None
    passed: AuditRecord | None = None
    rollback_ordered: AuditRecord | None = None
    ended: AuditRecord | None = None
    waived: dict[tuple[str, str], AuditRecord] = field(default_factory=dict)
    """The records of waivers, by rule and person."""

    @property
    def ended_by(self) -> str:
        return f", and record {self.ended.sequence} ({self.ended.action}) ended it" if self.ended else ""

    def feed(self, record: AuditRecord) -> None:
        details, action = record.details, record.known_action
        of_plan = details.get("plan_hash") == self.plan_hash
        of_gate = action.of_gate if action is not None else GateMeaning.NOTHING
        match of_gate:
            case GateMeaning.PLANNED:
                self.planned = record if of_plan else None
            case GateMeaning.OPENED:
                self._open(details)
            case GateMeaning.APPROVED:
                self.votes |= {record.attribution.person: record} if of_plan else {}
            case GateMeaning.WITHDRAWN:
                self.votes.pop(details["voter"], None)
            case GateMeaning.VOIDED:
                self.votes = {voter: vote for voter, vote in self.votes.items() if voter not in details["voters"]}
            case GateMeaning.CONDITIONS_AGAIN:
                self.passed = None
            case GateMeaning.PASSED:
                self.passed = record if of_plan else self.passed
            case GateMeaning.WAIVED:
                self.waived[str(details.get("rule")), record.actor] = record
            case GateMeaning.ROLLBACK_ORDERED:
                self.rollback_ordered = record
            case GateMeaning.ENDED:
                self.votes, self.passed, self.ended = {}, None, record
            case GateMeaning.NOTHING | GateMeaning.EPOCH_BEGAN | GateMeaning.POLICY_CHANGED | GateMeaning.NOT_ACTED_ON:
                return
            case _:
                assert_never(of_gate)

    def _open(self, details: Mapping[str, Any]) -> None:
        """A new opening counts no earlier vote; an opening that continues keeps its own."""
        if details.get("opening") != self.opened.get("opening"):
            self.votes, self.passed = {}, None
        self.opened = details


def _vote(record: AuditRecord) -> Vote:
    details = record.details
    object_id = details.get("signed_in")
    return Vote(
        voter=record.attribution.person,
        decision=VoteDecision.APPROVE,
        channel=details["channel"],
        plan_hash=details["plan_hash"],
        at=record.time,
        signed_in=_signed_in(object_id, details) if object_id else None,
        proof=record.proof,
    )


def _signed_in(object_id: str, details: Mapping[str, Any]) -> SignedIn:
    groups, roles = (tuple(details.get(name) or ()) for name in ("groups", "roles"))
    return SignedIn(object_id=object_id, groups=groups, roles=roles)
