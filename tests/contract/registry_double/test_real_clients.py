"""skopeo, a client written without the double in mind: copies an image of two platforms out and in, and inspects it."""

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local.images import Credentials, build, push

from .support import ANY_MANIFEST, PASSWORD, SKOPEO, USER, Client

pytestmark = pytest.mark.skipif(SKOPEO is None, reason="skopeo is not installed (Debian: apt-get install skopeo)")

CREDENTIALS = f"{USER}:{PASSWORD}"


def skopeo(*arguments: str) -> str:
    assert SKOPEO
    environment = {**os.environ, "NO_PROXY": "127.0.0.1,localhost"}
    process = subprocess.run(
        [SKOPEO, "--insecure-policy", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def pushed(client: Client, tmp_path: Path) -> str:
    source = tmp_path / "source" / "app"
    source.mkdir(parents=True)
    (source / "server.py").write_text("print('hello')\n")
    image = build(source.parent, version="1.2.3", revision="abc", source="https://example.org/hello")
    credentials = Credentials(user=USER, password=PASSWORD)
    push(image, registry_url=client.url, repository="hello", tag="1.2.3", credentials=credentials)
    return image.digest


def test_an_image_that_skopeo_copies_out_and_in_again_keeps_its_digest(acr: Client, tmp_path: Path) -> None:
    digest, server = pushed(acr, tmp_path), urlsplit(acr.url).netloc
    layout = f"oci:{tmp_path / 'layout'}:1.2.3"
    skopeo(
        "copy",
        "--all",
        "--src-tls-verify=false",
        f"--src-creds={CREDENTIALS}",
        f"docker://{server}/hello:1.2.3",
        layout,
    )
    skopeo(
        "copy",
        "--all",
        "--dest-tls-verify=false",
        f"--dest-creds={CREDENTIALS}",
        layout,
        f"docker://{server}/back:1.2.3",
    )
    head = acr.send("HEAD", "/v2/back/manifests/1.2.3", headers=ANY_MANIFEST)
    assert head.headers["Docker-Content-Digest"] == digest


def test_skopeo_reads_the_labels_and_the_configuration_of_an_image(acr: Client, tmp_path: Path) -> None:
    digest, server = pushed(acr, tmp_path), urlsplit(acr.url).netloc
    inspect = ["inspect", "--tls-verify=false", f"--creds={CREDENTIALS}", f"docker://{server}/hello:1.2.3"]
    inspected = json.loads(skopeo("--override-os=linux", "--override-arch=arm64", *inspect))
    assert (inspected["Digest"], inspected["Architecture"], inspected["RepoTags"]) == (digest, "arm64", ["1.2.3"])
    assert inspected["Labels"]["org.opencontainers.image.version"] == "1.2.3"
    assert "APP_VERSION=1.2.3" in inspected["Env"]
    config = json.loads(skopeo("--override-os=linux", "--override-arch=amd64", *inspect, "--config"))
    assert config["config"]["Entrypoint"] == ["python3", "/app/server.py"]
