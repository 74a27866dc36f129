"""After a rollout the running pods are compared with the plan; an addition by somebody else is shown before the
rollout, and fails it."""

import copy
from contextlib import closing

import pytest

from slipway.domain.images import InjectedContainer
from slipway.effects.cluster import ProgressState
from slipway.effects.cluster.connection import Connection

from . import manifests as m
from .conftest import Place

MESH = "registry.k8s.io/mesh/proxy@" + m.TWO
PROXY = InjectedContainer(container="istio-proxy", image="registry.k8s.io/mesh/*")
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}


def patch(place: Place, path: str, body: m.Json, *, manager: str = "kubectl-edit") -> None:
    with closing(Connection(place.access)) as developer:
        query = [("fieldManager", manager)]
        path = f"{path.format(place.namespace)}"
        developer.send("PATCH", path, what="patch", body=body, headers=STRATEGIC, query=query)


def of_kind(kind: str, digest: str) -> m.Json:
    workload = m.workload(kind, f"{m.PAUSE}@{digest}")
    workload["spec"] |= {} if kind == "DaemonSet" else {"replicas": 2}
    return workload


def add_containers(place: Place, kind: str, *containers: m.Json) -> None:
    """Add containers to the live workload, as somebody by hand."""
    path = f"/apis/apps/v1/namespaces/{{}}/{kind.lower()}s/web"
    patch(place, path, {"spec": {"template": {"spec": {"containers": list(containers)}}}})


def up(place: Place, manifest: m.Json) -> None:
    place.apply([manifest])
    assert place.rolled_out(manifest) is ProgressState.DONE


def compared(place: Place, manifest: m.Json, *injected: InjectedContainer, until_done: bool = True) -> tuple[str, ...]:
    """The containers that run although the plan does not have them, once all pods of the newest template are
    visible."""
    if until_done:
        assert place.rolled_out(manifest) is ProgressState.DONE
    look = lambda: place.cluster.compared([manifest], place.namespace, injected)  # noqa: E731
    return place.settle(look, until=lambda comparison: not comparison.too_few).others


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_pods_of_the_template_before_are_not_foreign_while_the_newest_is_not_seen_yet(place: Place, kind: str) -> None:
    up(place, of_kind(kind, m.ONE))
    for digest in (m.TWO, m.ONE, m.TWO):
        place.apply([of_kind(kind, digest)])
        assert place.cluster.compared([of_kind(kind, digest)], place.namespace).others == ()


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_pods_as_the_cluster_fills_them_in_are_as_the_plan_has_them(place: Place, kind: str) -> None:
    manifest = of_kind(kind, m.ONE)
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [
        {"name": "EMPTY", "value": ""},
        {"name": "PLACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "CORES", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
    ]
    up(place, manifest)
    assert compared(place, manifest) == ()


def test_the_pods_of_a_job_of_the_manifests_are_compared_as_long_as_they_exist(place: Place) -> None:
    manifest = m.job("migrate", prints="moved")
    up(place, manifest)
    assert compared(place, manifest) == ()
    [difference] = compared(place, m.job("migrate", prints="moved more"))
    assert difference.endswith("container test differs in command")
    comparison = place.cluster.compared([m.job("never")], place.namespace)
    assert comparison.unread == ("Job/never is gone, and its pods with it",)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_a_container_that_somebody_added_stays_and_is_reported_before_and_after_the_rollout(
    place: Place, kind: str
) -> None:
    first, second = of_kind(kind, m.ONE), of_kind(kind, m.TWO)
    up(place, first)
    add_containers(place, kind, {"name": "debug", "image": "evil.example/debug:1"})
    [change] = place.cluster.preview([second], place.namespace).objects
    [warning] = change.warnings
    assert warning.startswith(
        "container debug (evil.example/debug:1) is not in the manifest; kubectl-edit set it. An apply leaves "
        "it in place, nobody votes on it, and the rollout fails as long as it is there"
    )
    place.apply([second])
    [difference] = compared(place, second, until_done=False)
    assert difference == (
        f"{kind}/web is not as the plan has it: it has a container debug (evil.example/debug:1), "
        "which the plan does not have"
    )


def test_a_container_that_the_project_names_may_be_added_and_no_other(place: Place) -> None:
    manifest = m.deployment(replicas=1)
    up(place, manifest)
    add_containers(place, "Deployment", {"name": "istio-proxy", "image": MESH})
    [change] = place.cluster.preview([manifest], place.namespace, [PROXY]).objects
    assert change.warnings == ()
    assert f"container istio-proxy ({MESH}) is not in the manifest; kubectl-edit set it, as the project" in str(
        change.notes
    )
    assert compared(place, manifest, PROXY) == ()
    for injected in (
        InjectedContainer(container="istio-proxy", image="registry.k8s.io/other/*"),
        InjectedContainer(container="linkerd-proxy", image="*"),
    ):
        assert "istio-proxy" in compared(place, manifest, injected)[0]


def test_a_command_that_somebody_gave_a_container_is_reported_and_fails_the_rollout(place: Place) -> None:
    manifest = m.deployment(replicas=1)
    up(place, manifest)
    add_containers(place, "Deployment", {"name": "main", "args": ["--quiet"]})
    [change] = place.cluster.preview([manifest], place.namespace).objects
    assert change.warnings == (
        "container main differs in args. An apply leaves that in place, and the rollout fails as long as it is there",
    )
    [difference] = compared(place, manifest)
    assert difference.endswith("container main differs in args")


def test_the_tool_that_set_a_template_back_is_named(place: Place) -> None:
    """As Flux does when it delivers the same object."""
    manifest, foreign = m.deployment(replicas=1), m.deployment(f"{m.PAUSE}@{m.TWO}", replicas=1)
    place.apply([manifest])
    with closing(Connection(place.access)) as connection:
        m.applied_by(connection, place.namespace, foreign, "kustomize-controller")
    [difference] = compared(place, manifest, until_done=False)
    assert difference.endswith("container main differs in image, as kustomize-controller set it")


def test_a_variable_that_somebody_added_is_noted_and_fails_nothing(place: Place) -> None:
    manifest = m.deployment(replicas=1)
    up(place, manifest)
    add_containers(place, "Deployment", {"name": "main", "env": [{"name": "COLOUR", "value": "blue"}]})
    [change] = place.cluster.preview([manifest], place.namespace).objects
    assert "left as kubectl-edit set it" in str(change.notes)
    assert compared(place, manifest) == ()


def test_a_pod_whose_image_somebody_changed_is_named(place: Place) -> None:
    manifest = m.deployment(replicas=1)
    up(place, manifest)
    with closing(Connection(place.access)) as developer:
        listed = developer.send("GET", f"/api/v1/namespaces/{place.namespace}/pods", what="list").body["items"]
    [name] = [pod["metadata"]["name"] for pod in listed]
    patch_body = {"spec": {"containers": [{"name": "main", "image": f"{m.PAUSE}@{m.TWO}"}]}}
    patch(place, f"/api/v1/namespaces/{{}}/pods/{name}", patch_body)
    [difference] = compared(place, manifest, until_done=False)
    assert difference == f"pod {name} is not as the plan has it: container main differs in image"


def test_a_missing_deployment_is_reported_as_having_too_few_pods(place: Place) -> None:
    manifest = m.deployment(replicas=1)
    up(place, manifest)
    assert place.cluster.compared([m.deployment(name="other")], place.namespace).too_few == (
        "Deployment/other is gone, and its pods with it"
    )


def test_a_workload_whose_pods_nobody_waits_for_is_named_as_not_compared(place: Place) -> None:
    manifest = m.workload("ReplicaSet", f"{m.PAUSE}@{m.ONE}", replicas=1)
    place.apply([manifest])
    comparison = place.cluster.compared([manifest, m.config(a="1")], place.namespace)
    assert (comparison.others, comparison.unread) == ((), ("ReplicaSet/web: nobody waits for its pods",))


def test_the_template_of_a_cronjob_is_compared_before_it_has_pods(place: Place) -> None:
    job = m.job("nightly")
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": job["metadata"],
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": job["spec"]}},
    }
    place.apply([manifest])
    assert place.cluster.compared([manifest], place.namespace).others == ()
    changed = copy.deepcopy(manifest)
    changed["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    [difference] = place.cluster.compared([changed], place.namespace).others
    assert difference == "CronJob/nightly is not as the plan has it: container test differs in image"
