"""Rollouts on a cluster that other people and controllers work on too, and where not everything goes well at first."""

import copy
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.situations.kit import ADA, Application, Installation, Json, KubernetesCluster, check, image, shop, workload

pytestmark = pytest.mark.sweep(keep=1)

Install = Callable[..., Installation]
Start = Callable[..., KubernetesCluster]


def production(**changes: Any) -> Application:
    """An application that goes to production at once, where nobody is asked unless the test says so."""
    return shop(**{"environments": ("production",), "approvers": (), **changes})


def push(installation: Installation, *tags: str) -> None:
    for tag in tags:
        installation.push(tag)
        installation.settle()


FOR_NOW = {
    "throttled": 'Back-off pulling image "x": ErrImagePull: 429 Too Many Requests',
    "unavailable": "Back-off pulling image: 503 Service Unavailable",
    "timed out": 'Back-off pulling image "x": ErrImagePull: context deadline exceeded',
    "torn off": 'Back-off pulling image "x": ErrImagePull: unexpected EOF',
}


@pytest.mark.parametrize("message", FOR_NOW.values(), ids=FOR_NOW.keys())
def test_a_pull_that_fails_for_half_a_minute_does_not_fail_the_release(
    install: Install, kubernetes: Start, message: str
) -> None:
    cluster = kubernetes()
    installation = install(production(), kubernetes=cluster)
    push(installation, "v1")
    cluster.pulls_fail = message
    installation.push("v2")
    installation.settle(within=timedelta(seconds=30))
    cluster.pulls_fail = ""
    installation.settle()
    assert installation.live("production") == "v2"


def test_an_image_that_does_not_exist_fails_the_release_without_waiting_for_its_time(
    install: Install, kubernetes: Start
) -> None:
    cluster = kubernetes()
    installation = install(production(), kubernetes=cluster)
    cluster.pulls_fail = 'Back-off pulling image "x": ErrImagePull: manifest unknown: not found'
    installation.push("v1")
    installation.settle(within=timedelta(minutes=2))
    assert installation.release().phase == "failed"


@pytest.mark.parametrize("replicas", [1, 2, 12])
def test_a_deployment_whose_pods_are_all_up_is_done_even_if_its_deadline_has_passed(
    install: Install, kubernetes: Start, replicas: int
) -> None:
    cluster = kubernetes()
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas)
    cluster.report("shop", conditions=[late], **counts)
    web = workload("Deployment", replicas=replicas)
    installation = install(production(manifests={"deployment.yaml": web}), kubernetes=cluster)
    push(installation, "v1")
    assert installation.live("production") == "v1", installation.release().reason


@pytest.mark.parametrize("alive", [1, 8])
def test_a_daemonset_that_waits_for_a_node_that_is_not_ready_names_the_node(
    install: Install, kubernetes: Start, alive: int
) -> None:
    cluster = kubernetes()
    for number in range(alive):
        cluster.add_node(f"aks-{number}", ready=True)
    cluster.add_node("aks-dead", ready=False)
    agent = workload("DaemonSet", name="agent")
    installation = install(production(manifests={"agent.yaml": agent}), kubernetes=cluster)
    push(installation, "v1")
    assert installation.live("production") == "v1" or "aks-dead" in installation.release().reason


@pytest.mark.parametrize("replicas", [1, 3])
def test_the_rollback_of_a_statefulset_ends_although_a_pod_is_stuck(
    install: Install, kubernetes: Start, replicas: int
) -> None:
    missing = image("an image that is not in the registry any more")
    cluster = kubernetes(never_pulled=(missing.digest,))
    database = workload("StatefulSet", replicas=replicas, serviceName="shop")
    installation = install(production(manifests={"deployment.yaml": database}), kubernetes=cluster)
    push(installation, "v1")
    installation.push("v2", missing)
    installation.settle()
    assert installation.release(2).phase == "rolled_back", installation.release(2).reason


@pytest.mark.parametrize("replicas", [1, 3])
def test_a_good_statefulset_goes_live_after_a_bad_first_one(install: Install, kubernetes: Start, replicas: int) -> None:
    missing = image("an image that is not in the registry any more")
    cluster = kubernetes(never_pulled=(missing.digest,))
    database = workload("StatefulSet", replicas=replicas, serviceName="shop")
    installation = install(production(manifests={"deployment.yaml": database}), kubernetes=cluster)
    installation.push("v1", missing)
    installation.settle()
    if installation.release().phase != "failed":
        raise RuntimeError(f"the story went wrong: {installation.release()}")
    installation.time.wait(timedelta(minutes=1))
    push(installation, "v2")
    assert installation.live("production") == "v2", installation.release(2).reason


@pytest.mark.parametrize("jobs", [("migrate",), ("migrate", "seed")], ids=["one job", "two jobs"])
def test_a_retry_runs_a_job_that_failed_again(install: Install, kubernetes: Start, jobs: tuple[str, ...]) -> None:
    cluster = kubernetes()
    cluster.failing = set(jobs)
    files = {f"{name}.yaml": job(name) for name in jobs}
    installation = install(production(manifests=files), kubernetes=cluster)
    push(installation, "v1")
    if installation.release().phase != "failed":
        raise RuntimeError(f"the story went wrong: {installation.release()}")
    cluster.failing = set()
    installation.time.wait(timedelta(minutes=1))
    installation.command("retry", release="shop-1")
    assert installation.release().phase == "completed", installation.release().reason


def job(name: str) -> Json:
    pod = copy.deepcopy(workload("Deployment")["spec"]["template"])
    pod["spec"]["restartPolicy"] = "Never"
    spec = {"backoffLimit": 0, "template": pod}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


SCALER: Json = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "shop"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "minReplicas": 4,
        "maxReplicas": 9,
    },
}
TWO = workload("Deployment", replicas=2)


@pytest.mark.parametrize("own", [True, False], ids=["its own autoscaler", "somebody else's autoscaler"])
def test_a_release_leaves_the_replicas_of_an_autoscaled_deployment_alone(
    install: Install, kubernetes: Start, own: bool
) -> None:
    cluster = kubernetes()
    files = {"deployment.yaml": TWO} | ({"scaler.yaml": SCALER} if own else {})
    installation = install(production(manifests=files), kubernetes=cluster)
    push(installation, "v1")
    if not own:
        cluster.create(SCALER, manager="kubectl")
    cluster.scale("shop", 6)
    push(installation, "v2")
    assert (installation.live("production"), cluster.deployment()["spec"]["replicas"]) == ("v2", 6)


def test_the_check_reports_replicas_that_an_autoscaler_of_the_same_folder_sets(tmp_path: Path) -> None:
    result = check(production(manifests={"deployment.yaml": TWO, "scaler.yaml": SCALER}), tmp_path)
    assert "replicas" in result.text
    assert "HorizontalPodAutoscaler" in result.text


def test_the_plan_says_that_a_deployment_is_paused_before_anybody_votes(install: Install, kubernetes: Start) -> None:
    cluster = kubernetes()
    installation = install(production(approvers=(ADA,)), kubernetes=cluster)
    push(installation, "v1")
    installation.approve(ADA)
    cluster.pause("shop")
    push(installation, "v2")
    assert "paused" in installation.page(ADA, release=2).text


def with_environment(manifest: Json) -> None:
    manifest["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "OLD_FLAG", "value": "1"})


def with_host_aliases(manifest: Json) -> None:
    manifest["spec"]["template"]["spec"]["hostAliases"] = [{"ip": "10.0.0.1", "hostnames": ["old-flag"]}]


def with_annotation(manifest: Json) -> None:
    manifest["spec"]["template"]["metadata"]["annotations"]["example.com/old-flag"] = "1"


@pytest.mark.parametrize("add", [with_environment, with_host_aliases, with_annotation])
@pytest.mark.parametrize("manager", ["kubectl-client-side-apply", "kubectl"])
def test_a_field_that_kubectl_applied_and_the_manifest_lacks_is_gone_after_the_first_release(
    install: Install, kubernetes: Start, add: Callable[[Json], None], manager: str
) -> None:
    cluster = kubernetes()
    manifest = workload("Deployment")
    manifest["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "KEEP", "value": "1"}]
    applied_before = copy.deepcopy(manifest)
    add(applied_before)
    cluster.create(applied_before, manager=manager)
    installation = install(production(manifests={"deployment.yaml": manifest}), kubernetes=cluster)
    push(installation, "v1")
    template = str(cluster.deployment()["spec"]["template"]).casefold().replace("_", "-")
    assert installation.live("production") == "v1"
    assert "keep" in template
    assert "old-flag" not in template


DEFINITION: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "tests.acme.example"},
    "spec": {
        "group": "acme.example",
        "scope": "Namespaced",
        "names": {"kind": "Test", "plural": "tests", "singular": "test"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
OBJECT: Json = {"apiVersion": "acme.example/v1", "kind": "Test", "metadata": {"name": "a"}, "spec": {"x": 1}}


@pytest.mark.parametrize("order", ["in order", "object first"])
def test_a_definition_and_an_object_of_its_kind_are_delivered_together(
    install: Install, kubernetes: Start, order: str
) -> None:
    names = ("1.yaml", "2.yaml") if order == "in order" else ("2.yaml", "1.yaml")
    files = dict(zip(names, (DEFINITION, OBJECT), strict=True))
    installation = install(production(manifests=files), kubernetes=kubernetes())
    push(installation, "v1")
    assert installation.live("production") == "v1", installation.release().reason


REPORT: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "report"}, "data": {"to": "ada"}}
SETTINGS: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"colour": "red"}}


def with_approvers(**changes: Any) -> Application:
    return shop(**{"environments": ("production",), **changes})


def test_an_object_that_left_the_manifests_is_named_before_people_vote_and_gone_afterwards(
    install: Install, kubernetes: Start
) -> None:
    cluster = kubernetes()
    installation = install(with_approvers(manifests={"report.yaml": REPORT}), kubernetes=cluster)
    push(installation, "v1")
    installation.approve(ADA)
    assert cluster.has("configmaps", "report")
    installation.change(with_approvers())
    push(installation, "v2")
    assert "deleted ConfigMap report" in installation.page(ADA, 2).text
    assert cluster.has("configmaps", "report")
    installation.approve(ADA, 2)
    assert installation.live("production") == "v2"
    assert not cluster.has("configmaps", "report")
    page = installation.release_page(2)
    assert "1 object that left the manifests deleted" in page
    assert "ConfigMap/report: deleted" in page


def test_an_object_whose_deletion_people_rejected_stays(install: Install, kubernetes: Start) -> None:
    cluster = kubernetes()
    installation = install(with_approvers(manifests={"report.yaml": REPORT}), kubernetes=cluster)
    push(installation, "v1")
    installation.approve(ADA)
    installation.change(with_approvers())
    push(installation, "v2")
    installation.reject(ADA, 2)
    assert cluster.has("configmaps", "report")


def reading(colour: str, **environment: object) -> Application:
    """With a proxy beside the application, whose image is not a release's, and which gets the settings as variables."""
    proxy = workload("Deployment", name="proxy", image=f"docker.io/library/proxy@sha256:{'0' * 64}")
    proxy["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    settings = {**SETTINGS, "data": {"colour": colour}}
    return with_approvers(manifests={"proxy.yaml": proxy, "settings.yaml": settings}, environment=environment)


def test_settings_that_no_pod_would_see_are_shown_before_people_vote(install: Install, kubernetes: Start) -> None:
    installation = install(reading("red"), kubernetes=kubernetes())
    push(installation, "v1")
    installation.approve(ADA)
    installation.change(reading("blue"))
    push(installation, "v2")
    warning = "ConfigMap settings: read only at start by pods that stay, which go on with the old content: "
    assert f"{warning}Deployment/proxy" in installation.page(ADA, 2).text


def test_where_the_application_says_so_pods_restart_with_their_settings(install: Install, kubernetes: Start) -> None:
    cluster = kubernetes()
    installation = install(reading("red", on_config_change="restart"), kubernetes=cluster)
    push(installation, "v1")
    installation.approve(ADA)
    template_before = cluster.deployment("proxy")["spec"]["template"]
    installation.change(reading("blue", on_config_change="restart"))
    push(installation, "v2")
    assert "ConfigMap settings:" not in installation.page(ADA, 2).text
    installation.approve(ADA, 2)
    assert cluster.deployment("proxy")["spec"]["template"] != template_before
    assert installation.live("production") == "v2"


def test_an_object_of_another_application_is_not_taken_over(install: Install, kubernetes: Start) -> None:
    cluster = kubernetes()
    labels = {"app.kubernetes.io/managed-by": "slipway", "slipway.dev/application": "other"}
    labels |= {"slipway.dev/environment": "production"}
    cluster.create({**REPORT, "metadata": {"name": "report", "labels": labels}}, manager="slipway")
    installation = install(with_approvers(manifests={"report.yaml": REPORT}), kubernetes=cluster)
    push(installation, "v1")
    assert installation.release().phase == "failed"
    assert "ConfigMap/report belongs to other in production" in installation.release_page()
