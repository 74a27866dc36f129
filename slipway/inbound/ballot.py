"""Votes by the JSON API: from whoever has signed in, or, where nobody signs in, from the holder of an approver's token.

A function key says which program asks, not which person: it lets nobody vote.
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
    """Nobody is known who could cast this vote; the message says how one becomes known."""


class Misdirected(Exception):  # noqa: N818 - the message is the point
    """The vote is not for what the token, or the release, is at."""


def check_identified(ballot: Ballot, principal: Principal | None, *, sign_in: bool) -> None:
    """Where people sign in, nothing but the sign-in says who votes. Raises `NotAllowed`."""
    if sign_in and principal is None:
        raise NotAllowed(
            "a function key, or a token of a link, does not say who votes here: sign in, and send the access token of "
            "your sign-in as `Authorization: Bearer …`"
        )
    if not sign_in and not ballot.token:
        raise NotAllowed("a function key does not say who votes: send the token of your own link as `token`")


def vote_of_principal(ballot: Ballot, release: Release, principal: Principal, *, clock: Clock) -> VoteCast:
    """The vote of whoever has signed in. Raises `BadInput`, `Misdirected`."""
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
    """The vote of the approver whom the token was issued for. Raises `NotAllowed`, `Misdirected`."""
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
    """One that the sender gave, else what is said: the same said twice is one vote."""
    if ballot.submission:
        return f"api-{ballot.submission}"
    said = f"{voter.casefold()} {ballot.decision} {ballot.plan_hash} {ballot.reason} {ballot.token}"
    return sha256(said.encode("utf-8", "surrogatepass"))
