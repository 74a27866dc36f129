"""Every request of a step to a cluster is a span, also the writes under a fence."""

import pytest

from slipway.bootstrap import observation
from slipway.effects.cluster import Cluster, FencedCluster
from slipway.telemetry import Attribute
from slipway.testing import MemoryCluster
from slipway.testing.claims import claim

from .conftest import Recorder

MANIFEST = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}


def test_writes_under_a_fence_are_spans_of_their_cluster(recorder: Recorder) -> None:
    cluster = observation.cluster(MemoryCluster(), "staging")
    fenced = cluster.fenced("shop", claim)
    assert fenced.taken_order is None
    fenced.apply([MANIFEST])
    fenced.start_job(MANIFEST)
    assert str(fenced.taken_order) == "0.1"
    cluster.preview([MANIFEST], "shop")
    spans = [(span.name, span.attributes[Attribute.SERVICE]) for span in recorder.spans]
    assert spans == [(f"cluster {action}", "staging") for action in ("apply", "start-job", "preview")]


@pytest.mark.parametrize(
    ("of", "names"), [(Cluster, observation.CLUSTER_LOOKS), (FencedCluster, observation.CLUSTER_WRITES)]
)
def test_every_observed_name_is_a_method_of_its_class(of: type, names: tuple[str, ...]) -> None:
    assert [name for name in names if not callable(getattr(of, name, None))] == []
