"""What becomes of a step whose request to a cluster failed."""

from ...effects.cluster import AccessDenied, ClusterError
from ..outcome import Outcome, Retry, failed


def after(error: ClusterError, *, begun: bool) -> Outcome:
    """Another try, or the end of the step. `begun` says whether the rollout has changed anything in the cluster.

    An API server that has just started refuses what it permits a moment later, since it has not read its roles yet.
    Before the rollout a right that is really missing is soon said; from then on there is nothing to lose by waiting.
    """
    if error.retryable:
        return Retry(reason=str(error))
    if isinstance(error, AccessDenied):
        return Retry(reason=str(error), briefly=not begun)
    return failed(str(error))
