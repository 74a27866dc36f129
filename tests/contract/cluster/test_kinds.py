"""The kinds that a cluster has, read in one request."""

from slipway.effects.cluster.connection import Connection
from slipway.effects.cluster.discovery import namespaced_kinds

from .conftest import Place


def test_all_kinds_that_a_release_may_have_objects_of_come_in_one_request(place: Place) -> None:
    connection = Connection(place.access)
    listing = namespaced_kinds(connection)
    connection.close()
    by_name = {kind.qualified: kind for kind in listing.kinds}
    assert listing.unknown == ()
    assert {"ConfigMap", "Secret", "Service", "PersistentVolumeClaim", "Deployment.apps", "Job.batch"} <= set(by_name)
    assert {"Ingress.networking.k8s.io", "Role.rbac.authorization.k8s.io"} <= set(by_name)
    assert by_name["HorizontalPodAutoscaler.autoscaling"].api_version == "autoscaling/v2"
    assert all(kind.namespaced for kind in listing.kinds)
    assert not {"Event", "Event.events.k8s.io", "Lease.coordination.k8s.io", "Endpoints"} & set(by_name)
    assert "LocalSubjectAccessReview.authorization.k8s.io" not in by_name  # it can only be created
