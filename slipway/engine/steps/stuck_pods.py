"""Helps a StatefulSet on that waits for a pod of an older template, which it would do for ever.

Such a pod is what a failed rollout has left: it is looked for in a roll-back, and in a rollout after one that failed.
"""

from dataclasses import replace

from ...domain.plan import Plan
from ...domain.steps import SeenBefore
from ...effects.cluster import FencedCluster
from ..outcome import Finished, Outcome, Requeue

_KEPT = 50


def helped(writes: FencedCluster, plan: Plan, outcome: Outcome, seen: SeenBefore, *, patient: bool) -> Outcome:
    """The outcome of a look, after the deletion of one such pod if there is one; a finished one names all of them.

    `patient` gives time to a pod that is only not ready.
    """
    if isinstance(outcome, Finished) and seen.freed:
        return replace(outcome, result={**outcome.result, "pods": list(seen.freed)})
    if not isinstance(outcome, Requeue):
        return outcome
    pod = writes.free_stuck_pod(plan.manifests, patient=patient)
    if not pod:
        return outcome
    before = outcome.seen or seen
    return replace(outcome, seen=before.evolve(freed=(*before.freed, pod)[-_KEPT:]))
