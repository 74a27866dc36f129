"""A proposed change as signed records show it: its votes, who stood in, and who was notified. All of it is derived
again from them before the change takes effect; the row is a cache."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import assert_never

from .actions import ChangeMeaning
from .audit import AuditRecord
from .proposing import ChangePlan, ProposedChange, freshest, gates_of, quorum
from .release import Vote, VoteDecision
from .rules import Fail, Pass, Rule
from .standing_in import FRESH, stand_ins_rule

VOTED = "vote"
"""The detail of a record that holds the counted vote."""
NOTICE, CHANNEL = "notice", "channel"
"""The details of a record of a notification: its kind, and its channel."""
STOOD_IN_NOTICE = "change-stood-in"


@dataclass(frozen=True, kw_only=True)
class ChangeOnRecord:
    """One opening of a change, as its records show it."""

    votes: tuple[Vote, ...]
    stand_ins: Mapping[str, tuple[Vote, datetime]] = field(default_factory=dict)
    """The votes of stand-ins, by voter, with the time of the record."""
    notified: Mapping[str, datetime] = field(default_factory=dict)
    """When each channel was notified that somebody stood in."""


def change_on_record(change: ProposedChange, records: Iterable[AuditRecord]) -> ChangeOnRecord | None:
    """The change as the records show this opening; None if they do not show its proposal, or if they show its end.
    `records` are verified, and begin where the change says that its own records begin."""
    proposed, votes = False, dict[str, Vote]()
    stand_ins, notices = dict[str, tuple[Vote, datetime]](), dict[str, datetime]()
    for record in records:
        details = record.details
        if (details.get("change"), details.get("opening")) != (change.hash, change.opening):
            continue
        match record.known_action.of_change if record.known_action else ChangeMeaning.NOTHING:
            case ChangeMeaning.PROPOSED:
                proposed = details.get("plan") == change.plan and record.proof == change.proof
            case ChangeMeaning.VOTED:
                vote = Vote.model_validate(details.get(VOTED))
                votes[vote.voter] = vote.evolve(proof=record.proof)
            case ChangeMeaning.STOOD_IN:
                vote = Vote.model_validate(details.get(VOTED))
                stand_ins.setdefault(vote.voter, (vote.evolve(proof=record.proof), record.time))
            case ChangeMeaning.TOLD:
                if details.get(NOTICE) == STOOD_IN_NOTICE:
                    notices.setdefault(str(details.get(CHANNEL)), record.time)
            case ChangeMeaning.ENDED:
                return None
            case ChangeMeaning.NOTHING:
                continue
            case unreachable:
                assert_never(unreachable)
    return ChangeOnRecord(votes=tuple(votes.values()), stand_ins=stand_ins, notified=notices) if proposed else None


def trail_rule(change: ProposedChange, plan: ChangePlan, records: Iterable[AuditRecord], now: datetime) -> Pass | Fail:
    """Whether the records show that every gate let the change through; or that the platform's people stood in,
    everybody entitled was told, and nobody objected in time."""
    rule, shown = Rule.CHANGE_PASSED_ON_RECORD, change_on_record(change, records)
    if shown is None:
        return rule.fails("the trail does not show that this change was proposed and still waits")
    if any(vote.decision is VoteDecision.REJECT or vote.proof is None for vote in shown.votes):
        return rule.fails("the trail shows a rejection, or an approval without a proof")
    missing = [result for result in quorum(plan, shown.votes) if result.blocks]
    if not missing:
        return rule.holds(f"{len(shown.votes)} votes on record")
    stood_in = stand_ins_rule(plan, shown.stand_ins, shown.notified, now)
    if stood_in.passed:
        return rule.holds(stood_in.reason)
    also = f"; {stood_in.name}: {stood_in.reason}" if shown.stand_ins else ""
    return rule.fails(f"by the trail, {missing[0].name}: {missing[0].reason}{also}")


def proofs_of(
    change: ProposedChange, plan: ChangePlan, records: Iterable[AuditRecord]
) -> Iterator[tuple[AuditRecord, timedelta | None]]:
    """The records on which the change rests and that name a proof, each with the greatest age of the sign-in."""
    for record in records:
        if (record.details.get("change"), record.details.get("opening")) != (change.hash, change.opening):
            continue
        demanded = sign_in_demanded(record, plan)
        if demanded is not None:
            yield record, demanded.fresh


@dataclass(frozen=True, kw_only=True)
class SignInDemanded:
    """A record that needs a proof."""

    fresh: timedelta | None
    """The greatest age of the sign-in; None for any age."""


def sign_in_demanded(record: AuditRecord, plan: ChangePlan | None) -> SignInDemanded | None:
    """The sign-in that a record about a change has to prove; None if it needs no proof. `plan` is what people read;
    without it, a sign-in has to be as fresh as for a command."""
    match record.known_action.of_change if record.known_action else ChangeMeaning.NOTHING:
        case ChangeMeaning.PROPOSED:
            return SignInDemanded(fresh=None)
        case ChangeMeaning.VOTED:
            vote = Vote.model_validate(record.details.get(VOTED))
            if vote.decision is not VoteDecision.APPROVE:
                return None
            return SignInDemanded(fresh=freshest(gates_of(plan, vote.voter, vote.signed_in)) if plan else FRESH)
        case ChangeMeaning.STOOD_IN:
            return SignInDemanded(fresh=min(freshest(plan.gates) or FRESH, FRESH) if plan else FRESH)
        case ChangeMeaning.TOLD | ChangeMeaning.ENDED | ChangeMeaning.NOTHING:
            return None
        case unreachable:
            assert_never(unreachable)
