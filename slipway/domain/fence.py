"""The fence: a Lease beside the application's objects names the rollout that may write there, so a paused worker that
wakes up cannot undo a newer rollout.

Pure: what the Lease says, and what follows from it. `effects/cluster/fencing.py` reads and writes it. The format is in
docs/reference/formats.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Self

from pydantic import Field

from .audit import ChainEnd
from .model import Digest, Name, Record, canonical, sha256
from .order import Order
from .rules import Rule, RuleResult
from .signing import PublicKeys, Signature, Signer

LIMIT: Final = 4 * 1024
"""The most characters of a fence; a real one has less than one thousand."""
ORDER_ANNOTATION: Final = "slipway.dev/order"
PLAN_ANNOTATION: Final = "slipway.dev/plan"
MADE_ANNOTATION: Final = "slipway.dev/made"
"""The order of the rollout that made the object; the next rollout that applies the object removes it."""


class FenceContent(Record):
    """Everything in a fence that its signature covers."""

    v: Literal[1] = 1
    installation: str = Field(max_length=253)
    application: Name
    environment: Name
    epoch: int = Field(ge=0)
    number: int = Field(ge=0)
    head: ChainEnd
    """The end of the application's chain when the order was taken, or some time before."""

    @property
    def order(self) -> Order:
        return Order(epoch=self.epoch, number=self.number)

    @property
    def hash(self) -> str:
        """The hash of everything but the signature; the signature covers it."""
        return sha256(canonical(self.model_dump(mode="json", exclude={"sig"})))


class Fence(FenceContent):
    """The fence as it stands in the Lease's annotation."""

    sig: Signature

    @property
    def text(self) -> str:
        return canonical(self.model_dump(mode="json")).decode()


class LeaseState(Record):
    """A Lease as it was read."""

    text: str | None
    """Its annotation; None if it has none."""
    written_by: str
    """The manager of the newest entry in its managed fields. A manager that has only removed fields does not appear
    there."""
    uid: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A rollout's claim to the fence of its place."""

    fence: Fence
    release: str
    plan: Digest
    recorded: Order | None
    """The last order that the ledger knows to have been taken in this place; None if it knows of none."""
    keys: PublicKeys
    whole: Callable[[Fence], RuleResult] | None
    """Says whether the ledger holds what the Lease names; only in class production."""
    in_the_way: Callable[[], Sequence[RuleResult]] = tuple
    """Asked before the order is taken, and so before the first object: the rules that do not hold, and so stop the
    rollout."""

    @property
    def order(self) -> Order:
        return self.fence.order

    @property
    def lease(self) -> str:
        """Name of the Lease."""
        return lease_name(self.fence.application, self.fence.environment)

    @property
    def annotations(self) -> Mapping[str, str]:
        """The annotations of each object of the rollout. They differ from rollout to rollout, so a newer one changes
        every object that it applies."""
        return {ORDER_ANNOTATION: str(self.order), PLAN_ANNOTATION: self.plan}

    def has_made(self, metadata: Mapping[str, Any]) -> bool:
        """Whether this rollout created the object, in this try or an earlier one; otherwise it was there before. No
        clocks are compared, since the cluster's may differ from ours."""
        return (metadata.get("annotations") or {}).get(MADE_ANNOTATION) == str(self.order)

    def once_taken(self) -> Self:
        """The claim after its order was taken: from now on the Lease has to hold this order, or a higher one."""
        return replace(self, recorded=self.order)


def lease_name(application: str, environment: str) -> str:
    return f"slipway-{application}-{environment}"


def new_fence(
    *, installation: str, application: str, environment: str, order: Order, head: ChainEnd, signer: Signer
) -> Fence:
    """Raises `KeysUnavailable`."""
    content = FenceContent(
        installation=installation,
        application=application,
        environment=environment,
        epoch=order.epoch,
        number=order.number,
        head=head,
    )
    return Fence.model_validate(content.model_dump() | {"sig": signer.sign(content.hash.encode())})


def read_fence(text: str | None, keys: PublicKeys) -> tuple[Fence | None, str]:
    """The fence, or why it is not this installation's. Raises `KeysUnavailable`."""
    if text is None:
        return None, "has no fence"
    try:
        fence = Fence.model_validate_json(text) if len(text) <= LIMIT else None
        signed = fence.hash.encode() if fence else b""  # fails for numbers that JSON cannot hold
    except (ValueError, RecursionError):
        fence = None
    if fence is None:
        return None, "has a fence that cannot be read"
    # Retired keys count, since a Lease is not signed anew: the ledger's order is checked as well.
    fault = keys.fault_in_chain(fence.sig, signed)
    return (None, f"has a fence that does not count: {fault}") if fault else (fence, "")


def judge_fence(lease: LeaseState | None, claim: Claim) -> tuple[RuleResult, Fence | None]:
    """Whether the rollout may go on, by the Lease that is there; and the genuine fence in that Lease, if any.

    Raises `KeysUnavailable`.
    """
    touched = Rule.FENCE_IS_UNTOUCHED
    newest = Rule.NO_NEWER_ROLLOUT
    recorded = claim.recorded if claim.recorded and claim.recorded.epoch == claim.order.epoch else None
    if lease is None:
        if recorded is not None:
            return touched.fails(f"the Lease {claim.lease} is gone, although order {recorded} was taken here"), None
        return newest.holds("no order was taken here yet"), None
    if lease.text == claim.fence.text:
        return newest.holds(f"order {claim.order} is the newest"), claim.fence
    fence, fault = read_fence(lease.text, claim.keys)
    by = f"; its managed fields name last: {lease.written_by}"
    if fence is None:
        return touched.fails(f"the Lease {claim.lease} {fault}{by}"), None
    ours, theirs = _subject(claim.fence), _subject(fence)
    if ours != theirs:
        return touched.fails(f"the Lease {claim.lease} is {' '.join(theirs)}'s, expected {' '.join(ours)}'s{by}"), None
    if recorded is not None and fence.order < recorded:
        why = f"the Lease {claim.lease} holds order {fence.order}, although {recorded} was taken here"
        return touched.fails(f"{why}{by}"), None
    if claim.order < fence.order:
        why = f"superseded by a newer rollout: order {fence.order} was taken, and this one has {claim.order}"
        return newest.fails(why), fence
    return newest.holds(f"order {fence.order} was taken, and this one has {claim.order}"), fence


def _subject(fence: Fence) -> tuple[str, str, str]:
    return fence.installation, fence.application, fence.environment
