"""Votes by the JSON API: from a signed-in person, or from the holder of a link that votes.

A function key identifies a program and not a person, so it does not allow voting.
"""

from ..clock import Clock
from ..domain.ballot import Ballot
from ..domain.events import VoteCast
from ..domain.model import sha256
from ..domain.people import Principal
from ..domain.release import Release, VoteDecision
from ..domain.signing import PublicKeys
from ..domain.tokens import ApprovalClaims, Purpose, TokenRefused, read_link
from .reading import BadInput


class NotAllowed(Exception):  # noqa: N818 - the message is the point
    """The request does not identify a voter; the message says how to do so."""


class Misdirected(Exception):  # noqa: N818 - the message is the point
    """The vote is for another plan or release than the token or the address names."""


def check_identified(ballot: Ballot, principal: Principal | None) -> None:
    """Require a sign-in or a link's token. Raises `NotAllowed`."""
    if principal is None and not ballot.token:
        raise NotAllowed(
            "a function key does not identify a voter: sign in, and send the access token of your sign-in as "
            "`Authorization: Bearer …`, or send the token of your own link as `token`"
        )


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


def vote_of_token(ballot: Ballot, release: Release, keys: PublicKeys, *, clock: Clock) -> VoteCast:
    """The vote of the approver that the token was issued to. Raises `NotAllowed`, `Misdirected`."""
    try:
        claims = read_link(ballot.token, keys, now=clock())
    except TokenRefused as error:
        raise NotAllowed(f"the token cannot be used: {error}") from error
    if claims.purpose is not Purpose.VOTE:
        raise NotAllowed("the link only shows what is asked: this gate takes votes of people who sign in")
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
        opening=claims.opening,
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
