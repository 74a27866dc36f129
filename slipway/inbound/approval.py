"""Votes by a link: from its page, or from the queue `approvals`. The token says who was asked about which plan; one
that only shows counts together with the identified person alone."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from ..domain.events import VoteCast
from ..domain.incoming import ForeignModel
from ..domain.model import sha256
from ..domain.people import GUID_PATTERN, OID, SignedIn
from ..domain.release import VoteDecision
from ..domain.signing import PublicKeys
from ..domain.tokens import ApprovalClaims, Purpose, TokenRefused, read_link
from .reading import BadInput, read_as, read_json

REASON_LIMIT = 2000
FLOW = "teams"
"""The channel of the flow in `infra/teams-flow.json`; its answers always identify the person."""
Text = Annotated[str, Field(max_length=2048)]


class _Approver(ForeignModel):
    email: Text = ""
    upn: Text = ""
    object_id: Annotated[str, Field(pattern=f"{GUID_PATTERN}|^$")] = ""
    tenant: Annotated[str, Field(pattern=f"{GUID_PATTERN}|^$")] = ""


class _VoteMessage(ForeignModel):
    token: Annotated[str, Field(min_length=1, max_length=2048)]
    decision: Literal["approve", "reject", "withdraw"]
    reason: Annotated[str, Field(max_length=REASON_LIMIT)] = ""
    approver: _Approver = _Approver()
    channel: Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[a-z][a-z0-9-]*$")] = "service-bus"


def parse_vote(body: bytes, keys: PublicKeys, *, tenant: str, message_id: str, now: datetime) -> VoteCast:
    """Parse a vote from the queue. Raises `BadInput`, also for a token that cannot be used.

    Identities are taken of the Entra tenant alone. `keys` are those of the private keys that are live.

    A sender to the queue could claim to be anybody. So the vote is about the plan in the token, which we issued for one
    person; an identified voter must be that person, which the rule `answer-is-from-who-was-asked` checks by the gate's
    policy.
    """
    message = read_as(_VoteMessage, read_json(body))
    try:
        claims = read_link(message.token, keys, now=now)
    except TokenRefused as error:
        raise BadInput("token", "a link of this installation that is still good", str(error)) from error
    cast = _cast(message, claims, message_id=message_id, body=body, now=now)
    if claims.purpose is Purpose.SHOW or message.channel == FLOW or message.approver.object_id:
        return cast.evolve(**_identified(message.approver, claims, tenant))
    for named in (message.approver.email, message.approver.upn):
        if named and named.casefold() != claims.approver.casefold():
            raise BadInput("approver", "the person whom the token was issued for", "somebody else")
    return cast


def _identified(approver: _Approver, claims: ApprovalClaims, tenant: str) -> dict[str, Any]:
    """The person who answered, by the object id in our tenant that Teams reports. Raises `BadInput`."""
    if not approver.object_id:
        raise BadInput("approver.object_id", "the object id of the person who answered", "nothing")
    if approver.tenant.casefold() != tenant.casefold():
        raise BadInput(
            "approver.tenant", "the tenant of this installation", "another" if approver.tenant else "nothing"
        )
    signed_in = SignedIn(object_id=approver.object_id)
    named = approver.upn if 3 <= len(approver.upn) <= 254 else ""  # noqa: PLR2004 - what a voter's name may be
    return {"voter": named or f"{OID}{signed_in.object_id}", "signed_in": signed_in, "issued_to": claims.approver}


def _cast(message: _VoteMessage, claims: ApprovalClaims, *, message_id: str, body: bytes, now: datetime) -> VoteCast:
    return vote(
        claims,
        VoteDecision(message.decision),
        reason=message.reason,
        channel=message.channel,
        submission=_submission(message_id, body),
        now=now,
    )


def _submission(message_id: str, body: bytes) -> str:
    """Identifies this vote, so that repeats are recognised: the message id, or else a hash of the body."""
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
    """The vote of a verified token's holder, or of a signed-in person on the same plan."""
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
        opening=claims.opening,
    )
