"""Votes by the JSON API: from a signed-in person or, in installations without sign-in, from a token's holder.

A function key identifies a program and not a person, so it does not allow voting.
"""

from ..clock import Clock
from ..domain.ballot import Ballot
from ..domain.events import VoteCast
from ..domain.model import sha256
from ..domain.people import Principal
from ..domain.release import Release, VoteDecision
from ..domain.tokens import ApprovalClaims, Keys, TokenRefused
from .reading import BadInput


class NotAllowed(Exception):  # noqa: N818 - the message is the point
    """The request does not identify a voter; the message says how to do so."""


class Misdirected(Exception):  # noqa: N818 - the message is the point
    """The vote is for another plan or release than the token or the address names."""


def check_identified(ballot: Ballot, principal: Principal | None, *, sign_in: bool) -> None:
    """Require a sign-in or, in installations without it, a token. Raises `NotAllowed`."""
    if sign_in and principal is None:
        raise NotAllowed(
            "a function key, or a token of a link, does not identify a voter here: sign in, and send the access token "
            "of your sign-in as `Authorization: Bearer …`"
        )
    if not sign_in and not ballot.token:
        raise NotAllowed("a function key does not identify a voter: send the token of your own link as `token`")


def vote_of_principal(ballot: Ballot, release: Release, principal: Principal, *, clock: Clock) -> VoteCast:
    """The vote of a signed-in person. Raises `BadInput`, `Misdirected`."""
    if ballot.plan_hash is None:
        raise BadInput("plan_hash", "the hash of the plan that the vote is for", "nothing")
    if release.environment is None:
        raise Misdirected(f"{release.id} has not come to any environment yet")
    return VoteCast(
        received_at=clock(),
        application=release.application,
        release=release.number,
        environment=release.environment,
        plan_hash=ballot.plan_hash,
        voter=principal.name,
        decision=VoteDecision(ballot.decision),
        reason=ballot.reason,
        channel=ballot.channel,
        submission=_submission(ballot, principal.name),
        signed_in=principal.signed_in,
    )


def vote_of_token(ballot: Ballot, release: Release, keys: Keys, *, clock: Clock) -> VoteCast:
    """The vote of the approver that the token was issued to. Raises `NotAllowed`, `Misdirected`."""
    try:
        claims = keys.approval(ballot.token, now=clock())
    except TokenRefused as error:
        raise NotAllowed(f"the token cannot be used: {error}") from error
    _check_same(ballot, release, claims)
    return VoteCast(
        received_at=clock(),
        application=claims.application,
        release=claims.release,
        environment=claims.environment,
        plan_hash=claims.plan_hash,
        voter=claims.approver,
        decision=VoteDecision(ballot.decision),
        reason=ballot.reason,
        channel=ballot.channel,
        submission=_submission(ballot, claims.approver),
    )


def _check_same(ballot: Ballot, release: Release, claims: ApprovalClaims) -> None:
    meant = f"{claims.application}-{claims.release}"
    if meant != release.id:
        raise Misdirected(f"the token is for {meant}, the address names {release.id}")
    if ballot.plan_hash is not None and ballot.plan_hash != claims.plan_hash:
        raise Misdirected("the token is for another plan than the one that plan_hash names")


def _submission(ballot: Ballot, voter: str) -> str:
    """The sender's id of the submission, or a hash of its content, so that a repeat is the same vote."""
    if ballot.submission:
        return f"api-{ballot.submission}"
    content = f"{voter.casefold()} {ballot.decision} {ballot.plan_hash} {ballot.reason} {ballot.token}"
    return sha256(content.encode("utf-8", "surrogatepass"))
