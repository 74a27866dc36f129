"""What only the double in front of a docker-registry does: it knows what was pushed there before."""

import contextlib
from pathlib import Path

import pytest

from local.registry import Registry

from .support import DOCKER_REGISTRY, Client, code_of, docker_registry, index_of, settings

pytestmark = pytest.mark.skipif(DOCKER_REGISTRY is None, reason="docker-registry is not installed")


def test_a_backend_that_is_gone_is_a_502_in_the_registrys_form(tmp_path: Path) -> None:
    with contextlib.ExitStack() as running:
        url = running.enter_context(docker_registry(tmp_path))
        with Registry(settings(backend=url)) as registry:
            client = Client(registry.url)
            client.push_image("hello", "1.2.3")
            running.close()
            refused = client.send("POST", "/v2/hello/blobs/uploads/")
            assert (refused.status, code_of(refused)) == (502, "BACKEND_FAILED")


def test_a_backend_that_is_not_there_stops_the_start() -> None:
    with pytest.raises(OSError, match=r"127\.0\.0\.1:9"), Registry(settings(backend="http://127.0.0.1:9")):
        raise AssertionError("it started")


def test_images_that_a_backend_held_before_are_known_from_the_start(tmp_path: Path) -> None:
    with docker_registry(tmp_path) as url:
        before = Client(url)
        index = index_of(before.push_image("hello", content=b"amd64"), before.push_image("hello", content=b"arm64"))
        before.push_manifest("hello", index, "1.2.3")
        with Registry(settings(backend=url)) as registry:
            client = Client(registry.url)
            listed = client.send("GET", "/acr/v1/hello/_manifests").json()["manifests"]
            assert len(listed) == 3
            tag = client.send("GET", "/acr/v1/hello/_tags/1.2.3").json()["tag"]
            assert tag["digest"] == index.digest
