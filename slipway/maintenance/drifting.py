"""Compares clusters with the live releases of the ledger, and tells the handler about changes.

There is one look for each namespace that has something live, however many applications it has. Drift that begins,
changes or ends becomes an event; a look with the same result as the last one writes nothing. No cluster is changed.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ..catalogue.entries import Catalogue, Entry
from ..clock import Clock
from ..domain.drift import DriftFindings, IgnoredDrift, following
from ..domain.errors import UnknownName
from ..domain.events import DriftLooked
from ..domain.model import Record
from ..domain.plan import Plan, read_plan
from ..domain.release import Lane, Live
from ..effects.cluster import AppliedManifests, Cluster, ClusterError, Difference, Owner
from ..engine.handle import Contended, Handler
from ..ledger import Blobs, Ledger, LedgerUnavailable
from ..telemetry import Attribute, Family, span

log = logging.getLogger(__name__)

PLANS_KEPT = 256
"""The number of plans kept in memory: they are named by their hash, and each look compares the same ones."""
PLAN_LOST = "the plan by which it went live is no longer kept as it was"

type Place = tuple[str, str]
"""Cluster and namespace."""


class DriftPass(Record):
    """The result of one run."""

    namespaces: int = 0
    news: int = 0
    """The number of environments with a new result."""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WatchedEnvironment:
    """The live release of one environment."""

    entry: Entry
    lane: Lane
    live: Live
    plan: Plan | None
    ignored: tuple[IgnoredDrift, ...]

    @property
    def name(self) -> str:
        return f"{self.entry.application.application} in {self.lane.environment}"


@dataclass(frozen=True, kw_only=True)
class DriftWatch:
    """Looks at every environment of every application."""

    ledger: Ledger
    blobs: Blobs
    catalogue: Catalogue
    cluster: Callable[[str], Cluster]
    handler: Handler
    clock: Clock
    _plans: dict[str, Plan] = field(default_factory=dict, repr=False)

    def run(self) -> DriftPass:
        """Look everywhere. A failure in one place does not keep the others from being looked at."""
        done, by_place = DriftPass(), dict[Place, list[WatchedEnvironment]]()
        for entry in self.catalogue:
            try:
                for watched in self._live(entry):
                    if watched.plan is None:
                        done = self._tell(done, watched, DriftFindings(unknown=PLAN_LOST))
                    else:
                        by_place.setdefault((watched.plan.cluster, watched.plan.namespace), []).append(watched)
            except LedgerUnavailable as away:
                done = _failed(done, entry.application.application, away)
        for (cluster, namespace), all_watched in by_place.items():
            with span(Family.RECONCILE, "drift", {Attribute.SERVICE: f"{cluster}/{namespace}"}):
                findings = self._look(cluster, namespace, all_watched)
            for watched, each in zip(all_watched, findings, strict=True):
                done = self._tell(done, watched, each)
        return done.evolve(namespaces=len(by_place))

    def _live(self, entry: Entry) -> Iterator[WatchedEnvironment]:
        """The environments in which a release is live and no rollout is under way."""
        lanes = self.ledger.lanes(entry.application.application)
        for environment in entry.application.environments:
            lane = lanes.get(environment.name)
            if lane is not None and lane.live is not None and lane.in_progress is None:
                yield WatchedEnvironment(
                    entry=entry,
                    lane=lane,
                    live=lane.live,
                    plan=self._plan(lane.live.plan_hash),
                    ignored=environment.drift_ignore,
                )

    def _plan(self, digest: str) -> Plan | None:
        if digest not in self._plans:
            try:
                content = self.blobs.get(digest)
            except ValueError as changed:
                log.warning("drift: %s", changed)
                content = None
            plan = read_plan(content) if content is not None else None
            if plan is None:
                return None
            if len(self._plans) >= PLANS_KEPT:
                self._plans.pop(next(iter(self._plans)))
            self._plans[digest] = plan
        return self._plans[digest]

    def _look(self, cluster: str, namespace: str, all_watched: Sequence[WatchedEnvironment]) -> list[DriftFindings]:
        """The result for each environment; unknown if the cluster does not answer, or refuses."""
        now = self.clock()
        applied = [
            AppliedManifests(
                owner=Owner.of(watched.plan.application, watched.plan.environment),
                manifests=watched.plan.manifests,
                live_for=now - watched.live.at,
                ignored=watched.ignored,
            )
            for watched in all_watched
            if watched.plan is not None
        ]
        try:
            drifts = self.cluster(cluster).drift(applied, namespace)
        except (ClusterError, UnknownName) as error:
            log.warning("drift: %s in %s: %s", namespace, cluster, error)
            return [DriftFindings(unknown=str(error)[:500]) for _ in all_watched]
        return [self._drift_of(differences, f"{namespace} in {cluster}") for differences in drifts]

    def _drift_of(self, differences: Sequence[Difference] | ClusterError, place: str) -> DriftFindings:
        if isinstance(differences, ClusterError):
            log.warning("drift: %s: %s", place, differences)
            return DriftFindings(unknown=str(differences)[:500])
        if not differences:
            return DriftFindings()
        text = "".join(f"{each.drifted.text}\n{each.diff}\n" for each in differences)
        document = self.blobs.put(text.encode(), "text/plain; charset=utf-8")
        return DriftFindings.of(tuple(each.drifted for each in differences), document)

    def _tell(self, done: DriftPass, watched: WatchedEnvironment, seen: DriftFindings) -> DriftPass:
        if following(watched.lane.drift, seen) is None:
            return done
        event = DriftLooked(
            received_at=self.clock(),
            application=watched.entry.application.application,
            environment=watched.lane.environment,
            release=watched.live.release,
            plan_hash=watched.live.plan_hash,
            seen=seen,
        )
        try:
            self.handler.handle_for(watched.entry, event)
        except (LedgerUnavailable, Contended) as error:
            return _failed(done, watched.name, error)
        return done.evolve(news=done.news + 1)


def _failed(done: DriftPass, where: str, error: Exception) -> DriftPass:
    return done.evolve(problems=(*done.problems, f"{where}: {error}"))
