"""The page docs/reference/rollouts.md, made from the rules themselves: `python -m scripts.reference.rollouts`."""

import sys
from datetime import timedelta

from slipway.domain.around import JOB_KEPT, LONGEST_JOB, USUAL_JOB
from slipway.domain.pruning import MOST_DELETIONS
from slipway.effects.cluster.custom_resources import GRACE_PERIOD, OPERATORS, Health
from slipway.effects.cluster.names import KEEP, KEPT_BY_HELM, NO_NODE_NEEDED
from slipway.effects.cluster.pruning import NEVER, RetainedBecause
from slipway.effects.cluster.situations import JUDGED, Judgement, Situation, WatchedKind
from slipway.engine.steps.rollout import LASTS, POLL_PAUSES, SLOW_PAUSE
from slipway.manifests.configuration import CONFIG_ANNOTATION


def _seconds(time: timedelta) -> str:
    return f"{time.total_seconds():g}"


_KINDS = " | ".join(kind.value for kind in WatchedKind)
_START = f"""# How rollouts are judged

Once the objects of a plan are applied, Slipway checks them after {_seconds(POLL_PAUSES[0])} seconds and then at growing
intervals, up to {_seconds(SLOW_PAUSE)} seconds. A release is rolled out when everything in its plan is done. The
rollout ends early only in a situation that needs another release. If a situation may pass by itself, or somebody can
mend it in the cluster, Slipway waits until the environment's `rollout_within` is over. In both cases the reason says
what was seen and what to do.

- **done**: nothing more to wait for. An object that was seen done stays done for this rollout, even a Job that its
  `ttlSecondsAfterFinished` removes.
- **waits**: Slipway waits until the situation or `rollout_within` is over.
- **ends if it lasts**: the rollout ends once this was seen for {_seconds(LASTS)} seconds without a break.
- **ends at once**: the rollout ends as soon as this is seen.
- **–**: this does not occur.

A DaemonSet that no node should have runs nothing, so it is not done. If that is intended, as for a pool that is scaled
to no nodes, the annotation `{"{}: {}".format(*NO_NODE_NEEDED)}` on the DaemonSet says so.

A rollback is judged by the same table; its time begins when its objects were applied.

Once everything is done, the running pods are compared with the plan: the live template of each workload, and each pod
of its newest one. Containers, images, commands and stated variables have to be the plan's. A container that the plan
does not have fails the rollout by its name (`runs-as-planned`), unless the project names it in
[`injected`](project.md); one that was there before is a warning in the plan already. More variables than the plan
states are not a failure: operators add them to every pod, and those that somebody wrote into the live object are noted
in the plan. What cannot be compared is named in the record: custom resources, whose operator alone knows their pods,
and Jobs that have removed themselves. As long as pods cannot be read, or not all of them, the rollout is not done. A
rollback only reports other running containers; they do not fail it.

| What is seen | {_KINDS} | What to do |
|---|{"---|" * len(WatchedKind)}---|
"""
_MIDDLE = """
Objects of any other kind are done once they are applied. Pods count only if they are of the newest template, and only
while the workload itself is not done: pods that are up outweigh any earlier report.

## Custom resources

An object of an operator is judged by what the operator writes into its status: first whether it has seen this spec
(`observedGeneration`, in the status or in a condition), then `Stalled`, then by this table. Each line was read in the
source of the version that it names.

| Group | Kind | Is well when | Read in |
|---|---|---|---|
"""
_STAYS = "\n".join(
    f"- {stays.value.format(others='another tool', most=MOST_DELETIONS)};"
    for stays in RetainedBecause
    if stays is not RetainedBecause.KEPT
)
_END = f"""
For all others `Ready` counts, or else `Available`: `True` is well, `False` is not ready, anything else is under way. An
object that has neither is done once it is applied; one that this rollout has just made gets {_seconds(GRACE_PERIOD)}
seconds in which its operator may say something.

Some operators never write which spec they mean: KEDA, CloudNativePG, MongoDB's, Argo CD for an `Application`. When the
spec of such an object changes, its operator gets {_seconds(GRACE_PERIOD)} seconds to take back that it is well; after
that it is believed. An `ExternalSecret` counts once its `syncedResourceVersion` is of this spec, unless
`refreshPolicy` or `refreshInterval` says that it is read only once. A `Rollout` with a `workloadRef` may be called
healthy before Argo Rollouts has seen the new template of the workload that it names. The acceptance tests have to check
everything that conditions do not tell.

## What a plan says about each object

Beside the difference between the live state and the planned one, the plan's page says

- **whose the fields were**: which are taken over from `kubectl`, Helm or another tool, which of theirs are removed as
  the manifest does not have them, and which are left as somebody set them by hand or an autoscaler did. Fields set by
  `kubectl apply --server-side` or Helm 4 since the last release stay with their owner;
- **that what is live stays where it is**, in the first release after its environment got another cluster or namespace:
  nothing there is changed or deleted, and once the release is live nobody looks after it;
- **that Flux or Argo CD applies it too**, where it did so
  [after Slipway](../how-to/drift.md#flux-or-argo-cd-beside-slipway);
- **what the API server warns of**: a version of an API that goes away, a pod that a policy would refuse. The record
  `rollout.applied` names the warnings again;
- **a ConfigMap or Secret whose change no pod would see**, since it is read when pods start, and its readers do not
  change. With `on_config_change: restart` their template gets the hash of what they read, as `{CONFIG_ANNOTATION}`, so
  that they restart. Anybody who may read pods sees this hash, so leave it off if they read a Secret that is easy to
  guess;
- **replicas that stay as they are**, since the manifest no longer says how many. That is how a workload is handed to an
  autoscaler: an apply without the field would go back to one pod, the server's default;
- **what the cluster could not check**: an object whose definition comes with this release, or changes with it.

An object that another application, or another environment, has applied is refused, with the command that hands it over.
So is a change of what is fixed once an object is there (a selector, a Service's address, a claim's class, a bound
role): it takes an object with another name. An object that is being deleted is not written to, since the changes would
go with it: the rollout waits until it is gone, and creates it again.

## What left the manifests

An object that Slipway applied for this application and environment before, and that is no longer in the manifests, is
in the plan as **deleted**, so voters agree to its deletion. Slipway looks for such objects in all kinds that have a
namespace, custom ones included. Kinds that could not be searched are named below the plan's changes, if the application
ever had such objects here (`slipway doctor` names all of them). Once the rollout is judged good, and before its
acceptance tests, each of these very objects is read again and deleted, workloads before what they use; the record
`objects.deleted` names each. If the tests fail, the rollback brings back what was part of the live plan. One plan
deletes at most {MOST_DELETIONS} objects. One that finalizers hold after that is named with them.

An object stays, and the plan or the record says why, where

{_STAYS}
- the cluster refuses its deletion: for want of a right, or by a policy.

It stays also with the annotation `{KEEP[0]}: {KEEP[1]}`, or `{KEPT_BY_HELM[0]}: {KEPT_BY_HELM[1]}`, which
charts write. Never deleted are {", ".join(f"`{kind}`" for kind in sorted(NEVER))},
and whatever has no namespace. An application or environment that is taken out of the catalogue leaves its objects.

## Jobs around a rollout

A bundle may bring Jobs that run before a rollout, such as a migration, and Jobs that run after it, in its folders
`before/` and `after/`; an application of images names its files in `before` and `after`. They are part of the plan, so
people see them before they vote, and votes are for them too. Images are where the cluster pulls them from before the
first Job starts. The objects that such a Job refers to (a Secret, a ServiceAccount) have to be in the cluster already:
those of its own release come after it.

- **In order**: by the names of their files, or as the application lists them, each once the one before has ended well.
- **Once** for a release in an environment. In the cluster a Job has its own name, the release's number and a hash of
  what it does, and the record has its uid. A Job of that name that is not the one that was made ends the release, and
  is named. A second attempt (`slipway retry`) runs only failed Jobs again.
- **For as long as it says**: `activeDeadlineSeconds`, at most {_seconds(LONGEST_JOB)} seconds, and
  {_seconds(USUAL_JOB)} where it says nothing. The cluster does not try a Job again unless its `backoffLimit` says so.
  While it runs it is judged by the table above.
- **Before**: if one fails, the release ends as `failed`, and nothing else was applied: the live release stays live.
- **After**: they run once everything that was applied is up, and before the acceptance tests. If one fails, the
  previous release is restored, as after failed tests.
- **Kept** for {JOB_KEPT.days} days after its end, so that people can look at it and nobody runs it twice. One that is
  given up and has not ended is deleted, so that it does not run when nobody waits for it any more.
- **Not again in a rollback**, neither an automatic one nor one by hand; the plan of the latter names the Jobs that do
  not run. With the annotation `slipway.dev/on-rollback: run` a Job runs again in a manual rollback to its release.

Its log is kept as evidence; the last lines are on the release's page.

## Rolling back

A rollout that fails is undone by itself, unless `on_failure` is `stop`: the plan that was live before is applied again.

- **Each object for itself.** One that the cluster refuses holds up no other, nor does one whose admission webhook is
  away. An obstacle that may pass (a conflict, a missing right, a server or a webhook that is away) is retried until it
  has passed. An object that stays refused ends the rollback as failed once everything else is back, and the release's
  reason names it.
- **New objects go**: those that the failed release has made, by their uids, and that were not part of what was live. An
  object that must not be deleted (a volume claim, `{KEEP[0]}: {KEEP[1]}`), or cannot be, is named in the release's
  reason.
- **Jobs among the manifests are left alone.** None of what was live runs again; one of the failed release that is at
  work is not cut off, and is named.
- **A StatefulSet's stuck pod is deleted.** An ordered StatefulSet never replaces a pod that is not ready
  (kubernetes/kubernetes#67250), so its rollback would never end. Slipway deletes such a pod of an older template, one
  at a time: at once if its image or its program fails, and after {_seconds(LASTS)} seconds if it is only not ready. It
  needs the right to delete pods if there are StatefulSets.

The record `rollback.done` or `rollback.failed` has each object that was taken away or left, and each pod. A Job that is
in the way of a rollout is replaced once it has ended, or where none of its containers has ever started.

## Why it failed

When a rollout is given up, Slipway reads the output of the containers that do not run (of their previous run first, as
it has ended), and the cluster's warnings about the workload, its pods and their volume claims. The last lines stand in
the reason, so on the release's page, in `slipway explain` and in the message to people; the whole is evidence, named by
its hash. Failed acceptance tests are named, if their log has the form of a usual test runner. Control characters and
what looks like a secret (a value beside a telling name, a token, a key, credentials in an address) are taken out before
anything is kept.
"""


def page() -> str:
    rows = "".join(
        f"| {situation.meaning} | {_cells(situation)} | {situation.advice.format(pod='POD')} |\n"
        for situation in Situation
    )
    operators = "".join(
        f"| `{group}` | `{kind}` | {_health_condition(health)} | {health.read} |\n"
        for (group, kind), health in sorted(OPERATORS.items())
    )
    return _START + rows + _MIDDLE + operators + _END


def _cells(situation: Situation) -> str:
    return " | ".join(_cell(JUDGED[kind, situation]) for kind in WatchedKind)


def _cell(judgement: Judgement) -> str:
    bold = judgement in (Judgement.ENDS, Judgement.ENDS_IF_IT_LASTS)
    return f"**{judgement.word}**" if bold else judgement.word


def _health_condition(health: Health) -> str:
    if health.phase:
        return f"`status.{'.'.join(health.phase)}` is `{health.well}`"
    unless = f", and `{health.refused}` is not `False`" if health.refused else ""
    rests = f"; done as well where `{'` or `'.join(health.rests)}` is `True`" if health.rests else ""
    return f"`{health.condition}` is `True`{unless}{rests}"


if __name__ == "__main__":
    sys.stdout.write(page())
