"""How the kubelet treats images that cannot be pulled and programs that fail, hang or will not start."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.contract.kubernetes_double.support import (
    WEB,
    Cluster,
    SmallRegistry,
    config_map,
    digest_of,
    job,
    layer,
    service,
    until,
    workload,
)

PORTS = [{"name": "http", "containerPort": 8080}]
READY = {"httpGet": {"path": "/ready", "port": 8080}}


def container(cluster: Cluster, app: str) -> dict[str, Any]:
    """The status of the one container of the one pod."""
    pods = cluster.pods(f"app={app}")
    statuses = pods[0]["status"].get("containerStatuses") if pods else None
    return statuses[0] if statuses else {"state": {}, "lastState": {}}


def waiting(cluster: Cluster, app: str) -> str:
    return str((container(cluster, app)["state"].get("waiting") or {}).get("reason", ""))


def test_a_missing_image_is_backed_off_from_and_pulled_once_it_is_there(
    cluster: Cluster, registry: SmallRegistry
) -> None:
    manifest = workload("Deployment", "web", f"{registry.address}/team/web:1", ports=PORTS, readinessProbe=READY)
    cluster.apply(manifest)
    until(lambda: waiting(cluster, "web") == "ErrImagePull", "the failed pull")
    until(lambda: waiting(cluster, "web") == "ImagePullBackOff", "the pause")
    message = container(cluster, "web")["state"]["waiting"]["message"]
    assert re.search(r'failed to resolve reference "\S+/team/web:1": \S+/team/web:1: not found', message)
    assert cluster.pods("app=web")[0]["status"]["phase"] == "Pending"
    registry.push("team/web", "1", {"web.py": WEB}, Entrypoint=["python", "/web.py"])
    until(lambda: cluster.rolled_out("web"), "the rollout")
    reasons = {e["reason"] for e in cluster.items("v1", "Event")}
    assert {"Failed", "Started"} <= reasons


def test_a_pod_for_another_node_is_not_started_and_goes_once_its_template_is_replaced(
    cluster: Cluster, registry: SmallRegistry
) -> None:
    image = registry.push("team/web", "1", {"web.py": WEB}, Entrypoint=["python", "/web.py"])
    manifest = workload("Deployment", "web", image, ports=PORTS, readinessProbe=READY)
    manifest["spec"]["template"]["spec"]["nodeSelector"] = {"team.example/pool": "gpu"}
    cluster.apply(manifest)
    until(lambda: [p["status"].get("conditions") for p in cluster.pods("app=web")] not in ([], [None]), "the pod")
    (pod,) = cluster.pods("app=web")
    (placed,) = pod["status"]["conditions"]
    assert (placed["type"], placed["status"], placed["reason"]) == ("PodScheduled", "False", "Unschedulable")
    assert "containerStatuses" not in pod["status"]
    del manifest["spec"]["template"]["spec"]["nodeSelector"]
    cluster.apply(manifest)
    until(lambda: cluster.rolled_out("web") and len(cluster.pods("app=web")) == 1, "the rollout")


def test_wrong_credentials_are_reported_without_showing_them(cluster: Cluster, registry: SmallRegistry) -> None:
    image = registry.push("team/web", "1", {"web.py": WEB}, Entrypoint=["python", "/web.py"])
    registry.password = "changed"
    cluster.apply(workload("Deployment", "web", image))
    until(lambda: waiting(cluster, "web") == "ImagePullBackOff", "the failed pull")
    message = container(cluster, "web")["state"]["waiting"]["message"]
    assert "401 unauthorized" in message
    assert "p4ss" not in message


def test_a_blob_that_is_not_what_its_digest_says_is_refused(cluster: Cluster, registry: SmallRegistry) -> None:
    blob = layer({"web.py": WEB})
    image = registry.push("team/web", "1", [blob], Entrypoint=["python", "/web.py"])
    registry.contents[digest_of(blob)] = (layer({"web.py": "evil"}), "x")
    cluster.apply(workload("Deployment", "web", image))
    until(lambda: waiting(cluster, "web") == "ImagePullBackOff", "the failed pull")
    assert f"expected {digest_of(blob)}" in container(cluster, "web")["state"]["waiting"]["message"]


def test_a_layer_that_points_out_of_the_image_is_refused(cluster: Cluster, registry: SmallRegistry) -> None:
    image = registry.push("team/web", "1", {"../../escaped": "x"}, Entrypoint=["python"])
    cluster.apply(workload("Deployment", "web", image))
    until(lambda: waiting(cluster, "web") == "ImagePullBackOff", "the failed pull")
    assert "outside the destination" in container(cluster, "web")["state"]["waiting"]["message"]


def test_later_layers_replace_and_remove_files_of_earlier_ones(cluster: Cluster, registry: SmallRegistry) -> None:
    layers = [
        layer({"a/one": "1", "a/two": "2", "b/three": "3", "c": "old"}),
        layer({"a/.wh.one": "", "b/.wh..wh..opq": "", "c": "new"}),
    ]
    program = "import os; print(sorted(os.listdir('a')), os.listdir('b'), open('c').read())"
    image = registry.push("team/t", "1", [*layers, layer({"run.py": program})], Entrypoint=["python", "/run.py"])
    cluster.apply(job("look", image))
    until(lambda: cluster.condition("Job", "look", "Complete"), "the job")
    assert cluster.log(cluster.pods("job-name=look")[0]["metadata"]["name"]) == "['two'] [] new\n"


@pytest.mark.parametrize("image", ["Web:1", "127.0.0.1:1/UPPER:1", "127.0.0.1:1/web@sha256:12"])
def test_a_name_that_is_not_an_image_is_reported(cluster: Cluster, image: str) -> None:
    cluster.apply(workload("Deployment", "web", image))
    until(lambda: waiting(cluster, "web") == "InvalidImageName", "the refusal")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["/usr/bin/no-such-program"], "no such file or directory"),
        (["/tool"], "only Python and scripts"),
        (["no-such-program"], "executable file not found"),
    ],
)
def test_a_program_that_this_machine_cannot_run_is_reported(
    cluster: Cluster, registry: SmallRegistry, command: list[str], expected: str
) -> None:
    image = registry.push("team/web", "1", {"elsewhere": "x"}, Cmd=["python"])
    cluster.apply(workload("Deployment", "web", image, command=command))
    until(lambda: waiting(cluster, "web") == "CreateContainerError", "the refusal")
    assert expected in container(cluster, "web")["state"]["waiting"]["message"]


def test_a_missing_config_map_is_waited_for(cluster: Cluster, registry: SmallRegistry) -> None:
    image = registry.push("team/web", "1", {"web.py": WEB}, Entrypoint=["python", "/web.py"])
    env = [{"name": "VERSION", "valueFrom": {"configMapKeyRef": {"name": "web", "key": "version"}}}]
    cluster.apply(workload("Deployment", "web", image, ports=PORTS, env=env, readinessProbe=READY))
    until(lambda: waiting(cluster, "web") == "CreateContainerConfigError", "the refusal")
    assert container(cluster, "web")["state"]["waiting"]["message"] == 'configmap "web" not found'
    cluster.apply(config_map("web", {"version": "7"}))
    until(lambda: cluster.rolled_out("web"), "the rollout")


def test_a_program_that_ends_is_restarted_with_growing_pauses(cluster: Cluster, registry: SmallRegistry) -> None:
    program = "import os, sys; print('start', flush=True); sys.exit(7)"
    image = registry.push("team/web", "1", {"web.py": program}, Entrypoint=["python", "/web.py"])
    cluster.apply(workload("Deployment", "web", image))
    until(lambda: waiting(cluster, "web") == "CrashLoopBackOff", "the pause")
    until(lambda: container(cluster, "web").get("restartCount", 0) >= 3, "more restarts")
    assert container(cluster, "web")["lastState"]["terminated"]["exitCode"] == 7
    name = cluster.pods("app=web")[0]["metadata"]["name"]
    assert until(lambda: cluster.log(name), "the log") == "start\n"
    until(lambda: not cluster.rolled_out("web"), "the next pause: while it runs, it counts as available")


def test_a_container_that_fails_its_liveness_probe_is_restarted(cluster: Cluster, registry: SmallRegistry) -> None:
    image = registry.push("team/web", "1", {"web.py": WEB}, Entrypoint=["python", "/web.py"])
    alive = {
        "httpGet": {"path": "/broken", "port": "http"},
        "periodSeconds": 1,
        "failureThreshold": 1,
        "initialDelaySeconds": 1,
    }
    cluster.apply(workload("Deployment", "web", image, ports=PORTS, livenessProbe=alive))
    until(lambda: container(cluster, "web").get("restartCount", 0) >= 1, "the restart")
    assert container(cluster, "web")["lastState"]["terminated"]["exitCode"] in (137, 143)


def test_a_pod_that_is_not_ready_gets_no_requests(cluster: Cluster, registry: SmallRegistry) -> None:
    image = registry.push("team/web", "1", {"web.py": WEB}, Entrypoint=["python", "/web.py"])
    broken = {"httpGet": {"path": "/broken", "port": "http"}, "periodSeconds": 1}
    cluster.apply(service("web", "http"))
    cluster.apply(workload("Deployment", "web", image, ports=PORTS, readinessProbe=broken))
    until(lambda: container(cluster, "web")["state"].get("running"), "the program")
    path = "/api/v1/namespaces/default/services/web:80/proxy/"
    code, body, _ = cluster.raw("GET", path)
    status = json.loads(body)
    assert (code, status["kind"], status["reason"]) == (503, "Status", "ServiceUnavailable")
    assert status["message"] == 'no endpoints available for service "web"'
    assert cluster.raw("GET", "/api/v1/namespaces/default/services/none:80/proxy/")[0] == 404
    assert cluster.raw("GET", "/api/v1/namespaces/default/services/web:81/proxy/")[0] == 503
    assert list(cluster.get("v1", "Endpoints", "web")["subsets"][0]) == ["notReadyAddresses", "ports"]


def test_the_proxy_carries_methods_bodies_and_headers(cluster: Cluster, registry: SmallRegistry) -> None:
    image = registry.push("team/web", "1", {"web.py": WEB}, Entrypoint=["python", "/web.py"])
    cluster.apply(service("web", "http"))
    cluster.apply(workload("Deployment", "web", image, ports=PORTS, readinessProbe={"tcpSocket": {"port": "http"}}))
    until(lambda: cluster.rolled_out("web"), "the rollout")
    path = "/api/v1/namespaces/default/services/http:web:http/proxy/"
    code, body, headers = cluster.raw("POST", path + "order", "two", "text/plain")
    assert (code, body) == (200, b"1 POST /order two")
    pod = cluster.pods("app=web")[0]["metadata"]["name"]
    assert headers["X-Pod"] == pod
    assert cluster.raw("HEAD", path)[:2] == (200, b"")
    assert cluster.raw("GET", path + "broken")[0] == 500
    assert cluster.raw("GET", f"/api/v1/namespaces/default/pods/{pod}:8080/proxy/x")[1] == b"1 GET /x"


def test_a_job_reaches_a_service_by_its_variables(cluster: Cluster, registry: SmallRegistry) -> None:
    web = registry.push("team/web", "1", {"web.py": WEB}, Entrypoint=["python", "/web.py"])
    cluster.apply(service("shop", "http"))
    cluster.apply(workload("Deployment", "shop", web, ports=PORTS, readinessProbe=READY))
    until(lambda: cluster.rolled_out("shop"), "the rollout")
    program = (
        "import os, urllib.request as u; e = os.environ\n"
        "print(u.urlopen(f\"http://{e['SHOP_SERVICE_HOST']}:{e['SHOP_SERVICE_PORT']}/hi\").read().decode())"
    )
    image = registry.push("team/t", "1", {"t.py": program}, Entrypoint=["python", "/t.py"])
    cluster.apply(job("accept", image))
    until(lambda: cluster.condition("Job", "accept", "Complete"), "the job")
    assert cluster.log(cluster.pods("job-name=accept")[0]["metadata"]["name"]) == "1 GET /hi\n"


def test_a_deleted_pod_is_asked_to_end_and_then_made_to(
    cluster: Cluster, registry: SmallRegistry, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    polite = (
        "import signal, sys\n"
        f"def bye(*_): open({str(note)!r}, 'w').write('asked'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, bye)\n"
    )
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    loop = "print('up', flush=True)\nwhile True: signal.pause()"
    for name, program in (("polite", polite), ("deaf", deaf)):
        image = registry.push(f"team/{name}", "1", {"run.py": program + loop}, Entrypoint=["python", "/run.py"])
        manifest = workload("StatefulSet", name, image)
        manifest["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1
        cluster.apply(manifest)

        def has_written(name: str = name) -> bool:
            return bool(container(cluster, name)["state"].get("running") and cluster.log(f"{name}-0"))

        until(has_written, "the program")
        uid = cluster.get("v1", "Pod", f"{name}-0")["metadata"]["uid"]
        cluster.kind("v1", "Pod").delete(name=f"{name}-0", namespace="default")

        def replaced(name: str = name, uid: str = uid) -> bool:
            pods = cluster.pods(f"app={name}")
            return bool(pods) and pods[0]["metadata"]["uid"] != uid

        until(replaced, "another pod")
    assert note.read_text() == "asked"


def test_logs_can_be_cut_and_chosen(cluster: Cluster, registry: SmallRegistry) -> None:
    image = registry.push(
        "team/t", "1", {"t.py": "for n in range(5): print('line', n)"}, Entrypoint=["python", "/t.py"]
    )
    manifest = job("two", image)
    manifest["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": image, "args": ["x"]})
    cluster.apply(manifest)
    until(lambda: cluster.condition("Job", "two", "Complete"), "the job")
    name = cluster.pods("job-name=two")[0]["metadata"]["name"]
    assert cluster.log(name, container="test", tailLines=2) == "line 3\nline 4\n"
    assert cluster.log(name, container="side", limitBytes=6) == "line 0"
    path = f"/api/v1/namespaces/default/pods/{name}/log"
    code, body, _ = cluster.raw("GET", path)
    assert code == 400
    assert (
        json.loads(body)["message"] == f"a container name must be specified for pod {name}, choose one of: [test side]"
    )
    assert cluster.raw("GET", path + "?container=none")[0] == 400
    assert cluster.raw("GET", path + "?container=test&tailLines=x")[0] == 400


def test_config_maps_secrets_and_empty_folders_can_be_mounted(cluster: Cluster, registry: SmallRegistry) -> None:
    program = "import sys, os; print(open(sys.argv[1]).read(), os.listdir(os.environ['SCRATCH']))"
    image = registry.push("team/t", "1", {"t.py": program}, Entrypoint=["python", "/t.py"])
    cluster.apply(config_map("settings", {"a.txt": "mounted"}))
    mounts = [{"name": "cfg", "mountPath": "/etc/settings"}, {"name": "tmp", "mountPath": "/scratch"}]
    manifest = job(
        "mount",
        image,
        args=["/etc/settings/a.txt"],
        volumeMounts=mounts,
        env=[{"name": "SCRATCH", "value": "/scratch"}],
    )
    volumes = [{"name": "cfg", "configMap": {"name": "settings"}}, {"name": "tmp", "emptyDir": {}}]
    manifest["spec"]["template"]["spec"]["volumes"] = volumes
    cluster.apply(manifest)
    until(lambda: cluster.condition("Job", "mount", "Complete"), "the job")
    assert cluster.log(cluster.pods("job-name=mount")[0]["metadata"]["name"]) == "mounted []\n"


def test_init_containers_run_first_and_their_failure_fails_the_pod(cluster: Cluster, registry: SmallRegistry) -> None:
    program = "import sys; print('ran', sys.argv[1]); sys.exit(int(sys.argv[1]))"
    image = registry.push("team/t", "1", {"t.py": program}, Entrypoint=["python", "/t.py"])
    for name, code, verdict in (("good", "0", "Complete"), ("bad", "1", "Failed")):
        manifest = job(name, image, args=["0"])
        manifest["spec"]["template"]["spec"]["initContainers"] = [{"name": "first", "image": image, "args": [code]}]
        cluster.apply(manifest)
        until(partial(cluster.condition, "Job", name, verdict), verdict)
        pod = cluster.pods(f"job-name={name}")[0]
        assert cluster.log(pod["metadata"]["name"], container="first") == f"ran {code}\n"
