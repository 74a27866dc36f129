"""Objects of the usual operators. The test creates their definitions and writes their status as their controllers do:
for a spec that is carried out, for one that the controller has not seen yet, and for one in which it failed.

The versions whose source was read stand in `slipway.effects.cluster.custom_resources`.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from slipway.effects.cluster import EarlierPolls, Missing, ObjectConflict, ProgressState
from slipway.effects.cluster.connection import Connection
from slipway.effects.cluster.custom_resources import GRACE_PERIOD

from . import manifests as m
from .conftest import Place

type Status = Callable[[int], m.Json]
"""The status, by the generation that it is about."""

MESSAGE = "the operator's message"
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def conditions(*listed: tuple[str, str], generation: int | None = None) -> m.Json:
    about = {} if generation is None else {"observedGeneration": generation}
    times = {"lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "Because"}
    entries = [{"type": name, "status": status, "message": MESSAGE} | times | about for name, status in listed]
    return {"conditions": entries}


@dataclass(frozen=True, kw_only=True)
class Operated:
    """A kind, and the status that its controller writes."""

    api_version: str
    kind: str
    plural: str
    in_progress: Status
    """While it is applying a spec."""
    healthy: Status
    failed: Status
    """Once it has failed to apply a spec, after an earlier one that it did apply."""

    @property
    def group(self) -> str:
        return self.api_version.partition("/")[0]

    @property
    def definition(self) -> m.Json:
        names = {"kind": self.kind, "plural": self.plural, "singular": self.kind.lower()}
        schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": OPEN, "status": OPEN}}}
        version = {"name": self.api_version.partition("/")[2], "served": True, "storage": True, "schema": schema}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{self.plural}.{self.group}", "labels": dict(m.OWNED)},
            "spec": {
                "group": self.group,
                "scope": "Namespaced",
                "names": names,
                "versions": [version | {"subresources": {"status": {}}}],
            },
        }

    def manifest(self, size: int) -> m.Json:
        metadata = {"name": "web", "labels": dict(m.OWNED)}
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata, "spec": {"size": size}}


OPERATED = (
    Operated(
        api_version="argoproj.io/v1alpha1",
        kind="Rollout",
        plural="rollouts",
        in_progress=lambda g: {"observedGeneration": str(g), "phase": "Progressing"},
        healthy=lambda g: {"observedGeneration": str(g), "phase": "Healthy"},
        failed=lambda g: {"observedGeneration": str(g), "phase": "Degraded", "message": MESSAGE},
    ),
    Operated(
        api_version="cert-manager.io/v1",
        kind="Certificate",
        plural="certificates",
        in_progress=lambda _: conditions(("Issuing", "True")),
        healthy=lambda g: conditions(("Ready", "True"), generation=g),
        failed=lambda g: conditions(("Ready", "False"), ("Issuing", "True"), generation=g),
    ),
    Operated(
        api_version="external-secrets.io/v1",
        kind="ExternalSecret",
        plural="externalsecrets",
        in_progress=lambda _: {},
        healthy=lambda g: {"syncedResourceVersion": f"{g}-0a1b2c", **conditions(("Ready", "True"))},
        failed=lambda g: {"syncedResourceVersion": f"{g - 1}-0a1b2c", **conditions(("Ready", "False"))},
    ),
    Operated(
        api_version="kustomize.toolkit.fluxcd.io/v1",
        kind="Kustomization",
        plural="kustomizations",
        in_progress=lambda g: {"observedGeneration": -1, **conditions(("Ready", "Unknown"), generation=g)},
        healthy=lambda g: {"observedGeneration": g, **conditions(("Ready", "True"), generation=g)},
        failed=lambda g: {"observedGeneration": g - 1, **conditions(("Ready", "False"), generation=g)},
    ),
    Operated(
        api_version="kafka.strimzi.io/v1",
        kind="Kafka",
        plural="kafkas",
        in_progress=lambda _: conditions(("NotReady", "True")),
        healthy=lambda g: {"observedGeneration": g, **conditions(("Ready", "True"))},
        failed=lambda g: {"observedGeneration": g, **conditions(("NotReady", "True"))},
    ),
    Operated(
        api_version="monitoring.coreos.com/v1",
        kind="Prometheus",
        plural="prometheuses",
        in_progress=lambda g: conditions(("Available", "Degraded"), ("Reconciled", "True"), generation=g),
        healthy=lambda g: conditions(("Available", "True"), ("Reconciled", "True"), generation=g),
        failed=lambda g: conditions(("Available", "True"), ("Reconciled", "False"), generation=g),
    ),
    Operated(
        api_version="rabbitmq.com/v1beta1",
        kind="RabbitmqCluster",
        plural="rabbitmqclusters",
        in_progress=lambda _: conditions(("AllReplicasReady", "False"), ("ReconcileSuccess", "Unknown")),
        healthy=lambda g: {
            "observedGeneration": g,
            **conditions(("AllReplicasReady", "True"), ("ReconcileSuccess", "True")),
        },
        failed=lambda g: {
            "observedGeneration": g - 1,
            **conditions(("AllReplicasReady", "True"), ("ReconcileSuccess", "False")),
        },
    ),
)
SCALED = Operated(
    api_version="keda.sh/v1alpha1",
    kind="ScaledObject",
    plural="scaledobjects",
    in_progress=lambda _: conditions(("Ready", "Unknown")),
    healthy=lambda _: conditions(("Ready", "True")),
    failed=lambda _: conditions(("Ready", "False")),
)


@dataclass(frozen=True, kw_only=True)
class CustomResource:
    """An operator's object in a cluster; the test acts as its controller."""

    place: Place
    operated: Operated

    def apply(self, size: int) -> None:
        """Apply as a rollout does: again until the kind is served."""

        def applied() -> bool:
            try:
                self.place.apply([self.operated.manifest(size)])
            except (ObjectConflict, Missing):
                return False
            return True

        self.place.settle(applied, until=bool)

    def write_status(self, status: m.Json) -> None:
        path = f"/apis/{self.operated.api_version}/namespaces/{self.place.namespace}/{self.operated.plural}/web/status"
        headers = {"Content-Type": "application/json-patch+json"}
        body = [{"op": "add", "path": "/status", "value": status}]
        with closing(Connection(self.place.access)) as connection:
            connection.send("PATCH", path, what="what its controller does", body=body, headers=headers)

    def progress(self, earlier: EarlierPolls | None = None) -> tuple[ProgressState, str]:
        manifests = [self.operated.manifest(1)]
        rollout = self.place.cluster.rollout(manifests, self.place.namespace, earlier or EarlierPolls())
        return rollout.state, rollout.reason


@pytest.fixture
def resource(request: pytest.FixtureRequest, admin_place: Place) -> Iterator[CustomResource]:
    """The kind exists for this test alone; a cluster that has the operator's own definition is left as it is."""
    operated: Operated = request.param
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    with closing(Connection(admin_place.access)) as connection:
        try:
            connection.send("POST", path, what="the definition", body=operated.definition)
        except ObjectConflict:
            pytest.skip(f"the cluster has {operated.plural}.{operated.group} of its own")
        yield CustomResource(place=admin_place, operated=operated)
        connection.send("DELETE", f"{path}/{operated.plural}.{operated.group}", what="clean up")


def by_kind(*operated: Operated) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("resource", operated, indirect=True, ids=lambda operated: operated.kind)


WAITS, DONE = ProgressState.WAITING, ProgressState.DONE


@by_kind(*OPERATED)
def test_a_status_of_an_operator_counts_only_for_the_spec_that_it_observed(resource: CustomResource) -> None:
    resource.apply(1)
    assert resource.progress()[0] is WAITS, "it has no status yet"
    resource.write_status(resource.operated.in_progress(1))
    assert resource.progress()[0] is WAITS
    resource.write_status(resource.operated.healthy(1))
    assert resource.progress()[0] is DONE

    resource.apply(2)
    state, reason = resource.progress()
    assert (state, "has not" in reason) == (WAITS, True), "its status is about the earlier spec"
    resource.write_status(resource.operated.failed(2))
    state, reason = resource.progress()
    assert (state, MESSAGE in reason) == (WAITS, True), "the reason is shown, and it may still recover"
    resource.write_status(resource.operated.healthy(2))
    assert resource.progress()[0] is DONE


@by_kind(SCALED)
def test_an_operator_that_does_not_name_its_observed_spec_gets_a_grace_period_after_a_change(
    resource: CustomResource,
) -> None:
    begun = datetime.now(UTC)
    at_once, later = (EarlierPolls(asked_at=begun, now=begun + after) for after in (timedelta(seconds=1), GRACE_PERIOD))
    resource.apply(1)
    assert resource.progress(later)[0] is WAITS, "it has no status yet"
    resource.write_status(resource.operated.healthy(1))
    assert resource.progress(at_once)[0] is DONE, "there was no spec before"
    resource.apply(2)
    assert resource.progress(at_once)[0] is WAITS
    assert resource.progress(later)[0] is DONE
    resource.write_status(resource.operated.failed(2))
    state, reason = resource.progress(later)
    assert (state, MESSAGE in reason) == (WAITS, True)
