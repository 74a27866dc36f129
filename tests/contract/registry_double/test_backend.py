"""What only the double in front of a docker-registry does: it takes in what was there before."""

from pathlib import Path

import pytest

from local.registry import Registry

from .support import DOCKER_REGISTRY, Client, docker_registry, index_of, settings

pytestmark = pytest.mark.skipif(DOCKER_REGISTRY is None, reason="docker-registry is not installed")


def test_what_a_backend_held_before_is_known_from_the_start(tmp_path: Path) -> None:
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
