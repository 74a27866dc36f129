"""What a cluster's own rules do to a release: policies, Pod Security levels, defaults, webhooks. On a real control
plane, since the double has none of them."""

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from local.cluster.certificates import make_certificates
from slipway.effects.cluster import ClusterError, ObjectRefused, ProgressState
from slipway.effects.cluster.connection import Connection

from . import manifests as m
from .conftest import Place

pytestmark = pytest.mark.parametrize("access", [pytest.param("real", marks=pytest.mark.cluster)], indirect=True)

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
MERGE = {"Content-Type": "application/merge-patch+json"}


@contextmanager
def cluster_wide(place: Place, *objects: tuple[str, m.Json]) -> Iterator[None]:
    """Cluster-wide objects, named after the test's namespace, for as long as the test needs them."""
    with closing(Connection(place.access)) as admin, ExitStack() as ends:
        for path, value in objects:
            admin.send("POST", path, what="make it", body={"metadata": {"name": place.namespace}, **value})
            ends.callback(admin.send, "DELETE", f"{path}/{place.namespace}", what="clean up")
        yield


def refusal(place: Place, *manifests: m.Json) -> ClusterError | None:
    try:
        place.cluster.preview(manifests, place.namespace)
    except ClusterError as error:
        return error
    return None


def of_the_namespace(place: Place) -> m.Json:
    return {"matchLabels": {"kubernetes.io/metadata.name": place.namespace}}


def test_a_policy_that_refuses_is_reported_by_its_name_before_anybody_votes(place: Place) -> None:
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "object.spec.replicas > 2", "message": "three pods at least"}],
    }
    binding = {
        "policyName": place.namespace,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": of_the_namespace(place)},
    }
    policies, bindings = (f"{ADMISSION}/validatingadmissionpolic{end}" for end in ("ies", "ybindings"))
    with cluster_wide(place, (policies, {"spec": policy}), (bindings, {"spec": binding})):
        error = place.settle(lambda: refusal(place, m.deployment()), until=bool)
    assert isinstance(error, ObjectRefused)
    assert f"ValidatingAdmissionPolicy '{place.namespace}'" in str(error)
    assert "three pods at least" in str(error)


def test_pods_that_the_namespaces_level_forbids_are_reported_in_the_plan_and_waited_for(place: Place) -> None:
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    with closing(Connection(place.access)) as admin:
        admin.send("PATCH", f"/api/v1/namespaces/{place.namespace}", what="label it", body=labels, headers=MERGE)
    manifest = m.deployment(replicas=1)
    [change] = place.cluster.preview([manifest], place.namespace).objects
    assert [warning for warning in change.warnings if 'would violate PodSecurity "restricted:latest"' in warning]
    place.apply([manifest])
    progress = place.settle(
        lambda: place.cluster.rollout([manifest], place.namespace),
        until=lambda progress: "PodSecurity" in progress.reason,
    )
    assert progress.state is ProgressState.WAITING
    assert "no pod can be created" in progress.reason


def test_a_default_from_a_limit_range_is_neither_a_difference_of_pods_nor_a_change_in_the_preview(place: Place) -> None:
    limit = {"type": "Container", "default": {"cpu": "100m"}, "defaultRequest": {"cpu": "50m"}}
    limit_range = {"metadata": {"name": "usual"}, "spec": {"limits": [limit]}}
    with closing(Connection(place.access)) as admin:
        admin.send("POST", f"/api/v1/namespaces/{place.namespace}/limitranges", what="make it", body=limit_range)
    manifest = m.deployment(replicas=1)
    place.apply([manifest])
    assert place.rolled_out(manifest) is ProgressState.DONE
    assert place.cluster.compared([manifest], place.namespace).others == ()
    assert not m.changes(place.cluster.preview([manifest], place.namespace))


@contextmanager
def silent(folder: Path) -> Iterator[m.Json]:
    """The client configuration of a webhook whose server accepts connections and never answers."""
    files, connections = make_certificates(folder), list[socket.socket]()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate("apiserver"), files.key("apiserver"))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def let_in() -> None:
            with suppress(OSError):  # until the server is closed
                while True:
                    connections.append(context.wrap_socket(server.accept()[0], server_side=True))

        threading.Thread(target=let_in, daemon=True).start()
        authority = base64.b64encode(files.authority.read_bytes()).decode()
        yield {"url": f"https://127.0.0.1:{server.getsockname()[1]}/", "caBundle": authority}
    for connection in connections:
        connection.close()


def test_a_silent_webhook_holds_up_no_other_object(place: Place, tmp_path: Path) -> None:
    """The first webhook may stay silent, the second may not: the API server gives up after 34 seconds, whatever
    time-outs they have."""
    place.apply([m.config(a="1"), m.deployment()])
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"]}
    with silent(tmp_path) as somebody:
        usual: m.Json = {
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "namespaceSelector": of_the_namespace(place),
            "rules": [rule],
            "timeoutSeconds": 20,
            "clientConfig": somebody,
        }
        webhooks = [
            {**usual, "name": "first.example.com", "failurePolicy": "Ignore"},
            {**usual, "name": "second.example.com", "failurePolicy": "Fail"},
        ]
        with cluster_wide(place, (f"{ADMISSION}/mutatingwebhookconfigurations", {"webhooks": webhooks})):
            place.settle(lambda: refusal(place, m.config(a="2")), until=bool)
            back = place.fenced().roll_back([m.config(a="2"), m.deployment()])
    [unapplied] = back.unapplied
    assert (unapplied.label, unapplied.passing) == ("ConfigMap/settings", True)
    assert "did not complete within requested timeout" in unapplied.why
    assert "check that the pods which serve webhooks are running" in unapplied.why
    assert [applied.name for applied in back.applied] == ["web"]
