"""Votes by the JSON API: from a signed-in person, or from the holder of a link that votes.

A function key identifies a program and not a person, so it does not allow voting. An approval lets something through,
so a sign-in alone is not enough: it needs a proof, which a person gives on the page, or a link that votes.
"""

from datetime import datetime

from ..domain.inbox import InboxKind, InboxRow, Speaker, Via
from ..domain.model import release_id
from ..domain.people import Principal
from ..domain.release import Release, VoteDecision
from ..domain.signing import PublicKeys
from ..domain.statement import VoteStatement
from ..domain.tokens import ApprovalClaims, Purpose, TokenRefused, read_link
from ..domain.vote_request import VoteRequest
from .reading import BadInput


class NotAllowed(Exception):  # noqa: N818 - the message is the point
    """The request does not identify a voter, or proves too little; the message says what to do instead."""


class Misdirected(Exception):  # noqa: N818 - the message is the point
    """The vote is for another plan or release than the token or the address names."""


def check_identified(request: VoteRequest, principal: Principal | None) -> None:
    """Require a sign-in or a link's token. Raises `NotAllowed`."""
    if principal is None and not request.token:
        raise NotAllowed(
            "a function key or a program's token identifies no voter: sign in, and send the access token of your "
            "sign-in as `Authorization: Bearer …`, or send the token of your own link as `token`"
        )


def row_of_principal(
    request: VoteRequest, release: Release, principal: Principal, *, installation: str, salt: str, page: str
) -> InboxRow:
    """A signed-in person's statement: a rejection, a withdrawal of their vote, or an objection that it was not theirs.
    `page` is where people give approvals.

    Raises `BadInput`, `Misdirected`, `NotAllowed`."""
    objects = request.decision == "object"
    environment = (request.environment if objects else None) or release.environment
    if environment is None:
        raise Misdirected(f"{release.id} has not come to any environment yet")
    rollout = release.rollout_in(environment)
    plan = request.plan_hash or (rollout.plan_hash if objects and rollout else None)
    if plan is None:
        raise BadInput("plan_hash", "the hash of the plan that the vote is for", "nothing")
    if request.decision == "approve":
        raise NotAllowed(f"an approval needs a proof, which an access token is not: approve on the page, {page}")
    statement = VoteStatement(
        installation=installation,
        salt=salt,
        reason=request.reason,
        application=release.application,
        release=release.number,
        environment=environment,
        attempt=release.attempt,
        opening=release.gate.opening if release.gate else max(release.openings, 1),
        plan=plan,
        decision=VoteDecision(request.decision),
    )
    speaker = Speaker.of(principal.signed_in, principal.name, Via(request.channel))
    return InboxRow(kind=InboxKind.VOTE, said=statement, speaker=speaker)


def row_of_token(
    request: VoteRequest, release: Release, keys: PublicKeys, *, installation: str, salt: str, now: datetime
) -> InboxRow:
    """The statement of the approver to whom the link's token was issued. Raises `NotAllowed`, `Misdirected`."""
    try:
        claims = read_link(request.token, keys, now=now)
    except TokenRefused as error:
        raise NotAllowed(f"the token cannot be used: {error}") from error
    if claims.purpose is not Purpose.VOTE:
        raise NotAllowed("the link only shows what is asked: this gate takes votes of people who sign in")
    _check_same(request, release, claims)
    statement = VoteStatement(
        installation=installation,
        salt=salt,
        reason=request.reason,
        application=claims.application,
        release=claims.release,
        environment=claims.environment,
        attempt=release.attempt,
        opening=claims.opening or 1,
        plan=claims.plan_hash,
        decision=VoteDecision(request.decision),
    )
    speaker = Speaker(name=claims.approver, via=Via(request.channel))
    return InboxRow(kind=InboxKind.VOTE, said=statement, link=request.token, speaker=speaker)


def _check_same(request: VoteRequest, release: Release, claims: ApprovalClaims) -> None:
    meant = release_id(claims.application, claims.release)
    if meant != release.id:
        raise Misdirected(f"the token is for {meant}, the address names {release.id}")
    if request.plan_hash is not None and request.plan_hash != claims.plan_hash:
        raise Misdirected("the token is for another plan than the one that plan_hash names")
