"""An in-memory cluster."""

from collections.abc import Callable, Sequence
from datetime import datetime

from ..domain.drift import Drifted, DriftKind
from ..domain.environment import HttpProbe
from ..domain.fence import Claim, LeaseState, judge_fence
from ..domain.model import Record, sha256
from ..domain.order import Order
from ..domain.pruning import Deleted, Deletion, Ending
from ..domain.rules import Fail
from ..domain.steps import StartedJob
from ..effects.cluster import (
    AppliedChange,
    AppliedManifests,
    AppliedObject,
    Cluster,
    ClusterError,
    ClusterIdentity,
    ClusterPreview,
    ClusterUnreachable,
    Difference,
    FencedCluster,
    FenceLost,
    JobState,
    Manifest,
    NotToBegin,
    ObjectChange,
    ObjectRefused,
    OnceState,
    Owner,
    ProbeResult,
    ProgressState,
    RemovedFromManifests,
    RetainedObject,
    RollbackOutcome,
    RolloutState,
    Search,
    UnappliedObject,
    Unsearched,
)
from ..effects.cluster.as_planned import difference_from_template
from ..effects.cluster.cluster import Injected
from ..effects.cluster.diagnosis import Diagnosis
from ..effects.cluster.diff import diff_objects
from ..effects.cluster.jobs import MAX_LOG
from ..effects.cluster.records import Json
from ..effects.cluster.rights import APPLIED, Right
from ..effects.cluster.role import documents
from ..effects.cluster.rollout import FIRST_POLL, EarlierPolls
from ..effects.cluster.running import ComparedPods
from ..manifests.images import pod_spec


class MadeJob(Record):
    """A Job around a rollout."""

    uid: str
    attempt: int
    ends: JobState


class MemoryCluster(Cluster):
    """Stores applied objects. A rollout is done when it is checked for the second time, unless its image is broken."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Manifest] = {}
        self.orders: dict[tuple[str, str, str], str] = {}
        """The order with which each object was applied."""
        self.leases: dict[tuple[str, str], str] = {}
        """The content of the Leases, by namespace and name."""
        self.wrote_lease = "slipway"
        """The manager that the Leases' fields name."""
        self.applied = 0
        self.broken: set[str] = set()
        """Digests of images that never come up."""
        self.slow: set[str] = set()
        """Digests of images whose rollout never ends."""
        self.errors: list[ClusterError] = []
        """Raised by the next calls, one each."""
        self.lacking: tuple[Right, ...] = ()
        """Rights that the app lacks."""
        self.staying: tuple[RetainedObject, ...] = ()
        self.unsearched: tuple[Unsearched, ...] = ()
        self.undeletable: dict[str, str] = {}
        """Names of objects whose deletion is refused, with the reason."""
        self.away_before_pruning = False
        """Whether the cluster stops answering once a rollout was judged."""
        self.jobs: dict[str, JobState] = {}
        self.jobs_started: list[str] = []
        self.job_ends = JobState(state=ProgressState.DONE, reason="1 of 1 pods succeeded")
        self.answered_by = ""
        """Answers at the release's Services instead of the release."""
        self.ends: dict[str, JobState] = {}
        """The ends of Jobs around a rollout, by their own names, if other than `job_ends`."""
        self.refuses: dict[str, ClusterError] = {}
        """Raised once, when the object with this label is applied."""
        self.resists: dict[str, UnappliedObject] = {}
        """The objects that a rollback cannot apply, by label; one that may pass resists once."""
        self.running: set[str] = set()
        """Labels of Jobs among the applied objects that are at work."""
        self.pods: dict[str, Json] = {}
        """Specs of pods that differ from their template, by the names of their workloads."""
        self.unreadable: ClusterError | None = None
        """Why pods cannot be read."""
        self.compares = ComparedPods()
        """The workloads that cannot be compared with the plan, and those that cannot be compared yet."""
        self.made: dict[str, MadeJob] = {}
        """The Jobs around rollouts, by their names."""
        self.log = "1 test\n1 passed\n"
        self.last_lines = ""
        """The last lines of a program that does not run."""
        self.probes: list[ProbeResult] = []
        """Results of the next probes; later ones pass."""
        self._uids: dict[tuple[str, str, str], str] = {}
        self._looks: dict[tuple[str, str, str], int] = {}

    def preview(self, manifests: Sequence[Manifest], namespace: str, injected: Injected = ()) -> ClusterPreview:
        self._maybe_fail()
        changes = tuple(
            ObjectChange(
                kind=manifest["kind"], name=manifest["metadata"]["name"], change=self._change(manifest, namespace)
            )
            for manifest in manifests
        )
        return ClusterPreview(objects=changes)

    def hold(self, manifest: Manifest, namespace: str) -> None:
        """Add an object, as if an earlier release had applied it."""
        key = _key(manifest, namespace)
        self.objects[key], self._uids[key] = manifest, f"uid-of-{key[2]}"

    def departed(self, manifests: Sequence[Manifest], namespace: str, owner: Owner) -> RemovedFromManifests:
        self._maybe_fail()
        targeted = {_key(manifest, namespace) for manifest in manifests}
        candidates = [(key, live) for key, live in self.objects.items() if key[0] == namespace and key not in targeted]
        deletions = tuple(
            Deletion(api_version=live["apiVersion"], kind=key[1], name=key[2], uid=self._uids[key])
            for key, live in candidates
            if owner.owns(live["metadata"])
        )
        return RemovedFromManifests(deletions=deletions, staying=self.staying, unsearched=self.unsearched)

    def search(self, namespace: str, owner: Owner) -> Search:
        self._maybe_fail()
        return Search(owned=(), unsearched=self.unsearched)

    def namespace_id(self, namespace: str) -> str:
        self._maybe_fail()
        return f"uid-of-{namespace}-in-{id(self)}"

    def fenced(self, namespace: str, claim: Callable[[], Claim]) -> FencedCluster:
        return MemoryFenced(self, namespace, claim)

    def lease(self, namespace: str, name: str) -> LeaseState | None:
        text = self.leases.get((namespace, name))
        if text is None:
            return None
        return LeaseState(text=text, written_by=self.wrote_lease, uid="1", version=sha256(text.encode()))

    # ---- what a rollout does under its fence
    def prune(self, deletions: Sequence[Deletion], namespace: str, owner: Owner) -> tuple[Deleted, ...]:
        self._maybe_fail()
        if self.away_before_pruning:
            raise ClusterUnreachable("the API server does not answer")
        return tuple(self._prune(deletion, (namespace, deletion.kind, deletion.name)) for deletion in deletions)

    def _prune(self, deletion: Deletion, key: tuple[str, str, str]) -> Deleted:
        if why := self.undeletable.get(deletion.name):
            return Deleted(object=deletion.label, ending=Ending.LEFT, why=why)
        if key not in self.objects or self._uids[key] != deletion.uid:
            return Deleted(object=deletion.label, ending=Ending.GONE)
        del self.objects[key]
        return Deleted(object=deletion.label, ending=Ending.DELETED)

    def apply(self, manifests: Sequence[Manifest], namespace: str) -> list[AppliedObject]:
        self._maybe_fail()
        applied = list[AppliedObject]()
        for manifest in manifests:
            if refused := self.refuses.pop(f"{manifest['kind']}/{manifest['metadata']['name']}", None):
                refused.applied = tuple(applied)
                raise refused
            change, key = self._change(manifest, namespace), _key(manifest, namespace)
            if change is AppliedChange.CREATED:
                self._uids[key] = f"uid-{len(self._uids) + 1}-{self.applied}"
            if change is not AppliedChange.UNCHANGED:
                self.objects[key] = manifest
                self._looks[key] = 0
            applied.append(
                AppliedObject(
                    kind=key[1],
                    name=key[2],
                    api_version=manifest["apiVersion"],
                    uid=self._uids[key],
                    created=change is AppliedChange.CREATED,
                    generation=1,
                )
            )
        self.applied += 1
        return applied

    def roll_back(self, manifests: Sequence[Manifest], namespace: str) -> RollbackOutcome:
        self._maybe_fail()
        free = [m for m in manifests if f"{m['kind']}/{m['metadata']['name']}" not in self.resists]
        applied, unapplied = self.apply(free, namespace), tuple(self.resists.values())
        self.resists = {label: obstacle for label, obstacle in self.resists.items() if not obstacle.passing}
        return RollbackOutcome(applied=tuple(applied), unapplied=unapplied)

    def free_stuck_pod(self, manifests: Sequence[Manifest], namespace: str, *, only_held_up: bool) -> str:
        self._maybe_fail()
        return ""  # it has no pods

    def is_running(self, job: Manifest, namespace: str) -> bool:
        self._maybe_fail()
        return f"Job/{job['metadata']['name']}" in self.running

    def rollout(
        self, manifests: Sequence[Manifest], namespace: str, earlier: EarlierPolls = FIRST_POLL
    ) -> RolloutState:
        self._maybe_fail()
        key = next(_key(m, namespace) for m in manifests if m["kind"] == "Deployment")
        if key not in self.objects:
            return RolloutState(state=ProgressState.FAILED, reason="it is not in the cluster")
        digest = self.digest(namespace)
        self._looks[key] += 1
        if digest in self.broken:
            return RolloutState(state=ProgressState.FAILED, reason="the pods crash")
        if digest in self.slow or self._looks[key] == 1:
            return RolloutState(state=ProgressState.WAITING, reason="0 of 1 pods are ready")
        return RolloutState(state=ProgressState.DONE, reason="1 of 1 pods are ready")

    def why(self, manifests: Sequence[Manifest], namespace: str, state: RolloutState) -> Diagnosis:
        return Diagnosis(
            text=f"{state.reason}\n\n== log of shop-1/shop\n{self.last_lines}\n", last_lines=self.last_lines
        )

    def compared(self, manifests: Sequence[Manifest], namespace: str, injected: Injected = ()) -> ComparedPods:
        """A pod for each workload; it matches its template, unless `pods` has another spec."""
        self._maybe_fail()
        if self.unreadable is not None:
            raise self.unreadable
        differences = list[str]()
        for manifest in (candidate for candidate in manifests if pod_spec(candidate)):
            live = pod_spec(self.objects.get(_key(manifest, namespace)))
            spec = self.pods.get(manifest["metadata"]["name"], live)
            for pod in (live, spec):
                if why := difference_from_template(pod_spec(manifest), pod, injected, more_variables=True):
                    differences.append(f"{manifest['kind']}/{manifest['metadata']['name']}: {why}")
                    break
        return self.compares.evolve(others=tuple(differences))

    def start_job(self, manifest: Manifest, namespace: str) -> StartedJob:
        self._maybe_fail()
        number = len(self.jobs)
        started = StartedJob(name=f"{manifest['metadata']['name']}-{number:08x}", uid=f"uid-{number}")
        self.jobs[started.uid] = self.job_ends
        self.jobs_started.append(started.name)
        return started

    def run_once(
        self, manifest: Manifest, namespace: str, *, uid: str = "", earlier: str = "", attempt: int = 1
    ) -> OnceState:
        """As `start_job`; a Job's end is seen at the second look."""
        self._maybe_fail()
        name = manifest["metadata"]["name"]
        job = self.made.get(name)
        if job is None and uid:
            return OnceState(uid=uid, state=ProgressState.HOPELESS, reason="it is not in the cluster")
        if job is not None and uid not in ("", job.uid):
            raise ObjectRefused(f"Job/{name} is not the one that was made for this release")
        if job is None or (job.ends.state is ProgressState.FAILED and job.attempt < attempt):
            ends = self.ends.get(manifest["metadata"]["annotations"]["slipway.dev/job"], self.job_ends)
            self.jobs_started.append(name)
            self.made[name] = MadeJob(uid=f"uid-{len(self.jobs_started)}", attempt=attempt, ends=ends)
            return OnceState(uid=self.made[name].uid, state=ProgressState.WAITING, reason="the Job was started")
        return OnceState(uid=job.uid, state=job.ends.state, reason=job.ends.reason)

    def withdraw_job(self, manifest: Manifest, namespace: str, *, uid: str) -> bool:
        job = self.made.get(manifest["metadata"]["name"])
        if job is None or job.uid != uid:
            return False
        del self.made[manifest["metadata"]["name"]]
        return True

    def job(self, started: StartedJob, manifest: Manifest, namespace: str, injected: Injected = ()) -> JobState:
        self._maybe_fail()
        return self.jobs[started.uid]

    def answered_by_others(self, manifests: Sequence[Manifest], namespace: str, began: datetime | None) -> str:
        self._maybe_fail()
        return self.answered_by

    def job_log(self, started: StartedJob, namespace: str, limit_bytes: int = MAX_LOG) -> str:
        return self.log[-limit_bytes:]

    def probe(self, request: HttpProbe, namespace: str) -> ProbeResult:
        self._maybe_fail()
        return self.probes.pop(0) if self.probes else ProbeResult(passed=True, status=200, reason="status 200")

    def drift(self, applied: Sequence[AppliedManifests], namespace: str) -> list[tuple[Difference, ...] | ClusterError]:
        self._maybe_fail()
        return [
            tuple(filter(None, (self._differs(manifest, namespace) for manifest in part.manifests))) for part in applied
        ]

    def _differs(self, manifest: Manifest, namespace: str) -> Difference | None:
        live = self.objects.get(_key(manifest, namespace))
        if live == manifest or manifest["kind"] == "Job":
            return None
        kind = DriftKind.MISSING if live is None else DriftKind.CHANGED
        by = "" if live is None else "kubectl-edit"
        drifted = Drifted(what=kind, kind=manifest["kind"], name=manifest["metadata"]["name"], by=by)
        return Difference(drifted=drifted, diff=diff_objects(live, manifest))

    def missing_rights(self, manifests: Sequence[Manifest], namespace: str) -> tuple[Right, ...]:
        self._maybe_fail()
        return self.lacking

    def identity(self) -> ClusterIdentity:
        self._maybe_fail()
        return ClusterIdentity(name="system:serviceaccount:slipway:worker")

    def other_role(self, manifests: Sequence[Manifest], kinds: Sequence[str], namespace: str) -> list[Json]:
        """Only for `kinds`: it does not know the plural of a manifest's kind."""
        self._maybe_fail()
        more = [
            Right(verb=verb, group=group, resource=f"{kind.lower()}s")
            for group, _, kind in (name.rpartition("/") for name in kinds)
            for verb in APPLIED
        ]
        return documents(more, namespace, self.identity())

    def digest(self, namespace: str) -> str | None:
        """The digest that the application's own container runs."""
        workloads = (manifest for key, manifest in self.objects.items() if key[:2] == (namespace, "Deployment"))
        images = (str(container["image"]) for workload in workloads for container in pod_spec(workload)["containers"])
        return next((image.partition("@")[2] for image in images if not image.startswith("docker.io/")), None)

    def _change(self, manifest: Manifest, namespace: str) -> AppliedChange:
        live = self.objects.get(_key(manifest, namespace))
        if live is None:
            return AppliedChange.CREATED
        return AppliedChange.UNCHANGED if live == manifest else AppliedChange.CHANGED

    def _maybe_fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


def _key(manifest: Manifest, namespace: str) -> tuple[str, str, str]:
    return namespace, manifest["kind"], manifest["metadata"]["name"]


class MemoryFenced(FencedCluster):
    """One rollout's hold on a namespace of the memory cluster. No other writer comes between its reads and its
    writes."""

    def __init__(self, cluster: MemoryCluster, namespace: str, claim: Callable[[], Claim]) -> None:
        self._cluster, self._namespace, self._claim = cluster, namespace, claim
        self._held: Claim | None = None

    @property
    def taken_order(self) -> Order | None:
        return self._held.order if self._held is not None else None

    def apply(self, manifests: Sequence[Manifest]) -> list[AppliedObject]:
        claim = self._confirmed()
        applied = self._cluster.apply(manifests, self._namespace)
        self._cluster.orders |= {_key(manifest, self._namespace): str(claim.order) for manifest in manifests}
        return applied

    def start_job(self, manifest: Manifest) -> StartedJob:
        self._confirmed()
        return self._cluster.start_job(manifest, self._namespace)

    def seize(self) -> None:
        claim = self._claim()
        self._cluster.leases[self._namespace, claim.lease] = claim.fence.text
        self._held = claim.once_taken()

    def roll_back(self, manifests: Sequence[Manifest]) -> RollbackOutcome:
        claim = self._confirmed()
        back = self._cluster.roll_back(manifests, self._namespace)
        labels = {(applied_object.kind, applied_object.name) for applied_object in back.applied}
        self._cluster.orders |= {(self._namespace, *label): str(claim.order) for label in labels}
        return back

    def free_stuck_pod(self, manifests: Sequence[Manifest], *, only_held_up: bool) -> str:
        return self._cluster.free_stuck_pod(manifests, self._namespace, only_held_up=only_held_up)

    def run_once(
        self, manifest: Manifest, *, uid: str = "", earlier: str = "", attempt: int = 1, injected: Injected = ()
    ) -> OnceState:
        if not uid:
            self._confirmed()
        return self._cluster.run_once(manifest, self._namespace, uid=uid, earlier=earlier, attempt=attempt)

    def withdraw_job(self, manifest: Manifest, *, uid: str) -> bool:
        self._confirmed()
        return self._cluster.withdraw_job(manifest, self._namespace, uid=uid)

    def prune(self, deletions: Sequence[Deletion], owner: Owner) -> tuple[Deleted, ...]:
        self._confirmed()
        return self._cluster.prune(deletions, self._namespace, owner)

    def _confirmed(self) -> Claim:
        """Take the order, or check that it is still the newest."""
        if self._held is None and not isinstance(next(iter(self._cluster.errors), None), ObjectRefused):
            self._cluster._maybe_fail()  # the Lease is read before any object
        claim = self._held or self._claim()
        result, fence = judge_fence(self._cluster.lease(self._namespace, claim.lease), claim)
        compared = claim.whole(fence) if self._held is None and fence is not None and claim.whole is not None else None
        for rule in (compared, result):
            if isinstance(rule, Fail):
                raise FenceLost(rule, found=fence.order if fence is not None else None)
        if self._held is None:
            already_ours = fence is not None and fence.order == claim.order
            if not already_ours and (rules := claim.in_the_way()):
                raise NotToBegin(rules)
            self._cluster.leases[self._namespace, claim.lease] = claim.fence.text
            self._held = claim.once_taken()
        return self._held
