"""The kubelet runs what the image and the manifest say, as a process of this machine."""

import json
from typing import Any

import pytest

from tests.contract.kubernetes_double.support import (
    WEB,
    Cluster,
    SmallRegistry,
    config_map,
    job,
    service,
    until,
    workload,
)

READY = {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1}
PORTS = [{"name": "http", "containerPort": 8080}]


def finished(cluster: Cluster, name: str) -> str:
    """Complete or Failed."""
    for kind in ("Complete", "Failed"):
        if cluster.condition("Job", name, kind):
            return kind
    return ""


def run_job(cluster: Cluster, manifest: dict[str, Any]) -> tuple[str, str]:
    """(Complete or Failed, what the newest pod wrote)"""
    name = manifest["metadata"]["name"]
    cluster.apply(manifest)
    verdict = until(lambda: finished(cluster, name), f"job {name}")
    pods = cluster.pods(f"job-name={name}")
    return verdict, cluster.log(pods[-1]["metadata"]["name"])


def test_a_job_runs_the_program_of_the_image_and_its_output_is_the_log(
    cluster: Cluster, registry: SmallRegistry
) -> None:
    image = registry.push(
        "team/tests", "1", {"app/run.py": "print('3 passed')"}, Entrypoint=["python", "run.py"], WorkingDir="/app"
    )
    assert run_job(cluster, job("accept", image)) == ("Complete", "3 passed\n")
    status = cluster.pods("job-name=accept")[0]["status"]
    assert status["phase"] == "Succeeded"
    assert status["containerStatuses"][0]["imageID"] == image
    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 0


def test_a_failing_program_fails_its_job_with_its_exit_code(cluster: Cluster, registry: SmallRegistry) -> None:
    image = registry.push(
        "team/tests", "1", {"run.py": "import sys; print('1 failed'); sys.exit(3)"}, Cmd=["python3", "/run.py"]
    )
    assert run_job(cluster, job("accept", image)) == ("Failed", "1 failed\n")
    pod = cluster.pods("job-name=accept")[0]
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
    failed = cluster.condition("Job", "accept", "Failed")
    assert failed["reason"] == "BackoffLimitExceeded"
    assert cluster.condition("Job", "accept", "FailureTarget")["reason"] == "BackoffLimitExceeded"


def test_the_environment_comes_from_image_manifest_and_services_and_nothing_else(
    cluster: Cluster, registry: SmallRegistry, monkeypatch: Any
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "leaked")
    program = "import os, json; print(json.dumps(dict(os.environ)))"
    image = registry.push(
        "team/tests", "1", {"run.py": program}, Entrypoint=["python", "/run.py"], Env=["A=image", "B=image"]
    )
    cluster.apply(config_map("settings", {"COLOUR": "blue", "SIZE": "9"}))
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "default"}}
    cluster.apply(secret | {"stringData": {"token": "s3cret"}})
    cluster.apply(service("web-shop", 8080))
    env = [
        {"name": "B", "value": "manifest"},
        {"name": "GREETING", "value": "$(A) and $(B), not $(C), $$(A)"},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "key", "key": "token"}}},
        {"name": "ONE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "SIZE"}}},
        {"name": "NONE", "valueFrom": {"configMapKeyRef": {"name": "nope", "key": "SIZE", "optional": True}}},
        {"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "WHERE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]
    all_of = [{"prefix": "CFG_", "configMapRef": {"name": "settings"}}]
    manifest = job("env", image, env=env, envFrom=all_of, ports=PORTS)
    verdict, text = run_job(cluster, manifest)
    assert verdict == "Complete"
    environment = json.loads(text)
    assert environment.pop("PORT") == environment.pop("PORT_8080") != "8080"
    assert int(environment.pop("WEB_SHOP_SERVICE_PORT")) == int(environment.pop("WEB_SHOP_SERVICE_PORT_HTTP")) > 0
    home = environment.pop("HOME")
    assert environment.pop("TMPDIR") == home
    environment = {k: v for k, v in environment.items() if k not in ("LC_CTYPE", "__CF_USER_TEXT_ENCODING")}
    assert environment == {
        "A": "image",
        "B": "manifest",
        "GREETING": "image and manifest, not $(C), $(A)",
        "TOKEN": "s3cret",
        "ONE": "9",
        "ME": environment["HOSTNAME"],
        "WHERE": "default",
        "IP": "127.0.0.1",
        "CFG_COLOUR": "blue",
        "CFG_SIZE": "9",
        "HOST": "127.0.0.1",
        "HOSTNAME": environment["HOSTNAME"],
        "WEB_SHOP_SERVICE_HOST": "127.0.0.1",
        "PATH": environment["PATH"],
    }


@pytest.mark.parametrize(("stated", "expected"), [("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("shop", "shop")])
def test_a_program_that_would_listen_on_all_addresses_gets_the_loopback_address(
    cluster: Cluster, registry: SmallRegistry, stated: str, expected: str
) -> None:
    program = {"run.py": "import os; print(os.environ['HOST'])"}
    image = registry.push("team/tests", "1", program, Entrypoint=["python", "/run.py"])
    assert run_job(cluster, job("where", image, env=[{"name": "HOST", "value": stated}]))[1].strip() == expected


def test_a_deployment_rolls_from_one_version_to_the_next_and_always_has_a_ready_endpoint(
    cluster: Cluster, registry: SmallRegistry
) -> None:
    images = [
        registry.push(
            "team/web", str(n), {"web.py": WEB, "v": str(n)}, Entrypoint=["python", "/web.py"], Env=[f"VERSION={n}"]
        )
        for n in (1, 2)
    ]
    manifests = [
        workload("Deployment", "web", image, spec={"replicas": 2}, readinessProbe=READY, ports=PORTS)
        for image in images
    ]
    cluster.apply(service("web", "http"))
    cluster.apply(manifests[0])
    until(lambda: cluster.rolled_out("web"), "the first rollout")
    path = "/api/v1/namespaces/default/services/web:http/proxy/hello?x=1"
    assert cluster.raw("GET", path)[:2] == (200, b"1 GET /hello?x=1")
    cluster.apply(manifests[1])
    bodies = set()

    def rolled_out_after_a_request() -> bool:
        code, body, _ = cluster.raw("GET", path)
        # As on a cluster, a program that ends at once on SIGTERM may end between being chosen and being connected to.
        bodies.add(body[:1] if code == 200 else body)
        return cluster.rolled_out("web")

    until(rolled_out_after_a_request, "the second rollout")
    assert not [body for body in bodies if b"no endpoints available" in body]
    assert cluster.raw("GET", path)[1] == b"2 GET /hello?x=1"
    assert (
        cluster.get("apps/v1", "Deployment", "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
        == "2"
    )
