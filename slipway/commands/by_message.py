"""Messages in `approvals`: votes at the level `queue`, rejections of proposed changes, and commands that stop
something. They reach the worker without the front.

A sender to the queue is believed about the person on whose behalf it sends; a message cannot show that person's roles.
So a vote counts only if the gate's policy admits this level, while a stop always counts: forging one achieves no more
than a stop, recorded under the queue's name.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ..clock import Clock
from ..domain.commands import Verb
from ..domain.events import CommandGiven, VoteCast
from ..domain.model import sha256
from ..domain.people import OID
from ..domain.proposing import ChangeVoteCast
from ..domain.queues import Queue
from ..domain.rules import RuleResult, not_passed
from ..engine.freezing import FreezeOrder, Freezer
from ..engine.handle import Handler, Outcome, UnknownTarget
from ..inbound.approval_message import (
    ApprovalMessage,
    ChangeVoteMessage,
    CommandMessage,
    VoteMessage,
    parse_approval,
)
from .taking import CannotCount

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ByMessage:
    """Takes messages of `approvals`."""

    handler: Handler
    freezer: Freezer
    of_changes: Callable[[ChangeVoteCast, str], None]
    """Takes the rejection of a proposed change, with the order that names it."""
    tenant: str
    clock: Clock

    def take(self, body: bytes) -> None:
        """Count or carry out the message, or refuse it by its rules; every outcome is recorded. A repeat changes
        nothing.

        Raises `BadInput` and `UnknownTarget` for a message that cannot be handled; `Contended`, `LedgerUnavailable` and
        `QueueUnavailable` if another try may help.
        """
        message = parse_approval(body, tenant=self.tenant)
        if isinstance(message, ChangeVoteMessage):
            self._reject_change(message)
            return
        refused = ", ".join(rule.name for rule in not_passed(self._judged(message)))
        log.info("%s, message %s: %s", Queue.APPROVALS, message.id, refused or "counted")

    def _reject_change(self, message: ChangeVoteMessage) -> None:
        cast = change_vote_said(message, now=self.clock())
        order = sha256(f"{Queue.APPROVALS} {message.model_dump_json()}".encode())[7:27]
        try:
            self.of_changes(cast, order)
        except CannotCount as nothing:
            raise UnknownTarget(str(nothing)) from nothing

    def _judged(self, message: VoteMessage | CommandMessage) -> tuple[RuleResult, ...]:
        if isinstance(message, VoteMessage):
            return self._decide(vote_said(message, now=self.clock()))
        if message.application is None:
            return self.freezer.carry_out(self._order(message)).rules
        return self._decide(self._command(message, message.application))

    def _decide(self, event: VoteCast | CommandGiven) -> tuple[RuleResult, ...]:
        (receipt,) = self.handler.handle(event)
        refused = not_passed(receipt.rules)
        if receipt.outcome is Outcome.NOTHING and refused:  # no record tells of it, so it is parked
            raise UnknownTarget("; ".join(rule.reason for rule in refused))
        return receipt.rules

    def _command(self, message: CommandMessage, application: str) -> CommandGiven:
        return CommandGiven(
            received_at=self.clock(),
            verb=Verb(message.verb),
            application=application,
            release=message.release,
            environment=message.environment,
            actor=_person(message),
            reason=message.reason,
            channel=Queue.APPROVALS,
            submission=message.id,
        )

    def _order(self, message: CommandMessage) -> FreezeOrder:
        return FreezeOrder(
            verb=Verb(message.verb),
            actor=_person(message),
            reason=message.reason,
            channel=Queue.APPROVALS,
            submission=message.id,
            received_at=self.clock(),
        )


def vote_said(message: VoteMessage, *, now: datetime) -> VoteCast:
    """The vote, at the level `queue`."""
    return VoteCast(
        received_at=now,
        application=message.application,
        release=message.release,
        environment=message.environment,
        plan_hash=message.plan,
        opening=message.opening,
        voter=_person(message),
        decision=message.decision,
        reason=message.reason,
        channel=Queue.APPROVALS,
        submission=message.id,
    )


def change_vote_said(message: ChangeVoteMessage, *, now: datetime) -> ChangeVoteCast:
    """The rejection of a proposed change by a person whose roles cannot be known."""
    return ChangeVoteCast(
        change=message.change,
        opening=message.opening,
        plan=message.plan,
        decision=message.decision,
        reason=message.reason,
        voter=_person(message),
        channel=Queue.APPROVALS,
        received_at=now,
        by_message=True,
    )


def _person(message: ApprovalMessage) -> str:
    return f"{OID}{message.on_behalf_of.oid.casefold()}"
