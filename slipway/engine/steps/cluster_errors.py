"""The outcome of a step whose request to a cluster failed, or whose fence is lost."""

from ...domain.model import Record
from ...domain.order import Order, TakenOrder
from ...domain.signing import KeysUnavailable
from ...effects.cluster import AccessDenied, ClusterError, FenceLost, NotToBegin
from ..outcome import Outcome, Retry, failed, not_begun


class FenceLostReport(Record):
    """The report of a rollout that lost the fence."""

    found: Order | None
    """The order in the Lease."""
    removed: tuple[str, ...]
    """Objects that were created too late, and were deleted again."""


class OrderTakenReport(Record):
    """The order taken by a rollout that failed later."""

    taken: TakenOrder


def outcome_after(error: ClusterError | KeysUnavailable, *, begun: bool, taken: TakenOrder | None = None) -> Outcome:
    """Another try, or the end of the step. `begun` says whether the rollout has changed anything in the cluster.

    An API server that has just started refuses what it permits a moment later, since it has not read its roles yet.
    Before the rollout begins, a right that is really missing is reported soon; after that, waiting loses nothing.
    """
    if isinstance(error, FenceLost):
        return not_begun((error.rule,), FenceLostReport(found=error.found, removed=error.removed))
    if isinstance(error, NotToBegin):
        return not_begun(error.rules)
    if isinstance(error, KeysUnavailable) or error.retryable:
        return Retry(reason=str(error))
    if isinstance(error, AccessDenied):
        return Retry(reason=str(error), briefly=not begun)
    return failed(str(error), OrderTakenReport(taken=taken) if taken is not None else None)
