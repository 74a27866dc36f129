"""The double as a process of its own: how it starts, what it prints, and that nothing outlives it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from local.kubernetes import Kubernetes, KubernetesSettings, RegistryLogin
from tests.contract.kubernetes_double.support import Cluster, SmallRegistry, digest_of, job, layer, until

REGISTRY = "/usr/bin/docker-registry"
ROOT = Path(__file__).parents[3]
FOREVER = "import os, time; print(os.getpid(), flush=True)\nwhile True: time.sleep(60)"


@contextmanager
def started(config: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    command = [sys.executable, "-m", "local.kubernetes", "--config", str(config), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


def write(path: Path, **settings: Any) -> Path:
    path.write_text(json.dumps(settings))
    return path


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_the_double_prints_where_it_listens_and_stops_on_sigterm(tmp_path: Path) -> None:
    config = write(tmp_path / "k.json", namespaces=["shop"], simulate=True, tokens=[{"token": "t", "user": "me"}])
    kubeconfig = tmp_path / "kubeconfig"
    with started(config, "--kubeconfig", str(kubeconfig)) as (process, ready):
        assert ready == {"ready": True, "port": ready["port"], "url": f"http://127.0.0.1:{ready['port']}"}
        assert Cluster(ready["url"], tmp_path, "t").kind("v1", "Namespace").get(name="shop").metadata.name == "shop"
        document = yaml.safe_load(kubeconfig.read_text())
        assert document["clusters"][0]["cluster"]["server"] == ready["url"]
        assert document["users"][0]["user"] == {"token": "t"}
        assert kubeconfig.stat().st_mode & 0o077 == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_the_double_stops_with_its_parent(tmp_path: Path) -> None:
    with started(write(tmp_path / "k.json", simulate=True), "--stop-with-parent") as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_program_outlives_the_double_however_it_ends(
    tmp_path: Path, registry: SmallRegistry, number: signal.Signals
) -> None:
    image = registry.push("team/t", "1", {"t.py": FOREVER}, Entrypoint=["python", "/t.py"])
    login = {"login_server": registry.address, "username": registry.username, "password": registry.password}
    config = write(tmp_path / "k.json", registries=[login], state_dir=str(tmp_path / "state"))
    with started(config) as (process, ready):
        cluster = Cluster(ready["url"], tmp_path)
        cluster.apply(job("stay", image))
        until(lambda: [p for p in cluster.pods("job-name=stay") if p["status"]["phase"] == "Running"], "the program")
        name = cluster.pods("job-name=stay")[0]["metadata"]["name"]
        pid = int(until(lambda: cluster.log(name), "its first line"))
        assert is_running(pid)
        process.send_signal(number)
        process.wait(timeout=20)
        until(lambda: not is_running(pid), "the end of the program")


FIELDS = {"namespace": ["a"], "namespaces": ["Not Valid"], "tokens": [{"token": "s3cret", "verbs": ["fly"]}]}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            FIELDS,
            (
                "namespace: Extra inputs are not permitted",
                "namespaces.0: String should match pattern",
                "tokens.0.verbs",
            ),
        ),
        ({"tokens": [{"token": "s3cret"}, {"token": "s3cret"}]}, ("tokens: the same one is listed twice",)),
    ],
)
def test_a_wrong_configuration_is_reported_by_field_without_its_values(
    tmp_path: Path, settings: dict[str, Any], expected: tuple[str, ...]
) -> None:
    config = write(tmp_path / "k.json", **settings)
    command = [sys.executable, "-m", "local.kubernetes", "--config", str(config)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == 2
    assert [text for text in expected if text not in process.stderr] == []
    assert "s3cret" not in process.stderr


# ---- a registry that we did not write


@pytest.fixture
def distribution(tmp_path: Path) -> Iterator[str]:
    """docker-registry 2.8 on a free port; its address."""
    if shutil.which(REGISTRY) is None:
        pytest.skip(f"{REGISTRY} is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    config = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}},
        "http": {"addr": address},
    }
    (tmp_path / "registry.yml").write_text(yaml.safe_dump(config))
    command = [REGISTRY, "serve", str(tmp_path / "registry.yml")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    http = urllib3.PoolManager(retries=False)

    def is_up() -> bool:
        try:
            return http.request("GET", f"http://{address}/v2/").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    try:
        until(is_up, "docker-registry")
        yield address
    finally:
        process.terminate()
        process.wait()


def push(address: str, repository: str, tag: str, blob: bytes, config: dict[str, Any]) -> None:
    http = urllib3.PoolManager(retries=False)
    base = f"http://{address}/v2/{repository}"

    def upload(content: bytes) -> dict[str, Any]:
        url = http.request("POST", f"{base}/blobs/uploads/").headers["Location"]
        separator = "&" if "?" in url else "?"
        response = http.request("PUT", f"{url}{separator}digest={digest_of(content)}", body=content)
        assert response.status == 201
        return {"digest": digest_of(content), "size": len(content)}

    kind = "application/vnd.docker"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.distribution.manifest.v2+json",
        "config": {"mediaType": f"{kind}.container.image.v1+json", **upload(json.dumps({"config": config}).encode())},
        "layers": [{"mediaType": f"{kind}.image.rootfs.diff.tar.gzip", **upload(blob)}],
    }
    headers = {"Content-Type": f"{kind}.distribution.manifest.v2+json"}
    response = http.request("PUT", f"{base}/manifests/{tag}", body=json.dumps(manifest), headers=headers)
    assert response.status == 201


def test_images_come_from_a_real_registry_by_tag(distribution: str, tmp_path: Path) -> None:
    push(distribution, "team/t", "v1", layer({"t.py": "print('from docker-registry')"}), {"Cmd": ["python", "/t.py"]})
    settings = KubernetesSettings(registries=(RegistryLogin(login_server=distribution),))
    with Kubernetes(settings) as running:
        cluster = Cluster(running.url, tmp_path)
        cluster.apply(job("accept", f"{distribution}/team/t:v1"))
        until(lambda: cluster.condition("Job", "accept", "Complete"), "the job")
        assert cluster.log(cluster.pods("job-name=accept")[0]["metadata"]["name"]) == "from docker-registry\n"
