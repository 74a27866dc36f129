"""Objects of the usual operators. The test makes their definitions and writes their status as their controllers do: for
a spec that is carried out, for one that the controller has not seen yet, and for one in which it failed.

The versions whose source was read stand in `slipway.effects.cluster.custom_resources`.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from slipway.effects.cluster import EarlierPolls, Missing, ObjectConflict, ProgressState
from slipway.effects.cluster.connection import Connection
from slipway.effects.cluster.custom_resources import MOMENT

from . import manifests as m
from .conftest import Place

type Status = Callable[[int], m.Json]
"""The status, by the generation that it is about."""

FAILS = "the words of the operator"
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def conditions(*listed: tuple[str, str], generation: int | None = None) -> m.Json:
    about = {} if generation is None else {"observedGeneration": generation}
    times = {"lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "Because"}
    said = [{"type": name, "status": status, "message": FAILS} | times | about for name, status in listed]
    return {"conditions": said}


@dataclass(frozen=True, kw_only=True)
class Operated:
    """A kind, and the status that its controller writes."""

    api_version: str
    kind: str
    plural: str
    works: Status
    """While it carries a spec out."""
    well: Status
    fails: Status
    """Once it could not carry out a spec, after one that it could."""

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

    def wanted(self, size: int) -> m.Json:
        metadata = {"name": "web", "labels": dict(m.OWNED)}
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata, "spec": {"size": size}}


OPERATED = (
    Operated(
        api_version="argoproj.io/v1alpha1",
        kind="Rollout",
        plural="rollouts",
        works=lambda g: {"observedGeneration": str(g), "phase": "Progressing"},
        well=lambda g: {"observedGeneration": str(g), "phase": "Healthy"},
        fails=lambda g: {"observedGeneration": str(g), "phase": "Degraded", "message": FAILS},
    ),
    Operated(
        api_version="cert-manager.io/v1",
        kind="Certificate",
        plural="certificates",
        works=lambda _: conditions(("Issuing", "True")),
        well=lambda g: conditions(("Ready", "True"), generation=g),
        fails=lambda g: conditions(("Ready", "False"), ("Issuing", "True"), generation=g),
    ),
    Operated(
        api_version="external-secrets.io/v1",
        kind="ExternalSecret",
        plural="externalsecrets",
        works=lambda _: {},
        well=lambda g: {"syncedResourceVersion": f"{g}-0a1b2c", **conditions(("Ready", "True"))},
        fails=lambda g: {"syncedResourceVersion": f"{g - 1}-0a1b2c", **conditions(("Ready", "False"))},
    ),
    Operated(
        api_version="kustomize.toolkit.fluxcd.io/v1",
        kind="Kustomization",
        plural="kustomizations",
        works=lambda g: {"observedGeneration": -1, **conditions(("Ready", "Unknown"), generation=g)},
        well=lambda g: {"observedGeneration": g, **conditions(("Ready", "True"), generation=g)},
        fails=lambda g: {"observedGeneration": g - 1, **conditions(("Ready", "False"), generation=g)},
    ),
    Operated(
        api_version="kafka.strimzi.io/v1",
        kind="Kafka",
        plural="kafkas",
        works=lambda _: conditions(("NotReady", "True")),
        well=lambda g: {"observedGeneration": g, **conditions(("Ready", "True"))},
        fails=lambda g: {"observedGeneration": g, **conditions(("NotReady", "True"))},
    ),
    Operated(
        api_version="monitoring.coreos.com/v1",
        kind="Prometheus",
        plural="prometheuses",
        works=lambda g: conditions(("Available", "Degraded"), ("Reconciled", "True"), generation=g),
        well=lambda g: conditions(("Available", "True"), ("Reconciled", "True"), generation=g),
        fails=lambda g: conditions(("Available", "True"), ("Reconciled", "False"), generation=g),
    ),
    Operated(
        api_version="rabbitmq.com/v1beta1",
        kind="RabbitmqCluster",
        plural="rabbitmqclusters",
        works=lambda _: conditions(("AllReplicasReady", "False"), ("ReconcileSuccess", "Unknown")),
        well=lambda g: {
            "observedGeneration": g,
            **conditions(("AllReplicasReady", "True"), ("ReconcileSuccess", "True")),
        },
        fails=lambda g: {
            "observedGeneration": g - 1,
            **conditions(("AllReplicasReady", "True"), ("ReconcileSuccess", "False")),
        },
    ),
)
SCALED = Operated(
    api_version="keda.sh/v1alpha1",
    kind="ScaledObject",
    plural="scaledobjects",
    works=lambda _: conditions(("Ready", "Unknown")),
    well=lambda _: conditions(("Ready", "True")),
    fails=lambda _: conditions(("Ready", "False")),
)


@dataclass(frozen=True, kw_only=True)
class Played:
    """An object of an operator in a cluster; the test plays its controller."""

    place: Place
    what: Operated

    def apply(self, size: int) -> None:
        """As a rollout does it: tried again until the kind is served."""

        def applied() -> bool:
            try:
                self.place.apply([self.what.wanted(size)])
            except (ObjectConflict, Missing):
                return False
            return True

        self.place.settled(applied, until=bool)

    def says(self, status: m.Json) -> None:
        path = f"/apis/{self.what.api_version}/namespaces/{self.place.namespace}/{self.what.plural}/web/status"
        headers = {"Content-Type": "application/json-patch+json"}
        body = [{"op": "add", "path": "/status", "value": status}]
        with closing(Connection(self.place.access)) as connection:
            connection.send("PATCH", path, what="what its controller does", body=body, headers=headers)

    def seen(self, looked: EarlierPolls | None = None) -> tuple[ProgressState, str]:
        wanted = [self.what.wanted(1)]
        found = self.place.cluster.rollout(wanted, self.place.namespace, looked or EarlierPolls())
        return found.state, found.reason


@pytest.fixture
def played(request: pytest.FixtureRequest, admin_place: Place) -> Iterator[Played]:
    """The kind is there for the test alone; a cluster that has the operator's own definition is left as it is."""
    what: Operated = request.param
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    with closing(Connection(admin_place.access)) as connection:
        try:
            connection.send("POST", path, what="the definition", body=what.definition)
        except ObjectConflict:
            pytest.skip(f"the cluster has {what.plural}.{what.group} of its own")
        yield Played(place=admin_place, what=what)
        connection.send("DELETE", f"{path}/{what.plural}.{what.group}", what="clean up")


def by_kind(*operated: Operated) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("played", operated, indirect=True, ids=lambda each: each.kind)


WAITS, DONE = ProgressState.WAITING, ProgressState.DONE


@by_kind(*OPERATED)
def test_the_word_of_an_operator_counts_for_the_spec_that_it_means(played: Played) -> None:
    played.apply(1)
    assert played.seen()[0] is WAITS, "it has said nothing"
    played.says(played.what.works(1))
    assert played.seen()[0] is WAITS
    played.says(played.what.well(1))
    assert played.seen()[0] is DONE

    played.apply(2)
    state, reason = played.seen()
    assert (state, "has not" in reason) == (WAITS, True), "what it says is about the spec before"
    played.says(played.what.fails(2))
    state, reason = played.seen()
    assert (state, FAILS in reason) == (WAITS, True), "people read why, and it may still heal"
    played.says(played.what.well(2))
    assert played.seen()[0] is DONE


@by_kind(SCALED)
def test_an_operator_that_never_says_which_spec_it_means_gets_a_moment_for_a_new_one(played: Played) -> None:
    begun = datetime.now(UTC)
    at_once, later = (EarlierPolls(asked_at=begun, now=begun + after) for after in (timedelta(seconds=1), MOMENT))
    played.apply(1)
    assert played.seen(later)[0] is WAITS, "it has said nothing"
    played.says(played.what.well(1))
    assert played.seen(at_once)[0] is DONE, "there was no spec before"
    played.apply(2)
    assert played.seen(at_once)[0] is WAITS
    assert played.seen(later)[0] is DONE
    played.says(played.what.fails(2))
    state, reason = played.seen(later)
    assert (state, FAILS in reason) == (WAITS, True)
