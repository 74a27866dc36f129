"""The kinds that a cluster says it has, in one answer."""

from slipway.effects.cluster.connection import Connection
from slipway.effects.cluster.discovery import namespaced_kinds

from .conftest import Place


def test_all_kinds_that_a_release_may_have_objects_of_come_in_one_request(place: Place) -> None:
    connection = Connection(place.access)
    known = namespaced_kinds(connection)
    connection.close()
    found = {kind.qualified: kind for kind in known.kinds}
    assert known.unknown == ()
    assert {"ConfigMap", "Secret", "Service", "PersistentVolumeClaim", "Deployment.apps", "Job.batch"} <= set(found)
    assert {"Ingress.networking.k8s.io", "Role.rbac.authorization.k8s.io"} <= set(found)
    assert found["HorizontalPodAutoscaler.autoscaling"].api_version == "autoscaling/v2"
    assert all(kind.namespaced for kind in known.kinds)
    assert not {"Event", "Event.events.k8s.io", "Lease.coordination.k8s.io", "Endpoints"} & set(found)
    assert "LocalSubjectAccessReview.authorization.k8s.io" not in found  # it can only be created
