"""Roll back: brings back the release that was live before, and removes the objects that the failed release has made.

Each object is brought back even if another one cannot be. Jobs among the manifests are left alone: they did their work
when their release was rolled out. A pod for which a StatefulSet would wait for ever is deleted. The record and the
release's reason name objects that could not be brought back, or that are still there.
"""

from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from ...clock import Clock
from ...domain.errors import UnknownName, present
from ...domain.model import Record
from ...domain.order import TakenOrder
from ...domain.plan import Plan
from ...domain.pruning import Deleted, Deletion, Ending
from ...domain.signing import KeysUnavailable
from ...domain.steps import EarlierFindings
from ...effects.cluster import Cluster, ClusterError, Owner, UnappliedObject
from ...manifests.around import is_job
from ..outcome import REASON_LIMIT, Finished, Outcome, Retry, failed
from ..run_step import Work
from .clients import Clients
from .cluster_errors import outcome_after
from .plan import PlanLost, load_plan, plan_of
from .rollout import LASTS, RolloutTarget, fenced_target, judge_rollout
from .stuck_pods import delete_stuck_pod

_KEPT = 50
"""The most removed, resisting or remaining objects that the record names of each."""
_DELETIONS = TypeAdapter(tuple[Deletion, ...])


class RollbackReport(Record):
    """The results of a rollback, apart from the objects that were brought back."""

    removed: tuple[str, ...] = ()
    """The outcome for each object that the failed release had made."""
    unapplied: tuple[str, ...] = ()
    """The objects that could not be brought back, with the reason."""
    left: str = ""
    """The part of a sentence about remaining objects of the failed release, and about running containers that were not
    live before; empty if there are none."""


@dataclass(frozen=True, kw_only=True)
class _Rollback:
    clients: Clients
    clock: Clock
    work: Work
    cluster: Cluster
    target: RolloutTarget
    before: Plan
    """The plan with which the release that is brought back was live, without its Jobs."""

    def outcome(self) -> Outcome:
        findings = self.work.step.seen
        if findings.applied_at is None or self.work.step.tries:
            back = self.target.writes.roll_back(self.before.manifests)
            passing = [each for each in back.unapplied if each.passing]
            if passing:  # the others are back; the step goes on until these are too
                return Retry(reason=_reason(passing))
            unapplied = {each.label: str(each)[:500] for each in back.unapplied[:_KEPT]}
            findings = findings.evolve(applied_at=self.clock(), unapplied=unapplied)
        return self._judged(findings)

    def _judged(self, seen: EarlierFindings) -> Outcome:
        plan = self.before.evolve(
            manifests=tuple(
                m for m in self.before.manifests if f"{m['kind']}/{m['metadata']['name']}" not in seen.unapplied
            )
        )
        work = replace(self.work, step=self.work.step.evolve(seen=seen))
        outcome = judge_rollout(self.clients, self.cluster, plan, self.clock, work, is_rollback=True)
        begun = seen.applied_at or self.work.step.asked_at
        outcome = delete_stuck_pod(self.target.writes, plan, outcome, seen, only_held_up=self.clock() - begun < LASTS)
        return self._with_order(self._ended(outcome, seen)) if isinstance(outcome, Finished) else outcome

    def _with_order(self, outcome: Finished) -> Finished:
        """Earlier messages of the step applied objects under the same order."""
        order = present(self.work.step.order, f"the order of {self.work.step.id}")
        taken = TakenOrder(cluster=self.before.cluster, namespace=self.before.namespace, order=order)
        return replace(outcome, result={**outcome.result, "taken": taken.model_dump(mode="json")})

    def _ended(self, outcome: Finished, seen: EarlierFindings) -> Finished:
        removed = self._remove_made_objects()
        left = [str(each) for each in removed if each.ending is Ending.LEFT]
        report = RollbackReport(
            removed=tuple(map(str, removed[:_KEPT])),
            unapplied=tuple(seen.unapplied.values()),
            left="; ".join(
                f"{what}: {'; '.join(listed)}"
                for what, listed in (
                    ("still there of its objects", left),
                    ("running beside it without a vote", outcome.result.get("others") or []),
                )
                if listed
            )[:1000],
        )
        result = {**outcome.result, **report.model_dump(mode="json", exclude_defaults=True)}
        if not seen.unapplied:
            return replace(outcome, result=result)
        text = f"could not be brought back: {'; '.join(seen.unapplied.values())}"
        rest = "everything else is back" if outcome.passed else outcome.reason
        return Finished(passed=False, reason=f"{text}; {rest}"[:REASON_LIMIT], result=result)

    def _remove_made_objects(self) -> tuple[Deleted, ...]:
        """Delete, by uid, the objects that the failed release has made and the release before did not have. If the
        environment has moved since, those are all objects that it made, in the other place. Running Jobs are left."""
        if not (made := self._made_objects()):
            return ()
        failed_plan = plan_of(self.clients, self.work)
        moved = (failed_plan.cluster, failed_plan.namespace) != (self.before.cluster, self.before.namespace)
        former = set() if moved else {(m["kind"], m["metadata"]["name"]) for m in self.before.manifests}
        going = [each for each in made if (each.kind, each.name) not in former]
        running = [each for each in going if self._is_running(each, failed_plan)]
        owner = Owner.of(self.before.application, self.before.environment)
        target = fenced_target(self.clients, self.work, failed_plan) if moved else self.target
        done = target.writes.prune([each for each in going if each not in running], owner)
        why = "it has not ended, and work under way is not cut off"
        return (*done, *(Deleted(object=each.label, ending=Ending.LEFT, why=why) for each in running))

    def _made_objects(self) -> tuple[Deletion, ...]:
        rollouts = self.work.release.rollouts
        made = rollouts[-1].made if rollouts else None
        content = self.clients.blobs.get(made) if made else None
        return _DELETIONS.validate_json(content) if content else ()

    def _is_running(self, made: Deletion, plan: Plan) -> bool:
        if made.kind != "Job":
            return False
        manifest = {"apiVersion": made.api_version, "kind": made.kind, "metadata": {"name": made.name}}
        return self.clients.cluster(plan.cluster).is_running(manifest, plan.namespace)


def roll_back(clients: Clients, clock: Clock, work: Work) -> Outcome:
    """Bring back the live release's plan, then poll until it is up. Doing it again is harmless."""
    lane = work.rows.lanes.get(work.step.environment)
    try:
        plan = load_plan(clients, lane.live.plan_hash if lane and lane.live else None)
        before = plan.evolve(manifests=tuple(m for m in plan.manifests if not is_job(m)))
        cluster = clients.cluster(plan.cluster)
        target = fenced_target(clients, work, plan)
        return _Rollback(
            clients=clients, clock=clock, work=work, cluster=cluster, target=target, before=before
        ).outcome()
    except (PlanLost, UnknownName) as error:
        return failed(str(error))
    except (ClusterError, KeysUnavailable) as error:
        return outcome_after(error, begun=True)


def _reason(unapplied: list[UnappliedObject]) -> str:
    return "; ".join(map(str, unapplied))[:REASON_LIMIT]
