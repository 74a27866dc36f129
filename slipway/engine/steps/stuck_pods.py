"""Helps on a StatefulSet that would wait for ever for a pod of an older template.

A failed rollout leaves such pods, so they are looked for in a rollback, and in a rollout after a failed one.
"""

from dataclasses import replace

from ...domain.plan import Plan
from ...domain.steps import EarlierFindings
from ...effects.cluster import FencedCluster
from ..outcome import Finished, Outcome, Requeue

_KEPT = 50


def delete_stuck_pod(
    writes: FencedCluster, plan: Plan, outcome: Outcome, seen: EarlierFindings, *, only_held_up: bool
) -> Outcome:
    """The outcome of a poll, after deleting one such pod, if there is one; a finished outcome names all that were
    deleted.

    With `only_held_up`, a pod that is only not ready gets more time.
    """
    if isinstance(outcome, Finished) and seen.freed:
        return replace(outcome, result={**outcome.result, "pods": list(seen.freed)})
    if not isinstance(outcome, Requeue):
        return outcome
    pod = writes.free_stuck_pod(plan.manifests, only_held_up=only_held_up)
    if not pod:
        return outcome
    before = outcome.seen or seen
    return replace(outcome, seen=before.evolve(freed=(*before.freed, pod)[-_KEPT:]))
