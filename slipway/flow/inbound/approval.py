"""Votes: from a signed link's form, or from the `approvals` queue. The token says who may decide about what."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from ...domain.causes import VoteCast
from ...domain.model import sha256
from ...domain.people import SignedIn
from ...domain.release import VoteDecision
from ...domain.tokens import ApprovalClaims, Keys, TokenRefused
from .reading import BadInput, Incoming, read_as, read_json

REASON_LIMIT = 2000
Text = Annotated[str, Field(max_length=2048)]


class _Approver(Incoming):
    email: Text = ""
    upn: Text = ""


class _VoteMessage(Incoming):
    token: Annotated[str, Field(min_length=1, max_length=2048)]
    decision: Literal["approve", "reject", "withdraw"]
    reason: Annotated[str, Field(max_length=REASON_LIMIT)] = ""
    approver: _Approver = _Approver()
    channel: Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[a-z][a-z0-9-]*$")] = "service-bus"


def parse_vote(body: bytes, keys: Keys, *, message_id: str, now: datetime) -> VoteCast:
    """A vote from the queue as a cause. Raises `BadInput`, also for a token that cannot be used.

    Whoever may send to the queue could claim to be anybody: the token, which we issued for one person, decides who
    votes; an approver named besides must be the same person.
    """
    message = read_as(_VoteMessage, read_json(body))
    try:
        claims = keys.approval(message.token, now=now)
    except TokenRefused as error:
        raise BadInput("token", "a link of this installation that is still good", str(error)) from error
    for named in (message.approver.email, message.approver.upn):
        if named and named.casefold() != claims.approver.casefold():
            raise BadInput("approver", "the person whom the token was issued for", "somebody else")
    return vote(
        claims,
        VoteDecision(message.decision),
        reason=message.reason,
        channel=message.channel,
        submission=_submission(message_id, body),
        now=now,
    )


def _submission(message_id: str, body: bytes) -> str:
    """What names this act of voting. A sender that gives no id is told apart by what it says."""
    return message_id.ljust(8, "-")[:128] if message_id else sha256(body)


def vote(
    claims: ApprovalClaims,
    decision: VoteDecision,
    *,
    reason: str,
    channel: str,
    submission: str,
    now: datetime,
    signed_in: SignedIn | None = None,
) -> VoteCast:
    """The vote that the holder of a verified token casts, or whoever has signed in and looks at the same plan."""
    return VoteCast(
        received_at=now,
        application=claims.application,
        release=claims.release,
        environment=claims.environment,
        plan_hash=claims.plan_hash,
        voter=claims.approver,
        decision=decision,
        reason=reason,
        channel=channel,
        submission=submission,
        signed_in=signed_in,
    )
