"""Claims of rollouts for tests, signed with the tests' key, and the votes of links' claims."""

from collections.abc import Callable
from datetime import datetime

from ..domain.audit import ChainEnd
from ..domain.events import VoteCast
from ..domain.fence import Claim, Fence, new_fence
from ..domain.model import release_id
from ..domain.order import Order
from ..domain.release import VoteDecision
from ..domain.rules import RuleResult
from ..domain.tokens import ApprovalClaims
from .chains import PUBLIC_KEYS, SIGNER


def claim(
    number: int = 1,
    *,
    epoch: int = 0,
    application: str = "shop",
    environment: str = "staging",
    installation: str = "test",
    recorded: Order | None = None,
    whole: Callable[[Fence], RuleResult] | None = None,
) -> Claim:
    """The claim of a rollout with this order to its place."""
    fence = new_fence(
        installation=installation,
        application=application,
        environment=environment,
        order=Order(epoch=epoch, number=number),
        head=ChainEnd(sequence=max(number, 1), hash=f"sha256:{number:064x}"),
        signer=SIGNER,
    )
    plan = f"sha256:{number:064d}"
    return Claim(
        fence=fence,
        release=release_id(application, number),
        plan=plan,
        recorded=recorded,
        keys=PUBLIC_KEYS,
        whole=whole,
    )


def vote_with_link(
    claims: ApprovalClaims,
    decision: VoteDecision,
    *,
    reason: str,
    channel: str,
    submission: str,
    now: datetime,
) -> VoteCast:
    """The vote of a verified token's holder."""
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
        opening=claims.opening,
    )
